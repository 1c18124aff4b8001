"""The attention network in training: it learns, and a member and a run that goes on have the bits of one in one go."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import A2C, PPO
from eco_jax.agent.networks import Attention
from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit, member
from eco_jax.train.loop import Learner

LOOP = TrainConfig(updates=60, envs=8, rollout=4, chunk=20)
WORLD = {"gain": jnp.float32(1.0)}
KEYS = [jax.random.key(0), jax.random.key(1)]


def algorithm(kind):
    settings = {"minibatches": 2, "epochs": 2} if kind is PPO else {}
    return kind(network=Attention(hidden=8, users=True), actor_lr=2e-2, critic_lr=2e-2, entropy=0.01, **settings)


@pytest.mark.parametrize("kind", [A2C, pytest.param(PPO, marks=pytest.mark.long)])
def test_it_learns_and_goes_on_and_a_member_is_what_it_is_alone(kind, tmp_path):
    learner, both = Learner(Guess(), LOOP), [algorithm(kind)] * 2
    with Checkpoints(tmp_path) as writer:
        fitted = fit(learner, WORLD, both, KEYS, on_chunk=lambda c: c.done < 60 and writer.save(c.done, c.state))
    assert (fitted.metrics["right"][:3].mean(0) < 0.6).all()  # at random: a third
    assert (fitted.metrics["right"][-10:].mean(0) > 0.9).all()
    alone = fit(learner, WORLD, both[:1], KEYS[1:])
    assert params_sha256(member(alone.state.agent.params, 0)) == params_sha256(member(fitted.state.agent.params, 1))
    on = fit(learner, WORLD, both, KEYS, resume=lambda like: restore(tmp_path, like, pytest.fail))
    assert params_sha256(on.state.agent.params) == params_sha256(fitted.state.agent.params)
    for name in fitted.metrics:
        np.testing.assert_array_equal(on.metrics[name], fitted.metrics[name][40:])
