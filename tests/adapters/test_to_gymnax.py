"""Ours under gymnax: both forms, its wrappers, and the environment's rewards."""

import functools

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doors import SEED, WORLD, made
from gymnax.wrappers import FlattenObservationWrapper, LegacyStepAPIWrapper, LogWrapper

from eco_jax.adapters.common import table
from eco_jax.adapters.to_gymnax import eco_gymnax
from eco_jax.env import feature_names
from eco_jax.errors import UserError

KEY = jax.random.key(SEED)


@functools.cache
def door(five=False):
    return eco_gymnax("tiny", others="local", five=five, **WORLD)


def test_spaces_and_parameters():
    env, params = door()
    assert isinstance(env, gymnax.environments.environment.Environment)
    assert params is env.default_params
    assert params.max_steps_in_episode == 3
    assert env.num_actions == env.action_space(params).n == 66
    assert env.observation_space(params).shape == (92,)
    cheaper = params.replace(world=params.world.set(sync_energy=5))
    assert jax.tree.structure(cheaper) == jax.tree.structure(params)


def test_a_slot_is_the_environments_own():
    """The user's choice beside the rule's, its row, its credit, and the given key."""
    env, params = door()
    core, world, reset, step = made()
    observation, state = env.reset(KEY, params)
    expected, begun = reset(KEY, world)
    np.testing.assert_allclose(observation, expected.features[0], atol=2e-6)
    slot = jax.jit(env.step_env)
    for row in (0, 9, 65):
        found, _, reward, terminated, info = slot(KEY, state, row, params)
        joint = np.zeros((3, 4), int)
        joint[0] = table(core.config)[row]
        shown, _, credit, *_, told = step(KEY, begun, joint, world)
        np.testing.assert_allclose(found, shown.features[0], atol=2e-6)
        np.testing.assert_allclose(reward, credit[0], atol=2e-6)
        np.testing.assert_allclose(info["team_reward"], told["reward"], atol=2e-6)
        assert not terminated


@pytest.mark.long
def test_episodes_follow_one_another_under_gymnaxs_wrappers():
    """The last observation is the true one: that of a state which no reset has touched."""
    env, params = door()
    wrapped = LogWrapper(FlattenObservationWrapper(env))
    _, state = wrapped.reset(KEY, params)
    total = 0.0
    for slot in range(3):
        key = jax.random.key(slot)
        observation, state, reward, terminated, truncated, info = wrapped.step(key, state, 5, params)
        total += float(reward)
        assert not terminated
        assert bool(truncated) == (slot == 2)
        last = np.asarray(info["final_observation"])
        assert np.array_equal(last, observation) == (slot < 2)
        served = dict(zip(feature_names(env.env.config), last, strict=True))["never_served"]
        assert served == 0.0  # the user has offloaded: no first observation says so
    assert bool(info["returned_episode"])
    assert float(info["returned_episode_returns"]) == pytest.approx(total, abs=1e-5)
    np.testing.assert_allclose(observation, env.reset(jax.random.split(key)[1], params)[0], atol=2e-6)
    assert state.env_state.t == 0


def test_five_values():
    """What is one flag there says both ends; all else is the same."""
    (env, params), (other, _) = door(), door(five=True)
    for terminated, truncated in ((False, True), (True, False), (False, False)):
        slot = ("observation", "state", "reward", jnp.asarray(terminated), jnp.asarray(truncated), "info")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(env), "_stepped", lambda *_, slot=slot: slot)
            patch.setattr(type(env), "_slot", lambda *_, slot=slot: slot)
            six, five = (type(one).step.__wrapped__(one, KEY, "state", 0, params) for one in (env, other))
            assert six == slot
            assert five[:3] == slot[:3]
            assert bool(five[3]) == bool(other.step_env(KEY, "state", 0, params)[3]) == (terminated or truncated)
            assert bool(env.step_env(KEY, "state", 0, params)[3]) == terminated


def test_shapes_of_many_at_once_in_both_forms():
    (env, params), (other, _) = door(), door(five=True)
    doors = (env, other, LegacyStepAPIWrapper(env))

    def rolled(keys):
        _, states = jax.vmap(env.reset, in_axes=(0, None))(keys, params)
        actions = jnp.arange(4)
        return [jax.vmap(one.step, in_axes=(0, 0, 0, None))(keys, states, actions, params) for one in doors]

    six, five, older = jax.eval_shape(rolled, jax.random.split(KEY, 4))
    assert six[0].shape == five[0].shape == (4, 92)
    assert [leaf.shape for leaf in six[2:5]] == [(4,)] * 3
    assert jax.tree.structure(five) == jax.tree.structure(older)
    assert five[3].dtype == bool
    assert (len(six), len(five)) == (6, 5)


def test_what_is_legal():
    env, params = eco_gymnax("tiny", others="local", knowledge="none", **WORLD)
    _, state = env.reset(KEY, params)
    legal = np.asarray(jax.jit(env.action_mask)(state, params))
    assert legal[0]
    assert not legal[table(env.env.config)[:, 3] == 1].any()
    with pytest.raises(UserError, match="user = 7"):
        eco_gymnax("tiny", user=7, **WORLD)
