"""Ours under PettingZoo: its own test, and the environment's rewards."""

import numpy as np
import pytest
from doors import SEED, WORLD, actions, played

pettingzoo = pytest.importorskip("pettingzoo", reason="pettingzoo is not installed: it is in the extra `dev`")
from pettingzoo.test import parallel_api_test  # noqa: E402
from pettingzoo.utils.conversions import parallel_to_aec  # noqa: E402

from eco_jax.adapters.pettingzoo import parallel_env  # noqa: E402
from eco_jax.errors import UserError  # noqa: E402


def test_pettingzoos_own_test():
    parallel_api_test(parallel_env("tiny", **WORLD), num_cycles=10)


def test_an_episode_is_the_environments_own():
    env = parallel_env("tiny", **WORLD)
    joint = actions(0, 3)[:, 0]
    observations, credits, _, _ = played(SEED, joint)
    found, infos = env.reset(seed=SEED)
    assert env.agents == env.possible_agents == ["user_0", "user_1", "user_2"]
    for slot in range(4):
        features, mask = (np.asarray(leaf) for leaf in observations[slot])
        np.testing.assert_allclose(env.state(), features.reshape(-1), atol=2e-6)
        assert env.state() in env.state_space
        for i, agent in enumerate(env.possible_agents):
            assert np.array_equal(found[agent], env.state().reshape(3, -1)[i])
            assert found[agent] in env.observation_space(agent)
            assert np.array_equal(infos[agent]["action_mask"], mask[i])
        if slot < 3:
            chosen = {agent: joint[slot, i] for i, agent in enumerate(env.agents)}
            found, rewards, terminated, truncated, infos = env.step(chosen)
            np.testing.assert_allclose(list(rewards.values()), credits[slot], atol=2e-6)
            assert not any(terminated.values())
            assert set(truncated.values()) == {slot == 2}
    assert env.agents == []
    with pytest.raises(UserError, match="call reset first"):
        env.step(chosen)


def test_an_agent_without_an_action_is_named():
    env = parallel_env("tiny", **WORLD)
    env.reset(seed=SEED)
    with pytest.raises(UserError, match="actions: user_1 has none"):
        env.step({"user_0": np.zeros(4, int), "user_2": np.zeros(4, int)})
    with pytest.raises(UserError, match="actions: 'user_3' is no agent; they are user_0 to user_2"):
        env.step({f"user_{i}": np.zeros(4, int) for i in range(4)})
    with pytest.raises(UserError, match="actions: must have one shape for every agent"):
        env.step({"user_0": np.zeros(4, int), "user_1": np.zeros(3, int), "user_2": np.zeros(4, int)})


def test_agents_in_turns_and_tables():
    env = parallel_to_aec(parallel_env("tiny", actions="table", **WORLD))
    env.reset(seed=SEED)
    for _ in range(3 * 3):
        *_, info = env.last()
        env.step(int(np.flatnonzero(info["action_mask"])[-1]))
    assert all(env.truncations.values())
