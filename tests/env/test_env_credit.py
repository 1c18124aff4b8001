"""Rewards by kind of credit, and the end of an episode."""

import jax
import numpy as np
import pytest
from env_worlds import HAND, HAND_ACTION, WANDERERS, hand_state, world
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.env.observe import observe

OWN = np.array([0.019, 0.11, -0.2473667, -0.3676667])  # worked in test_env_step.py


@pytest.fixture(scope="module")
def worlds():
    return {
        "user": world(**HAND, credit="user"),
        "team": world(**HAND, **WANDERERS),
        "difference": world(**HAND, credit="difference"),
    }


def test_user_and_team_by_hand(worlds):
    user, team = (worlds[c].step(hand_state(worlds[c].reset()[1]), HAND_ACTION) for c in ("user", "team"))
    assert_allclose(user[2], OWN, rtol=1e-4)
    assert_allclose(team[2], [OWN.mean()] * 4, rtol=1e-4)
    for result in (user, team):
        assert_allclose(result[5]["reward"], OWN.mean(), rtol=1e-4)
        assert_array_equal(result[5]["reward"], result[5]["metrics"]["reward"])


def test_difference_by_hand(worlds):
    # Without user 1, user 0 has server 0 to itself: 0.04 s less, and W up by 0.04/0.2: reward + 0.04 + 0.7 * 0.2.
    # Without user 0, user 1's edge branch is 0.0792 s, but its local branch stays at 0.15 s: no change.
    state = hand_state(worlds["user"].reset()[1])
    result = worlds["difference"].step(state, HAND_ACTION)
    assert_allclose(result[2], OWN - np.array([0, 0.18, 0, 0]), rtol=1e-4)
    assert_allclose(result[5]["reward"], OWN.mean(), rtol=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_difference_is_what_leaving_the_server_changes(worlds, seed):
    _, state = worlds["user"].reset(seed)
    rng = np.random.default_rng(seed)
    # Everybody at the same place, so that servers are shared.
    place = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[:1], 4, axis=0), state.place)
    state = state._replace(place=place)
    action = rng.integers(0, [4, 4, 1, 2], (4, 4))
    action[:2, 0] = 1
    own = np.asarray(worlds["user"].step(state, action)[2])
    expected = own.copy()
    for j in range(4):
        without = action.copy()
        without[j, 0] = 0
        others = np.arange(4) != j
        expected[j] += (own - np.asarray(worlds["user"].step(state, without)[2]))[others].sum()
    assert np.abs(expected - own).max() > 1e-3
    assert_allclose(worlds["difference"].step(state, action)[2], expected, rtol=1e-4, atol=1e-5)


def test_alone_difference_is_the_own_reward(worlds):
    state = hand_state(worlds["user"].reset()[1])
    action = HAND_ACTION.copy()
    action[1, 0] = 0  # nobody shares a server
    own, difference = (worlds[credit].step(state, action)[2] for credit in ("user", "difference"))
    assert_allclose(difference, own, rtol=1e-6)


def test_printed_reward_is_one_scalar_for_all():
    printed = world("printed")
    _, state = printed.reset()
    _, _, reward, *_, info = printed.step(state, [[1, 3, 0, 0], [0, 0, 0, 0], [2, 1, 0, 0], [1, 0, 0, 0]])
    outcome = info["outcome"]
    # -(L + E) - QoE, summed over users.
    total = -(np.asarray(outcome.latency) + np.asarray(outcome.energy)).sum() - np.asarray(outcome.qoe).sum()
    assert_allclose(reward, [total] * 4, rtol=1e-5)
    assert_allclose(info["reward"], total, rtol=1e-5)


def test_weights():
    base, heavy = world(), world(w1=2, w2=3, w3=4)
    _, state = base.reset()
    outcome, weighted = (w.step(state, w.random_action(0))[5]["outcome"] for w in (base, heavy))
    expected = -(2 * outcome.latency + 3 * outcome.energy) + 4 * outcome.qoe
    assert_allclose(weighted.reward, expected, rtol=1e-4, atol=1e-5)


def test_truncated_after_the_last_slot_never_terminated(worlds):
    small = worlds["user"]
    _, state = small.reset()
    ends = []
    for slot in range(7):
        observation, state, _, terminated, truncated, _ = small.step(state, small.random_action(slot), seed=slot)
        ends.append(bool(truncated))
        assert not bool(terminated)
        assert int(state.t) == slot + 1
        if slot == 4:
            last = observation, state
    assert ends == [False] * 4 + [True] * 3

    # No autoreset: the observation of the last slot is that of the state reached, not of a new episode.
    observation, state = last
    seen = small.env.view(state, small.params)
    assert int(seen.t) == 5
    assert_allclose(seen.bits, state.memory.bits)
    assert float(state.memory.latency.min()) > 0.0
    true = jax.jit(lambda s: observe(small.env.config, s, small.params))(state)
    assert_allclose(observation.features, true.features, rtol=1e-5, atol=1e-6)
    assert_array_equal(observation.mask, true.mask)
