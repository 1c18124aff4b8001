"""The stationary start of the random waypoint, and several arrivals in a slot."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import world

from eco_jax.env import EnvParams, core, make
from eco_jax.env.parts import Waypoint
from eco_jax.env.parts.mobility.waypoint import Motion
from eco_jax.random import uniform

USERS = 20_000
PARAMS = EnvParams.of(side=1000)


def spread(model, slots):
    """Means and deviations after so many slots: distance to the middle (m), speed (m/s), way left (m)."""
    key = jax.random.key(slots)
    starts = jax.random.uniform(jax.random.fold_in(key, 1), (USERS, model.starts))
    motion = model.reset(jax.random.uniform(key, (USERS, model.draws)), PARAMS, starts=starts)

    def slot(motion, key):
        return model.move(jax.random.uniform(key, (USERS, model.draws)), motion, PARAMS), None

    if slots:
        motion, _ = jax.lax.scan(slot, motion, jax.random.split(key, slots))
    out = np.linalg.norm(np.asarray(motion.position) - 500, axis=1)
    left = np.linalg.norm(np.asarray(motion.target - motion.position), axis=1)
    return np.array([x for values in (out, np.asarray(motion.speed), left) for x in (values.mean(), values.std())])


@pytest.mark.long
def test_a_start_has_numbers_of_its_own(monkeypatch):
    """With so many servers a slot takes as many numbers as the start."""
    env, params = make(users=4, servers=68, access="direct", mobility=Waypoint(start="stationary"))

    def drawn(key):
        found = []
        monkeypatch.setattr(core, "uniform", lambda key, count: found.append(uniform(key, count)) or found[-1])
        core.reset(env.config, key, params)
        return found[1:]

    slot, start = jax.jit(drawn)(jax.random.key(0))
    assert len(slot) == len(start) == 524
    assert not np.array_equal(slot, start)


def test_a_stationary_start_is_where_the_walk_ends_up():
    model = Waypoint(start="stationary", arrivals=4)
    start, later = spread(model, 0), spread(model, 200)
    # 20,000 users: a mean differs by its standard error, an estimated deviation by about the same; five of them.
    error = 5 * np.repeat(start[1::2], 2) * (2 / USERS) ** 0.5
    assert (np.abs(start - later) < error).all(), (start, later, error)
    uniform = spread(Waypoint(arrivals=4), 0)
    assert abs(uniform[0] - start[0]) > 50  # 382.6 m of a uniform start against about 300 m
    assert uniform[2] - start[2] > 2  # 9 m/s against about 6


def test_a_slot_may_hold_several_arrivals():
    # 10 m/s and 5 s: 20 m to the target, 10 m to the next at 5 m/s, and 1 s along the third leg at 5 m/s.
    model = Waypoint(speed_min=18, speed_max=18, arrivals=2)
    motion = Motion(jnp.array([[100.0, 100.0]]), jnp.array([[120.0, 100.0]]), jnp.array([10.0]))
    uniform = jnp.array([[0.12, 0.11, 0.0, 0.0, 0.0, 0.9, 0.11, 0.0]])
    new = model.move(uniform, motion, PARAMS)
    np.testing.assert_allclose(new.position, [[125, 110]], rtol=1e-5)
    np.testing.assert_allclose(new.target, [[900, 110]], rtol=1e-5)
    # With one arrival it waits at the end of the second leg.
    once = Waypoint(speed_min=18, speed_max=18).move(uniform[:, :5], motion, PARAMS)
    np.testing.assert_allclose(once.position, [[120, 110]], rtol=1e-5)


@pytest.mark.parametrize("speeds", [(0, 0), pytest.param((0, 60), marks=pytest.mark.long), (30, 30)])
def test_every_range_of_speeds_gives_finite_numbers(speeds):
    small = world(mobility=Waypoint(speed_min=speeds[0], speed_max=speeds[1], start="stationary", arrivals=3))
    seen, state = small.reset()
    for slot in range(3):
        assert np.isfinite(seen.features).all()
        assert (np.asarray(state.mobility.speed) <= speeds[1] / 3.6 * (1 + 1e-5)).all()
        seen, state, *_ = small.step(state, small.random_action(slot), seed=slot)
