"""The ladder of knowledge: who learns what, when, and who pays."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import world
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.env import KNOWLEDGE
from eco_jax.env.config import FULL_MEASUREMENT, SIGHT
from eco_jax.errors import UserError

RHO = 0.95
PRIOR = 1.0
TELEMETRY = 0.01 / 1.01  # v r^2 / (v + r^2) from v = 1, r = 0.1: 0.0099010
SYNC = 0.09 / 1.09  # r = 0.3: 0.0825688


def aged(variance):
    """rho^2 v + 1 - rho^2 at rho = 0.95: 0.9025 v + 0.0975."""
    return 0.9025 * variance + 0.0975


@pytest.fixture(scope="module")
def levels():
    return {level: world(knowledge=level) for level in KNOWLEDGE}


@pytest.fixture(scope="module")
def start(levels):
    """Candidates chosen by hand; nobody has a belief but the prior."""
    _, state = levels["twin"].reset()
    candidates = jnp.array([[0, 1, 2], [0, 1, 2], [4, 5, 3], [6, 5, 3]], jnp.int32)
    return state._replace(place=state.place._replace(candidates=candidates))


def test_none_never_leaves_the_prior(levels):
    small = levels["none"]
    _, state = small.reset()
    for slot in range(5):
        action = small.random_action(slot)
        action[:, 3] = 1
        _, state, *_, info = small.step(state, action, seed=slot)
        for mean in (state.belief.device_mean, state.belief.server_mean):
            assert_array_equal(mean, 0.0)
        for variance in (state.belief.device_variance, state.belief.server_variance):
            assert_allclose(variance, 1.0, rtol=1e-6)
        assert_array_equal(info["outcome"].terms.synchronisation, 0.0)
        assert_array_equal(info["outcome"].terms.prediction, 0.0)


def test_full_measurement_is_a_world_beside_the_ladder(levels):
    assert not any(SIGHT[level].measures_all for level in KNOWLEDGE)
    assert FULL_MEASUREMENT not in SIGHT.values()
    full = levels["twin"]._replace(params=levels["twin"].params.with_sight(FULL_MEASUREMENT))
    assert jax.tree.structure(full.params) == jax.tree.structure(levels["twin"].params)  # the same program
    with pytest.raises(UserError, match="full"):
        full.params.with_knowledge("full-measurement")


def test_full_measurement_is_the_kalman_filter_of_both_measurements_of_every_cpu(levels):
    full = levels["twin"]._replace(params=levels["twin"].params.with_sight(FULL_MEASUREMENT))
    seen, state = full.reset()
    variance = PRIOR
    for slot in range(5):
        assert not np.asarray(seen.mask)[:, -1].any()  # nobody may synchronise
        action = full.random_action(slot)
        action[:, 3] = 1
        before = state
        seen, state, *_, info = full.step(state, action, seed=slot)
        variance = aged(1 / (1 / variance + 1 / 0.1**2 + 1 / 0.3**2))
        for found in (state.belief.device_variance, state.belief.server_variance):
            assert_allclose(found, variance, rtol=1e-5)
        assert_array_equal(info["outcome"].terms.synchronisation, 0.0)
        assert_array_equal(info["outcome"].terms.prediction, 0.0)
    # Within five deviations of the truth: error 0.095 of both together, and one slot of drift.
    for mean, x in ((state.belief.device_mean, before.x_device), (state.belief.server_mean, before.x_server)):
        assert np.abs(np.asarray(mean) / RHO - np.asarray(x)).max() < 5 * 0.095


# Server 0 whole for user 0; users 1 and 2 local and partly at 5; user 3 whole at 5.
EXECUTION = np.array([[1, 3, 0, 0], [0, 0, 0, 0], [2, 1, 0, 0], [2, 3, 0, 0]])
RAN_DEVICE = np.array([False, True, True, False])
RAN_SERVER = np.isin(np.arange(9), [0, 5])


@pytest.mark.parametrize("level", ["telemetry", "forecast", "twin"])
def test_telemetry_measures_what_executed(levels, start, level):
    belief = levels[level].step(start, EXECUTION)[1].belief
    for ran, mean, variance in (
        (RAN_DEVICE, belief.device_mean, belief.device_variance),
        (RAN_SERVER, belief.server_mean, belief.server_variance),
    ):
        assert_allclose(variance, np.where(ran, aged(TELEMETRY), PRIOR), rtol=1e-5)
        assert ((np.asarray(mean) != 0) == ran).all()


def test_telemetry_reads_x_with_its_error(start):
    # 200 slots from one state: mean of m / (rho gain) is x, its deviation sigma_tel = 0.1.
    small = world(knowledge="telemetry")
    means = np.stack([small.step(start, EXECUTION, seed=seed)[1].belief.server_mean[5] for seed in range(200)])
    reading = means / RHO * 1.01
    assert abs(reading.mean() - float(start.x_server[5])) < 4 * 0.1 / 200**0.5
    assert abs(reading.std() - 0.1) < 4 * 0.1 / 400**0.5


def test_several_executions_on_a_server_count_once(levels, start):
    # Users 0 and 1 both on server 0: the same variance as one execution leaves.
    belief = levels["telemetry"].step(start, [[1, 3, 0, 0]] * 2 + [[0, 0, 0, 0]] * 2)[1].belief
    assert_allclose(belief.server_variance[0], aged(TELEMETRY), rtol=1e-5)


@pytest.mark.parametrize("level", ["none", "telemetry", "forecast", "truth"])
def test_sync_needs_a_twin(levels, level):
    small = levels[level]
    observation, state = small.reset(3)
    assert not np.asarray(observation.mask[:, -1]).any()
    assert np.asarray(observation.mask[:, -2]).all()
    with_sync, without = (small.step(state, np.array([[1, 1, 0, s]] * 4)) for s in (1, 0))
    for a, b in zip(jax.tree.leaves(with_sync), jax.tree.leaves(without), strict=True):
        assert_array_equal(a, b)
    assert_array_equal(with_sync[5]["outcome"].terms.synchronisation, 0.0)
    assert float(with_sync[5]["metrics"]["syncs"]) == 0.0


def test_the_twin_may_sync(levels):
    observation, _ = levels["twin"].reset(3)
    assert np.asarray(observation.mask[:, -2:]).all()


def test_prediction_is_paid_at_twin_only(levels):
    for level in KNOWLEDGE:
        _, state = levels[level].reset()
        terms = levels[level].step(state, EXECUTION)[5]["outcome"].terms
        assert_allclose(np.broadcast_to(terms.prediction, 4), 0.001 * (level == "twin"), rtol=1e-6)


def test_sync_refreshes_own_device_and_candidates_used_or_not(levels, start):
    # Only user 2 syncs, and runs at home: its device is measured by telemetry, too.
    action = np.array([[1, 3, 0, 0], [1, 3, 0, 0], [0, 0, 0, 1], [1, 3, 0, 0]])
    belief = levels["twin"].step(start, action)[1].belief
    both = 1 / (1 / TELEMETRY + 1 / 0.09)  # precisions add up: 1 / (101 + 11.11)
    assert_allclose(belief.device_variance, [1.0, 1.0, aged(both), 1.0], rtol=1e-5)
    # Servers 3, 4, 5 by the sync; 0 and 6 by executions; the rest nothing.
    expected = np.ones(9)
    expected[[0, 6]] = aged(TELEMETRY)
    expected[[3, 4, 5]] = aged(SYNC)
    assert_allclose(belief.server_variance, expected, rtol=1e-5)


def test_several_syncs_of_a_server_count_once_and_everybody_pays(levels, start):
    # Users 0 and 1 share their candidates 0, 1, 2; users 2 and 3 share 3 and 5.
    _, new, *_, info = levels["twin"].step(start, [[0, 0, 0, 1]] * 4)
    expected = np.where(np.arange(9) <= 6, aged(SYNC), 1.0)
    assert_allclose(new.belief.server_variance, expected, rtol=1e-5)
    assert_allclose(info["outcome"].terms.synchronisation, 0.02, rtol=1e-6)
    _, new, *_, info = levels["twin"].step(start, [[0, 0, 0, 1]] + [[0, 0, 0, 0]] * 3)
    assert_allclose(new.belief.server_variance, np.where(np.arange(9) <= 2, aged(SYNC), 1.0), rtol=1e-5)
    assert_allclose(info["outcome"].terms.synchronisation, [0.02, 0, 0, 0], rtol=1e-6)
    assert float(info["metrics"]["syncs"]) == 0.25


def test_an_exact_sync_gives_the_truth(start):
    exact = world(knowledge="twin", sync_error=0.0)
    belief = exact.step(start, [[1, 3, 0, 1]] * 4)[1].belief
    # Aged by one slot: m = rho x_t, v = 1 - rho^2.
    assert_allclose(belief.device_mean, RHO * np.asarray(start.x_device), rtol=1e-5, atol=1e-6)
    assert_allclose(belief.device_variance, 0.0975, rtol=1e-5)
    synced = np.arange(9) <= 6
    assert_allclose(belief.server_mean[synced], RHO * np.asarray(start.x_server)[synced], rtol=1e-5, atol=1e-6)
    assert_allclose(belief.server_variance[synced], 0.0975, rtol=1e-5)
    assert_allclose(belief.server_variance[~synced], 1.0, rtol=1e-6)


def test_exact_telemetry_and_exact_sync_are_no_nan(start):
    exact = world(knowledge="twin", sync_error=0.0, telemetry_error=0.0, correlation=1.0)
    state = start
    for slot in range(3):
        _, state, *_ = exact.step(state._replace(place=start.place), [[1, 1, 0, 1]] * 4, seed=slot)
    # Nothing moves at rho = 1: known exactly for good.
    assert_allclose(state.belief.device_mean, start.x_device, rtol=1e-6)
    assert_array_equal(state.belief.device_variance, 0.0)


def test_a_sync_is_visible_in_the_next_slot_only(levels, start):
    exact = world(knowledge="twin", sync_error=0.0)
    plain, synced = (exact.step(start, np.array([[1, 1, 0, s]] * 4)) for s in (0, 1))
    # In its own slot it changes the bill, nothing else.
    assert_array_equal(plain[1].memory.twin_latency, synced[1].memory.twin_latency)
    assert_array_equal(plain[5]["outcome"].latency, synced[5]["outcome"].latency)
    assert_allclose(np.asarray(plain[2] - synced[2]), 0.02, rtol=1e-4)
    assert (plain[0].features != synced[0].features).any()
    after = exact.env.view(synced[1], exact.params)
    assert_allclose(after.device_variance, 0.0975, rtol=1e-5)


def test_truth_is_x_without_doubt(levels):
    small = levels["truth"]
    _, state = small.reset()
    for slot in range(3):
        # XLA may compute x twice, once for each.
        assert_allclose(state.belief.device_mean, state.x_device, rtol=1e-6, atol=1e-6)
        assert_allclose(state.belief.server_mean, state.x_server, rtol=1e-6, atol=1e-6)
        assert_array_equal(state.belief.device_variance, 0.0)
        assert_array_equal(state.belief.server_variance, 0.0)
        _, state, *_, info = small.step(state, EXECUTION, seed=slot)
        # So its latency comes out as foreseen, where nobody shares a server that was not shared before.
        local = EXECUTION[:, 0] == 0
        assert_allclose(state.memory.twin_latency[local], info["outcome"].latency[local], rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(KNOWLEDGE),
    st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    st.sampled_from([0.0, 0.3]),
)
def test_variance_stays_in_range(seed, level, correlation, error):
    small = world(knowledge=level, correlation=correlation, sync_error=error)
    _, state = small.reset(seed)
    for slot in range(8):
        _, state, *_ = small.step(state, small.random_action(seed + slot), seed=seed + slot)
        for variance in (state.belief.device_variance, state.belief.server_variance):
            assert (variance >= 0).all()
            assert (variance <= 1 + 1e-6).all()


def test_fluctuations_are_stationary_and_correlated(levels):
    small = levels["none"]
    first, second = [], []
    for seed in range(150):
        _, state = small.reset(seed)
        _, new, *_ = small.step(state, EXECUTION, seed=seed + 1000)
        first.append(np.concatenate([state.x_device, state.x_server]))
        second.append(np.concatenate([new.x_device, new.x_server]))
    first, second = np.stack(first), np.stack(second)  # 1950 pairs
    assert abs(second.std() - 1) < 4 / (2 * 1950) ** 0.5
    innovation = second - RHO * first
    assert abs(innovation.std() - 0.0975**0.5) < 4 * 0.0975**0.5 / (2 * 1950) ** 0.5
    assert abs(np.corrcoef(first.ravel(), innovation.ravel())[0, 1]) < 4 / 1950**0.5
