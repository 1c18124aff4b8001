"""How users move, what is known of it, and that nothing of the future is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import WANDERERS, world
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.env import EnvParams
from eco_jax.env.parts import GaussMarkov, Waypoint
from eco_jax.env.parts.mobility import fixes, gauss_markov, waypoint
from eco_jax.env.parts.mobility.replay import as_trace
from eco_jax.env.state import Fixes
from eco_jax.env.topology import sites

HOME = np.zeros((4, 4), int)


def walk(model, users, slots, seed=0, **physics):
    """Positions [slots + 1, users, 2] and speeds of a model by itself."""
    params = EnvParams.of(**physics)
    draws = jax.random.uniform(jax.random.key(seed), (slots + 1, users, model.draws))

    def slot(motion, uniform):
        motion = model.move(uniform, motion, params)
        return motion, (motion.position, motion.speed)

    def run(draws):
        first = model.reset(draws[0], params)
        _, (positions, speeds) = jax.lax.scan(slot, first, draws[1:])
        return jnp.concatenate([first.position[None], positions]), speeds

    return tuple(np.asarray(leaf) for leaf in jax.jit(run)(draws))


def test_waypoint_keeps_the_speed_limits_and_the_area():
    positions, speeds = walk(Waypoint(speed_min=36, speed_max=72), users=60, slots=300, side=1000)
    assert positions.min() >= 0.0
    assert positions.max() <= 1000.0
    assert speeds.min() >= 10.0 * (1 - 1e-6)
    assert speeds.max() <= 20.0 * (1 + 1e-6)
    way = np.linalg.norm(np.diff(positions, axis=0), axis=2)
    assert way.max() <= 20.0 * 5 * (1 + 1e-4)
    # Under way a user goes at its leg's speed; only around a corner it comes less far.
    under_way = np.abs(way - speeds * 5) < 1e-3 * speeds * 5
    assert under_way.mean() > 0.7


def motion_of(position, target, speed):
    position = jnp.asarray(position, jnp.float32)
    return waypoint.Motion(position, jnp.asarray(target, jnp.float32), jnp.asarray(speed, jnp.float32))


def test_arrival_goes_on_along_the_next_leg_at_its_own_speed():
    # Users 0 and 1 have 30 m to go at 10 m/s, 3 s; in the last 2 s, at the next leg's 5 m/s, they come 10 m north and
    # east. User 2 stays on its leg.
    model, params = Waypoint(speed_min=18, speed_max=18), EnvParams.of(side=1000)  # 5 m/s
    motion = motion_of([[70, 100], [370, 100], [0, 0]], [[100, 100], [400, 100], [300, 400]], [10, 10, 10])
    uniform = jnp.array([[0.1, 0.9, 0.5, 0, 0], [0.9, 0.1, 0.5, 0, 0], [0.5, 0.5, 0.5, 0, 0]])
    new = model.move(uniform, motion, params)
    # Next targets (100, 900), (900, 100); the third moves 50 m along (3, 4)/5.
    assert_allclose(new.position, [[100, 110], [410, 100], [30, 40]], rtol=1e-5)
    assert_allclose(new.speed, [5, 5, 10], rtol=1e-6)
    assert_allclose(new.target, [[100, 900], [900, 100], [300, 400]], rtol=1e-5)


def test_standing_still_is_no_nan():
    motion = motion_of([[70, 100], [5, 5]], [[100, 100], [5, 5]], [0, 0])
    new = Waypoint(speed_min=0, speed_max=0).move(jnp.full((2, 5), 0.5), motion, EnvParams.of())
    assert_allclose(new.position, motion.position)


def test_gauss_markov_reverts_to_its_mean_speed_and_stays_inside():
    model = GaussMarkov(speed=36, speed_std=7.2, memory=0.9)
    positions, speeds = walk(model, users=100, slots=400, side=1000)
    assert positions.min() >= 0.0
    assert positions.max() <= 1000.0
    assert np.ptp(positions) > 990.0
    # 100 users * 400 slots, correlated over (1 + 0.9)/(1 - 0.9) = 19 slots: 2 m/s / sqrt(2100) = 0.044.
    assert abs(speeds.mean() - 10.0) < 0.2
    assert abs(speeds.std() - 2.0) < 0.15
    lag = np.corrcoef(speeds[:-1].ravel(), speeds[1:].ravel())[0, 1]
    assert abs(lag - 0.9) < 0.02
    assert np.linalg.norm(np.diff(positions, axis=0), axis=2).max() <= speeds.max() * 5 * (1 + 1e-4)


def test_gauss_markov_reflects_at_the_border():
    # 10 m/s east from 980 m: 50 m reach 1030 m, folded to 970 m, heading west; no noise, no turn.
    model, params = GaussMarkov(speed=36, speed_std=0, turn_std=0, memory=1), EnvParams.of(side=1000)
    position = jnp.array([[980.0, 500.0], [500.0, 20.0], [500.0, 500.0]])
    heading = jnp.array([0.0, -jnp.pi / 2, jnp.pi / 2])
    motion = gauss_markov.Motion(position, jnp.full(3, 10.0), heading)
    new = model.move(jnp.full((3, 4), 0.5), motion, params)
    assert_allclose(new.position, [[970, 500], [500, 30], [500, 550]], rtol=1e-5)
    assert_allclose(jnp.cos(new.heading), [-1, 0, 0], atol=1e-6)
    assert_allclose(jnp.sin(new.heading), [0, 1, 1], atol=1e-6)


def test_gauss_markov_moves_a_whole_environment():
    small = world(**WANDERERS)
    _, state = small.reset()
    _, new, *_ = small.step(state, HOME)
    way = np.linalg.norm(np.asarray(new.place.position - state.place.position), axis=1)
    assert_allclose(way, np.asarray(new.mobility.speed) * 5, rtol=1e-3)


# Dead reckoning


def test_fixes_of_every_third_slot():
    params = EnvParams.of()
    positions = [jnp.array([[10.0 * t, 100.0]]) for t in range(8)]
    known = fixes.first(positions[0])
    history = [known]
    for t in range(1, 8):
        known = fixes.update(known, positions[t], jnp.int32(t), params.slot, 3.0)
        history.append(known)
    assert [float(k.age[0]) for k in history] == [0, 5, 10, 0, 5, 10, 0, 5]
    assert [int(k.known[0]) for k in history] == [1, 1, 1, 2, 2, 2, 2, 2]
    assert [float(k.last[0, 0]) for k in history] == [0, 0, 0, 30, 30, 30, 60, 60]
    assert [float(k.previous[0, 0]) for k in history[3:]] == [0, 0, 0, 30, 30]
    assert [float(k.gap[0]) for k in history[3:]] == [15] * 5
    # Slot 2: one fix, so that fix. Slot 5: last 30 m, 2 m/s, age 10 + 5 s: 60 m. Slot 6: 60 + 2 * 5.
    expected = {2: 0.0, 3: 40.0, 5: 60.0, 6: 70.0, 7: 80.0}
    for t, x in expected.items():
        assert_allclose(fixes.dead_reckoning(history[t], params), [[x, 100.0]], rtol=1e-6)


def test_dead_reckoning_by_hand():
    # (200, 50) after (100, 80) in 20 s: velocity (5, -1.5); age 30 s and a slot of 5 s ahead: 35 s.
    # User 1 would leave the area at (-100, 3500): clipped. User 2 has one fix, outside of the area; user 3 two at the
    # same time.
    known = Fixes(
        last=jnp.array([[200.0, 50.0], [40.0, 2800.0], [200.0, -50.0], [200.0, 50.0]]),
        previous=jnp.array([[100.0, 80.0], [120.0, 2400.0], [100.0, 80.0], [100.0, 80.0]]),
        age=jnp.array([30.0, 30.0, 30.0, 30.0]),
        gap=jnp.array([20.0, 20.0, 20.0, 0.0]),
        known=jnp.array([2, 2, 1, 2], jnp.int32),
    )
    got = fixes.dead_reckoning(known, EnvParams.of())
    assert_allclose(got, [[375.0, 0.0], [0.0, 3000.0], [200.0, 0.0], [200.0, 50.0]], rtol=1e-6)
    # Within the area nothing is clipped: age 0 and a slot: 200 + 25, 50 - 7.5.
    fresh = fixes.dead_reckoning(known._replace(age=jnp.zeros(4)), EnvParams.of())
    assert_allclose(fresh[0], [225.0, 42.5], rtol=1e-6)


def test_sparse_fixes_in_the_environment():
    small = world(knowledge="telemetry", fix_every=2)
    _, state = small.reset()
    ages, fixed = [float(state.place.fix_age[0])], [state.place.position]
    for slot in range(4):
        _, state, *_ = small.step(state, HOME, seed=slot)
        ages.append(float(state.place.fix_age[0]))
        fixed.append(state.place.position)
    assert ages == [0, 5, 0, 5, 0]
    assert_array_equal(state.fixes.last, fixed[4])
    assert_array_equal(state.fixes.previous, fixed[2])
    blind = world(knowledge="none", fix_every=2)
    _, state = blind.reset()
    _, state, *_ = blind.step(state, HOME)
    assert_array_equal(state.place.fix_age, 0.0)


# Traces


def arrays(segments=1, length=6, seed=0, slot_s=5.0):
    """A made-up prepared trace: everything random, so that nothing is right by chance."""
    rng = np.random.default_rng(seed)
    shape = (segments, length)
    return {
        "position": rng.uniform(0, 3000, (*shape, 2)).astype(np.float32),
        "last_fix": rng.uniform(0, 3000, (*shape, 2)).astype(np.float32),
        "previous_fix": rng.uniform(0, 3000, (*shape, 2)).astype(np.float32),
        "last_age": rng.uniform(0, 100, shape).astype(np.float32),
        "previous_age": rng.uniform(150, 300, shape).astype(np.float32),
        "fixes": np.full(shape, 2, np.int32),
        "length": np.full(segments, length),
        "slot_s": slot_s,
        "side_m": 3000.0,
    }


def play(trace, knowledge="telemetry"):
    """Positions, observations and states of an episode on a trace."""
    small = world(trace=trace, knowledge=knowledge)
    observation, state = small.reset()
    history = [(observation, state)]
    for slot in range(5):
        observation, state, *_ = small.step(state, [[1, 3, 1, 0]] * 4, seed=slot)
        history.append((observation, state))
    return history


def test_replay_is_the_trace():
    trace = arrays()
    # Six slots are just enough for an episode of five: everybody starts at the first.
    for t, (_, state) in enumerate(play(trace)):
        assert_array_equal(state.place.position, np.repeat(trace["position"][:, t], 4, axis=0))
        assert_array_equal(state.place.fix_age, np.repeat(trace["last_age"][:, t], 4))
        last, previous = trace["last_fix"][0, t], trace["previous_fix"][0, t]
        gap = trace["previous_age"][0, t] - trace["last_age"][0, t]
        point = np.clip(last + (last - previous) / gap * (trace["last_age"][0, t] + 5.0), 0, 3000)
        away = np.linalg.norm(point - np.asarray(sites(world().env.config, world().params)), axis=1)
        assert state.place.predicted_server.tolist() == [away.argmin()] * 4
        candidates = np.asarray(state.place.candidates)
        assert_allclose(state.place.predicted_distance, away[candidates], rtol=1e-3, atol=0.1)


def test_without_two_fixes_the_last_one_stands():
    trace = arrays()
    trace["fixes"][:] = 1
    where = np.asarray(sites(world().env.config, world().params))
    for t, (_, state) in enumerate(play(trace)):
        away = np.linalg.norm(trace["last_fix"][0, t] - where, axis=1)
        assert state.place.predicted_server.tolist() == [away.argmin()] * 4
        assert_allclose(state.place.predicted_distance, away[np.asarray(state.place.candidates)], rtol=1e-5)


@pytest.mark.parametrize("now", [0, 2, 4])
def test_later_fixes_change_no_observation(now):
    one, other = arrays(), arrays(seed=1)
    for name, leaf in other.items():
        if isinstance(leaf, np.ndarray) and leaf.ndim > 1:
            leaf[:, : now + 1] = one[name][:, : now + 1]
    first, second = play(one), play(other)
    for t in range(now + 1):
        for a, b in zip(jax.tree.leaves(first[t][0]), jax.tree.leaves(second[t][0]), strict=True):
            assert_array_equal(a, b)
    assert (first[now + 1][0].features != second[now + 1][0].features).any()


@pytest.mark.long
def test_starts_are_uniform_over_all_that_fit():
    # Segments of 6, 5 (too short), 8 slots for episodes of 5: starts 0; 0, 1, 2: the trace's leaves tell which.
    trace = arrays(segments=3, length=8)
    trace["length"] = np.array([6, 5, 8])
    made = as_trace(trace, 5)
    assert made.position.shape == (2, 8, 2)
    assert made.starts.tolist() == [1, 4]
    small = world(trace=trace)
    starts = np.concatenate([np.asarray(small.reset(seed)[1].place.position) for seed in range(100)])
    possible = [trace["position"][0, 0], *trace["position"][2, :3]]
    counts = [int((starts == point).all(axis=1).sum()) for point in possible]
    assert sum(counts) == 400
    assert min(counts) > 60  # 100 each, standard deviation 8.7


def test_the_trace_sets_slot_and_side():
    small = world(trace=arrays(slot_s=7.0))
    assert float(small.params.slot) == 7.0
    assert float(small.params.side) == 3000.0
    assert small.params.mobility.name == "trace"
