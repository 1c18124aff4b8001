"""Stable-Baselines3 trains on the rows: A2C, PPO, DQN, MaskablePPO; and what it expects of a `VecEnv`."""

import sys
import tempfile
from pathlib import Path

import gymnasium
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from eco_jax.adapters.gymnasium import EcoGymnasium, EcoVector
from eco_jax.adapters.sb3 import EcoVecEnv

WORLD = {"preset": "tiny", "slots": 4}
USERS, ENVS = 3, 2


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.policy.parameters()]).clone()


def trained(kind, env, steps, policy="MlpPolicy", **settings):
    model = kind(policy, env, seed=0, device="cpu", **settings)
    before = weights(model)
    model.learn(steps)
    assert model.num_timesteps >= steps, model.num_timesteps
    after = weights(model)
    assert torch.isfinite(after).all()
    assert not torch.equal(before, after)
    print(f"{kind.__name__}: {model.num_timesteps} steps", flush=True)
    return model


def protocol():
    """Rows, seeds, the true last observation, and the methods that go to rows."""
    env = EcoVecEnv(ENVS, **WORLD)
    assert (env.num_envs, env.users) == (ENVS * USERS, USERS)
    reference = EcoVector(ENVS, **WORLD, autoreset_mode="SameStep")
    assert env.seed(7) == [7 + i for i in range(env.num_envs)]
    rows, wanted = env.reset(), reference.reset(seed=7)[0]
    rng = np.random.default_rng(0)
    for slot in range(1, 9):
        assert np.array_equal(rows, wanted.reshape(-1, 92))
        assert np.array_equal(np.concatenate(env.env_method("action_masks")), reference.action_masks().reshape(-1))
        action = rng.integers(0, (5, 4, 2, 2), (env.num_envs, 4))
        rows, rewards, dones, infos = env.step(action)
        wanted, team, _, ended, told = reference.step(action.reshape(ENVS, -1))
        assert rewards.shape == (env.num_envs,)
        assert rewards.dtype == np.float32
        assert dones.tolist() == np.repeat(ended, USERS).tolist() == [slot % 4 == 0] * env.num_envs
        if dones.any():
            last = np.stack([info["terminal_observation"] for info in infos])
            assert np.array_equal(last, np.stack(list(told["final_obs"])).reshape(-1, 92))
            assert not np.array_equal(last, rows)
            assert all(info["TimeLimit.truncated"] for info in infos)
        else:
            assert infos == [{}] * env.num_envs
    # Credit "team" is everybody's share of the same sum: the mean of all rows is the team's reward.
    team_env = EcoVecEnv(ENVS, **WORLD, credit="team")
    team_env.seed(7)
    team_env.reset()
    reference.reset(seed=7)
    action = rng.integers(0, (5, 4, 2, 2), (env.num_envs, 4))
    rewards, team = team_env.step(action)[1], reference.step(action.reshape(ENVS, -1))[1]
    assert np.allclose(rewards.reshape(ENVS, USERS).mean(axis=1), team, atol=1e-6)

    assert env.get_attr("user") == [0, 1, 2, 0, 1, 2]
    assert env.get_attr("environment", indices=[0, 5]) == [0, 1]
    env.set_attr("note", "x", indices=4)
    assert env.get_attr("note", indices=4) == ["x"]
    assert env.env_is_wrapped(Monitor) == [False] * env.num_envs
    assert env.env_is_wrapped(Monitor, indices=[1]) == [False]
    assert is_masking_supported(env)
    assert get_action_masks(env).shape == (env.num_envs, 13)
    env.close()
    print("protocol: ok", flush=True)


def main():
    protocol()
    check_env(EcoGymnasium(**WORLD, user=0))
    check_env(EcoGymnasium(**WORLD, flat=True))
    rows = EcoVecEnv(ENVS, **WORLD)
    trained(A2C, rows, 120, n_steps=4)
    model = trained(PPO, VecMonitor(rows), 120, n_steps=20, batch_size=60, n_epochs=1)
    mean, _ = evaluate_policy(model, VecMonitor(rows), n_eval_episodes=3, warn=False)
    assert np.isfinite(mean)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.zip"
        model.save(path)
        assert torch.equal(weights(PPO.load(path, env=rows, device="cpu")), weights(model))
    trained(A2C, VecNormalize(rows), 60, n_steps=4)
    table = EcoVecEnv(ENVS, **WORLD, actions="table")
    assert isinstance(table.action_space, gymnasium.spaces.Discrete)
    trained(DQN, table, 180, learning_starts=60, buffer_size=500, batch_size=16, target_update_interval=60)
    none = EcoVecEnv(ENVS, **WORLD, knowledge="none")
    masked = trained(MaskablePPO, none, 120, n_steps=20, batch_size=60, n_epochs=1)
    seen = none.reset()
    chosen, _ = masked.predict(seen, action_masks=get_action_masks(none))
    legal = none.action_masks()
    starts = np.cumsum([0, 5, 4, 2])
    assert np.take_along_axis(legal, chosen + starts, axis=1).all()
    trained(A2C, EcoGymnasium(**WORLD), 60, n_steps=4)
    return 0


if __name__ == "__main__":
    sys.exit(main())
