"""An agent with a memory: it lasts from update to update, and each episode begins with a fresh one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import Network
from eco_jax.train.checkpoint import Checkpoints, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import Remembering, play_episodes
from eco_jax.train.fit import fit, member
from eco_jax.train.loop import Learner


class Counting(Network):
    """Its memory counts the slots of an episode; it prefers choice 0 in the first slot, 1 after it, 2 from then on."""

    def init(self, key, inputs, heads):
        return {"actor": {"bias": jnp.zeros(sum(heads.sizes))}, "critic": {"bias": jnp.zeros(1)}}

    def start(self, shape):
        return {"slots": jnp.zeros(shape)}

    def apply(self, params, carry, features):
        slots = carry["slots"]
        logits = 9.0 * jax.nn.one_hot(jnp.minimum(slots, 2.0).astype(jnp.int32), 3) + params["actor"]["bias"]
        return logits, slots + params["critic"]["bias"][0], {"slots": slots + 1.0}


WORLD = {"gain": jnp.float32(1.0)}
KEYS = [jax.random.key(0), jax.random.key(1)]
ALGORITHM = A2C(network=Counting(), optimizer="sgd")


@pytest.mark.parametrize("fixed", [pytest.param(True, marks=pytest.mark.long), False])
def test_it_knows_in_training_how_old_the_episode_is(fixed, tmp_path):
    # Rollouts of 2 slots in episodes of at most 4, so that most end somewhere else.
    learner = Learner(Guess(fixed), TrainConfig(updates=6, envs=8, rollout=2, chunk=3))
    with Checkpoints(tmp_path) as writer:
        fitted = fit(learner, WORLD, [ALGORITHM] * 2, KEYS, on_chunk=lambda c: writer.save(c.done, c.state))
    slots, t = fitted.state.carry["slots"], fitted.state.env_state["t"]
    assert slots.shape == (2, 8, 2)
    np.testing.assert_array_equal(slots, np.broadcast_to(t[..., None], slots.shape))
    assert fixed or 0 < np.asarray(t).mean() < 4
    if fixed:
        assert fitted.metrics["slot"][:, 0].tolist() == [0.5, 2.5] * 3
    (tmp_path / "6").rename(tmp_path / "other")
    on = fit(learner, WORLD, [ALGORITHM] * 2, KEYS, resume=lambda like: restore(tmp_path, like, pytest.fail))
    np.testing.assert_array_equal(on.state.carry["slots"], slots)
    for name in fitted.metrics:
        np.testing.assert_array_equal(on.metrics[name], fitted.metrics[name][3:])


def test_it_is_played_with_its_memory():
    env = Guess()
    learner = Learner(env, TrainConfig(updates=2, envs=8, rollout=2, chunk=2))
    params = member(fit(learner, WORLD, [ALGORITHM], KEYS[:1]).state.agent.params, 0)
    policy = learner.policy(ALGORITHM, params)
    assert isinstance(policy, Remembering)
    seen = []

    def watched(memory, key, observation, state, world):
        action, after = policy.act(memory, key, observation, state, world)
        jax.debug.callback(lambda t, a: seen.append((int(t), a[:, 0].tolist())), state["t"], action)
        return action, after

    play_episodes(env, WORLD, policy._replace(act=watched), jax.random.key(3), 2)
    jax.effects_barrier()
    assert sorted(seen)[:: len(seen) // 4] == [(t, [min(t, 2)] * 2) for t in range(4)]
