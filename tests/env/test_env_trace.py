"""Replay of a trace: users who start together, and what a controller sees of their places."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import world
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.env import make
from eco_jax.env.observe import view
from eco_jax.env.parts import Hard, Replay
from eco_jax.env.parts.mobility.replay import as_trace
from eco_jax.env.policies.reference import Central, SlotReference, at_truth, belief_bound, upper_bound
from eco_jax.env.topology import sites
from eco_jax.errors import UserError

TOGETHER = {"mobility.start": "together"}
EPOCH = 1_201_910_400  # s, of 2008: single precision has no seconds there


def arrays(first, length, slot_s=5.0, seed=0):
    """A made-up trace, everything random: segments that begin in slots `first` and last `length` slots."""
    rng = np.random.default_rng(seed)
    shape = (len(first), max(length))

    def points():
        return rng.uniform(0, 3000, (*shape, 2)).astype(np.float32)

    return {
        "position": points(), "last_fix": points(), "previous_fix": points(),
        "last_age": rng.uniform(0, 100, shape).astype(np.float32),
        "previous_age": rng.uniform(150, 300, shape).astype(np.float32),
        "fixes": np.full(shape, 2, np.int32), "length": np.array(length), "slot_s": slot_s, "side_m": 3000.0,
        "start_s": EPOCH + np.array(first) * slot_s,
    }  # fmt: skip


FIVE = arrays([0, 2, 3, 20, 0], [6, 4, 5, 3, 2])
"""For episodes of 2 slots, of which 3 positions are seen, segments can start in slots 0-3; 2-3; 3-5; 20; never."""


def started(users, start="together", trace=FIVE, draws=64):
    """(segment, slot on the common clock, position) of each user, for as many starts."""
    _, params = make(trace=trace, users=users, servers=4, slots=2, **{"mobility.start": start})
    uniform = jnp.linspace(0.0, 1.0, draws, endpoint=False)[:, None, None] * jnp.ones((1, users, 1))
    motion = jax.vmap(lambda u: params.mobility.reset(u, params))(uniform)
    segment, time = np.asarray(motion.segment), np.asarray(motion.time)
    first = np.round((np.asarray(trace["start_s"]) - EPOCH) / trace["slot_s"]).astype(int)
    return segment, first[segment] + time, np.asarray(motion.position), time


def test_users_start_at_one_time_on_the_tracks_that_last():
    segment, slot, position, time = started(2)
    assert {tuple(row) for row in segment.tolist()} == {(0, 1)}  # of three in slot 3 the first two
    assert (slot == slot[:, :1]).all()
    assert np.unique(slot).tolist() == [2, 3]
    assert (slot[:, 0] == 2).sum() == 32  # both alike
    assert_array_equal(position, FIVE["position"][segment, time])
    segment, slot, _, _ = started(3)
    assert np.unique(segment, axis=0).tolist() == [[0, 1, 2]]
    assert np.unique(slot).tolist() == [3]
    segment, slot, _, _ = started(1)
    # Each slot in which some track can start, however many do.
    assert {(s, k) for s, k in zip(slot[:, 0].tolist(), segment[:, 0].tolist(), strict=True)} == {
        (0, 0), (1, 0), (2, 0), (3, 0), (4, 2), (5, 2), (20, 3),
    }  # fmt: skip


def test_drawn_starts_are_of_each_user_its_own():
    segment, *_ = started(2, "drawn")
    assert set(np.unique(segment)) == {0, 1, 2, 3}
    _, params = make(trace=FIVE, users=2, servers=4, slots=2)
    motion = params.mobility.reset(jnp.array([[0.0], [0.99]]), params)
    assert motion.segment.tolist() == [0, 3]


def test_of_many_segments_the_starts_are_those_that_a_search_finds():
    rng = np.random.default_rng(1)
    first, length = rng.integers(0, 60, 40), rng.integers(1, 30, 40)
    trace, slots = arrays(first.tolist(), length.tolist(), slot_s=7.0), 9
    for users in (1, 3, 5):
        common = as_trace(trace, slots, users).common
        kept = [(f, f + n - slots - 1) for f, n in zip(first - first.min(), length, strict=True) if n > slots]
        there = [sum(low <= slot <= high for low, high in kept) for slot in range(100)]
        expected = [slot for slot in range(100) if there[slot] >= users]
        found, before = [], 0
        for begin, total in zip(common.begin.tolist(), common.starts.tolist(), strict=True):
            found += range(begin, begin + total - before)
            before = total
        assert found == expected
    with pytest.raises(UserError, match=rf"env.users = 99 users.* 10 slots .* at most {max(there)} have"):
        as_trace(trace, slots, 99)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start_s": None}, "start_s is missing, which mobility.start = 'together' needs: prepare the trace again"),
        ({"start_s": np.zeros(3)}, r"start_s must be finite numbers of shape \(5,\)"),
        ({"start_s": np.full(5, np.nan)}, "start_s must be finite numbers"),
        ({"start_s": np.array(["x"] * 5)}, "start_s must be finite numbers"),
        ({"start_s": np.array([0, 5, 10, 13, 0])}, "start_s holds times that are no whole number of slots apart"),
        ({"start_s": np.array([0, 5, 10, 1e12, 0])}, "start_s spans 2e[+]11 slots"),
    ],
)
def test_a_trace_without_a_clock_is_refused_where_it_is_needed(change, said):
    trace = {name: value for name, value in (FIVE | change).items() if value is not None}
    make(trace=trace, users=2, servers=4, slots=2)
    with pytest.raises(UserError, match=said) as error:
        make(trace=trace, users=2, servers=4, slots=2, **TOGETHER)
    assert "\n" not in str(error.value)


def test_parameters_of_another_number_of_users_are_refused():
    env, params = make(trace=FIVE, users=2, servers=4, slots=2, **TOGETHER)
    other, drawn = make(trace=FIVE, users=3, servers=4, slots=2)
    with pytest.raises(UserError, match="for 2 users that start together, not 3"):
        jax.eval_shape(other.reset, jax.random.key(0), params)
    mixed = replace(params, mobility=Replay(start="together").having("trace", drawn.mobility.trace))
    with pytest.raises(UserError, match="for 0 users that start together, not 2"):
        jax.eval_shape(env.reset, jax.random.key(0), mixed)
    mixed = replace(params, mobility=Replay().having("trace", params.mobility.trace))
    with pytest.raises(UserError, match="is for users that start together"):
        jax.eval_shape(env.reset, jax.random.key(0), mixed)


def test_a_part_with_settings_and_a_trace():
    _, params = make(trace=FIVE, users=2, servers=4, slots=2, mobility=Replay(start="together", observed="fix"))
    assert (params.mobility.start, params.mobility.observed) == ("together", "fix")
    assert params.mobility.trace.common.place.tolist() == [1, 2]
    _, params = make(trace=FIVE, users=2, servers=4, slots=2, observed="fix")
    assert (params.mobility.start, params.mobility.observed) == ("drawn", "fix")


# What is seen

SEEN, TOLD = jax.jit(view), jax.jit(at_truth)


def seen_world(trace, knowledge="none"):
    """All servers are candidates, and each has a link of its own."""
    return world(trace=trace, candidates=9, access="direct", knowledge=knowledge, observed="fix")


def by_server(state, leaf):
    """[users, candidates] in the order of the servers."""
    return np.take_along_axis(np.asarray(leaf), np.argsort(np.asarray(state.place.candidates), axis=1), axis=1)


def episode(small, action):
    """(state, what is seen in it, its features, what came of the action) of every slot."""
    observation, state = small.reset()
    for slot in range(5):
        before, features = state, observation.features
        observation, state, *_, info = small.step(state, action, seed=slot)
        yield before, SEEN(before, small.params), features, info["outcome"]


@pytest.mark.parametrize("knowledge", ["none", "telemetry"])
def test_with_the_fix_no_interpolated_position_is_seen(knowledge):
    # Both traces have the same fixes; between them their users are elsewhere.
    one, other = (arrays([0], [6], seed=seed) for seed in (0, 1))
    other |= {name: one[name] for name in one if name != "position"}
    action = np.zeros((4, 4), int)
    moved = np.zeros(2, bool)
    worlds = (seen_world(trace, knowledge) for trace in (one, other))
    for (s, seen, _, _), (r, again, _, _) in zip(*(episode(small, action) for small in worlds), strict=True):
        for name in ("distance", "predicted_distance", "rate_up", "rate_down"):
            assert_array_equal(by_server(s, getattr(seen, name)), by_server(r, getattr(again, name)), err_msg=name)
        moved |= [(s.place.position != r.place.position).any(), (s.place.candidates != r.place.candidates).any()]
        if knowledge == "telemetry":
            assert_array_equal(seen.predicted_server, again.predicted_server)
        else:
            assert_array_equal(seen.predicted_distance, seen.distance)
            assert_array_equal(seen.predicted_server, s.place.candidates[:, 0])  # the access server
    assert moved.all()


def test_physics_stays_where_the_users_are():
    # In the first trace the users are at their last fixes, in the second somewhere else than those.
    one, other = (arrays([0], [6], seed=seed) for seed in (0, 1))
    other |= {"position": one["position"]}
    one |= {"last_fix": one["position"]}
    action = np.array([[1, 3, 0, 0], [2, 3, 0, 0], [5, 1, 0, 0], [0, 0, 0, 0]])
    worlds = [seen_world(trace) for trace in (one, other)]
    where = np.asarray(sites(worlds[0].env.config, worlds[0].params))
    pairs = zip(*(episode(small, action) for small in worlds), strict=True)
    for t, ((s, seen, features, outcome), (r, fixed, others, same)) in enumerate(pairs):
        assert_array_equal(s.place.distance, r.place.distance)
        for name in ("latency", "energy", "qoe", "reward"):
            assert_array_equal(getattr(same, name), getattr(outcome, name), err_msg=name)
        assert_allclose(seen.distance, s.place.distance, rtol=1e-6)
        away = np.linalg.norm(other["last_fix"][0, t] - where, axis=1)
        assert_allclose(by_server(r, fixed.distance), np.tile(away, (4, 1)), rtol=1e-5)
        assert (fixed.rate_up != seen.rate_up).any(axis=1).all()
        column = 20  # distance of the first candidate, in spacings
        assert_allclose(others[:, column] * 1000.0, fixed.distance[:, 0], rtol=1e-5)
        assert (features[:, column] != others[:, column]).all()
        told = TOLD(r, worlds[1].params)  # knows the truth, and so where they are
        assert_allclose(told.rate_up, seen.rate_up, rtol=1e-6)
        assert_array_equal(told.distance, r.place.distance)


def test_the_central_rule_sees_places_as_agents_do(monkeypatch):
    small = seen_world(arrays([0], [6]), "twin")
    _, state = small.reset()
    seen = []

    def decide(self, config, key, state, params):
        seen.append(state)
        return jnp.zeros((4, 4), jnp.int32)

    monkeypatch.setattr(SlotReference, "decide", decide)
    Central().decide(small.env.config, jax.random.key(0), state, small.params)
    assert_array_equal(seen[0].place.distance, state.place.seen_distance)
    assert seen[0].place.seen_distance is None
    hard = small.params.set(coverage=Hard(radius=1000))
    legal = SEEN(state, hard).legal
    assert_array_equal(TOLD(seen[0], hard).legal, legal)  # what is allowed comes from where they are
    assert (hard.coverage.reaches(state.place.seen_distance) != legal).any()
    plain = world()
    _, state = jax.eval_shape(plain.env.reset, jax.random.key(0), plain.params)
    assert state.place.as_seen() == state.place


@pytest.mark.parametrize("bound", [upper_bound, belief_bound])
def test_bounds_are_where_the_users_are(bound):
    small = seen_world(arrays([0], [6]), "twin")
    _, state = small.reset()
    there = state._replace(place=state.place._replace(seen_distance=None))
    assert (state.place.seen_distance != state.place.distance).any()
    found, true = (
        jax.jit(partial(bound, small.env.config))(s, small.params).reward for s in (state, there)
    )  # fmt: skip
    assert_array_equal(found, true)
