"""Replicas: who may ask, who is admitted, from when on they count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import HAND, HAND_ACTION, hand_state, world
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from eco_jax.env.placement import admit

admitted = jax.jit(admit)


@pytest.fixture(scope="module")
def hand():
    return world(**HAND)


@pytest.fixture(scope="module")
def start(hand):
    """Everybody asks for a replica at server 8, far from all candidates, and holds none; T = 6.4e6 each."""
    state = hand_state(hand.reset()[1])
    return state._replace(
        place=state.place._replace(predicted_server=jnp.full(4, 8, jnp.int32)), replica=jnp.full(4, -1, jnp.int32)
    )


EVERYBODY = np.array([[1, 3, 1, 0]] * 4)


def placed(world, state, action):
    """(who placed, replicas after, energies of placement, metrics)."""
    _, new, _, _, _, info = world.step(state, action)
    energy = np.asarray(info["outcome"].terms.placement)
    return (energy > 0).tolist(), new.replica.tolist(), energy, info["metrics"]


@pytest.mark.parametrize(
    ("level", "service", "pays"),
    # c_store S against T (C_f + C~_f): 5e-9 S against 1.1e-8 T, so S up to 2.2 T.
    # T = 6.4e6: 14.08e6; T = 1.6e6 (beta 1/4): 3.52e6.
    [(3, 14.0e6, True), (3, 14.2e6, False), (0, 3.5e6, True), (0, 3.55e6, False)],
)
def test_admission_inequality(hand, start, level, service, pays):
    state = start._replace(hardware=start.hardware._replace(service=jnp.full(4, service)))
    action = [[1, level, 1, 0]] + [[0, 0, 0, 0]] * 3
    who, replica, energy, metrics = placed(hand, state, action)
    assert who == [pays, False, False, False]
    assert replica == [8 if pays else -1, -1, -1, -1]
    assert_allclose(energy, [0.01 * pays, 0, 0, 0], rtol=1e-6)
    assert float(metrics["refused"]) == 0.0  # it did not ask: a refusal is a full server


@pytest.mark.parametrize("where", ["executing", "replica"])
def test_nothing_to_gain_no_placement(hand, start, where):
    if where == "executing":
        predicted, replica = 0, -1
    else:
        predicted, replica = 8, 8
    state = start._replace(
        place=start.place._replace(predicted_server=jnp.full(4, predicted, jnp.int32)),
        replica=jnp.full(4, replica, jnp.int32),
    )
    who, after, *_ = placed(hand, state, [[1, 3, 1, 0]] + [[0, 0, 0, 0]] * 3)
    assert who == [False] * 4
    assert after == [replica] * 4


def test_a_local_task_places_nothing(hand, start):
    who, replica, *_ = placed(hand, start, [[0, 3, 1, 0]] * 4)
    assert who == [False] * 4
    assert replica == [-1] * 4


def test_only_who_asks_places(hand, start):
    who, *_ = placed(hand, start, [[1, 3, 0, 0], [1, 3, 1, 0], [1, 3, 0, 0], [1, 3, 0, 0]])
    assert who == [False, True, False, False]


def test_capacity_ties_by_index(hand, start):
    # Two slots at server 8, four askers with equal T.
    who, replica, energy, metrics = placed(hand, start, EVERYBODY)
    assert who == [True, True, False, False]
    assert replica == [8, 8, -1, -1]
    assert_allclose(energy, [0.01, 0.01, 0, 0], rtol=1e-6)
    assert float(metrics["refused"]) == 0.5
    assert float(metrics["placements"]) == 0.5


def test_order_by_falling_bits(hand, start):
    # beta 1/4, 3/4, 1/2, 1: the largest two are users 3 and 1.
    who, replica, *_ = placed(hand, start, [[1, 0, 1, 0], [1, 2, 1, 0], [1, 1, 1, 0], [1, 3, 1, 0]])
    assert who == [False, True, False, True]
    assert replica == [-1, 8, -1, 8]


def test_a_refusal_costs_nothing(hand, start):
    asking = hand.step(start, EVERYBODY)[5]["outcome"]
    silent = hand.step(start, EVERYBODY * [1, 1, 0, 1])[5]["outcome"]
    assert_allclose(asking.energy[2:], silent.energy[2:], rtol=0)
    assert_allclose(asking.reward[2:], silent.reward[2:], rtol=0)
    assert_allclose(asking.energy[:2] - silent.energy[:2], 0.01, rtol=1e-4)


def test_an_old_replica_occupies_its_slot_until_the_next(hand, start):
    # Users 0 and 1 hold server 8 and ask for 7 instead; users 2 and 3 ask for 8: refused now, admitted a slot later.
    state = start._replace(
        place=start.place._replace(predicted_server=jnp.array([7, 7, 8, 8], jnp.int32)),
        replica=jnp.array([8, 8, -1, -1], jnp.int32),
    )
    _, new, *_ = hand.step(state, EVERYBODY)
    assert new.replica.tolist() == [7, 7, -1, -1]
    later = new._replace(place=state.place, task=state.task)
    assert hand.step(later, EVERYBODY)[1].replica.tolist() == [7, 7, 8, 8]


def test_a_placement_counts_from_the_next_slot(hand, start):
    # User 2 ran at server 5, goes to server 2, and has a replica placed there in the same slot by prediction.
    predicted = start.place.predicted_server.at[2].set(4)
    state = start._replace(place=start.place._replace(predicted_server=predicted))
    action = HAND_ACTION.copy()
    action[2] = [3, 3, 1, 0]
    _, new, *_, info = hand.step(state, action)
    assert int(new.replica[2]) == 4
    assert_allclose(info["outcome"].migration[2], 0.064, rtol=1e-5)  # server 2 holds none: 6.4e6 * 1e-8
    action[2] = [2, 3, 0, 0]  # to server 4, where it waits since the last slot
    again = new._replace(place=state.place, task=state.task)
    _, third, *_, info = hand.step(again, action)
    assert_allclose(info["outcome"].migration[2], 0.0)
    assert_allclose(info["metrics"]["hits"], 0.25)
    assert int(third.replica[2]) == 4  # it stays until replaced
    # At once, by the same slot's placement: no.
    away = state._replace(place=state.place._replace(candidates=state.place.candidates.at[2].set(jnp.array([5, 8, 4]))))
    _, _, *_, info = hand.step(away, action)
    assert_allclose(info["outcome"].migration[2], 0.064, rtol=1e-5)


def test_a_replica_stays_until_replaced(hand, start):
    state = start._replace(replica=jnp.array([8, 7, 6, -1], jnp.int32))
    for slot in range(4):
        _, state, *_ = hand.step(state, [[slot % 4, 3, 0, 0]] * 4, seed=slot)
        assert state.replica.tolist() == [8, 7, 6, -1]


@pytest.mark.parametrize(
    ("knowledge", "where"), [("none", "access"), ("telemetry", "next"), ("forecast", "next"), ("twin", "next")]
)
def test_placed_where_the_user_is_expected(knowledge, where):
    # A user at 960 m drives east at 16 m/s between servers at 500 and 1500 m: at 1040 m in the next slot.
    small = world(knowledge=knowledge, speed_min=57.6, speed_max=57.6)
    _, state = small.reset()
    motion = state.mobility._replace(
        position=jnp.full((4, 2), jnp.array([880.0, 500.0])),
        target=jnp.full((4, 2), jnp.array([2000.0, 500.0])),
    )
    fixes = state.fixes._replace(last=motion.position, previous=motion.position)
    _, state, *_ = small.step(state._replace(mobility=motion, fixes=fixes), [[0, 0, 0, 0]] * 4)
    assert_allclose(state.place.position, [[960.0, 500.0]] * 4, rtol=1e-6)
    assert state.place.candidates[:, 0].tolist() == [0] * 4
    assert state.place.predicted_server.tolist() == ([0] if where == "access" else [1]) * 4
    assert_allclose(state.place.predicted_distance[:, 0], 460.0 if where == "access" else 540.0, rtol=1e-5)
    # At `none` a placement at the access server pays only for who runs elsewhere: candidate 2 is server 1 or 3.
    hardware = state.hardware._replace(service=jnp.full(4, 1e6))
    state = state._replace(hardware=hardware)
    _, new, *_ = small.step(state, [[1, 3, 1, 0], [3, 3, 1, 0], [0, 0, 1, 0], [1, 3, 0, 0]])
    expected = [-1, 0, -1, -1] if where == "access" else [1, 1, -1, -1]
    assert int(state.place.candidates[1, 2]) not in (0, 1)
    assert new.replica.tolist() == expected


def by_search(wanted, server, bits, replica, capacity):
    """Askers one by one in order of falling bits, against what was held at the start and admitted since."""
    yes = [False] * len(server)
    for j in sorted(range(len(server)), key=lambda j: (-bits[j], j)):
        if wanted[j]:
            taken = sum(r == server[j] for r in replica)
            taken += sum(yes[k] and server[k] == server[j] for k in range(len(server)))
            yes[j] = taken < capacity
    return yes


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 2), st.sampled_from([1e6, 2e6, 3e6]), st.integers(-1, 2)),
        min_size=6,
        max_size=6,
    ),
    st.integers(0, 4),
)
def test_admission_is_what_a_search_finds(users, capacity):
    wanted, server, bits, replica = (list(column) for column in zip(*users, strict=True))
    held = jnp.array([replica.count(i) for i in range(3)], jnp.int32)
    got = admitted(jnp.array(wanted), jnp.array(server), jnp.array(bits, jnp.float32), held, jnp.float32(capacity))
    assert got.tolist() == by_search(wanted, server, bits, replica, capacity)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 2))
def test_capacity_is_never_exceeded(hand, seed, capacity):
    small = world(**HAND, replica_slots=capacity, service_min=0.0, service_max=1.0)
    _, state = small.reset(seed)
    rng = np.random.default_rng(seed)
    for slot in range(6):
        action = rng.integers(0, small.env.heads, (4, 4))
        action[:, 2] = 1
        # Crowd the predictions, so that the capacity binds.
        crowd = state.place._replace(predicted_server=jnp.asarray(rng.integers(0, 2, 4), jnp.int32))
        before = state.replica
        _, state, *_, info = small.step(state._replace(place=crowd), action, seed=seed + slot)
        held = np.bincount(np.asarray(state.replica)[np.asarray(state.replica) >= 0], minlength=9)
        assert held.max(initial=0) <= capacity
        changed = np.asarray(state.replica != before)
        assert (np.asarray(info["outcome"].terms.placement) > 0).tolist() == changed.tolist()
        assert (np.asarray(state.replica)[changed] == np.asarray(crowd.predicted_server)[changed]).all()


@pytest.mark.long
def test_printed_placements_always_succeed():
    printed = world("printed")
    _, state = printed.reset()
    state = state._replace(place=state.place._replace(predicted_server=jnp.full(4, 8, jnp.int32)))
    _, new, *_, info = printed.step(state, EVERYBODY)
    assert new.replica.tolist() == [8] * 4  # two slots, four replicas
    assert float(info["metrics"]["refused"]) == 0.0
