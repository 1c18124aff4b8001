"""A central critic: in a game of two users where luck is large it learns to meet, and a critic of one user does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_meeting import Meeting

from eco_jax.agent.algorithms import MAPPO, PPO
from eco_jax.agent.networks import MLP
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit
from eco_jax.train.loop import Learner

SEEDS = 8
SHARED = {
    "network": MLP(hidden=16, layers=1), "actor_lr": 0.01, "critic_lr": 0.01, "final_lr": 1.0, "discount": 0.0,
    "decay": 0.0, "entropy": 0.01, "normalise": True,
}  # fmt: skip


def learnt(algorithm):
    """(share of the slots in which they meet in the last ten updates, explained variance), each [seeds]."""
    learner = Learner(Meeting(), TrainConfig(updates=60, envs=32, rollout=4, chunk=20))
    keys = [jax.random.key(seed) for seed in range(SEEDS)]
    metrics = fit(learner, {"luck": jnp.float32(10.0)}, [algorithm] * SEEDS, keys).metrics
    return metrics["met"][-10:].mean(axis=0), metrics["explained_variance"][-10:].mean(axis=0)


def test_users_with_a_central_critic_agree_where_to_meet():
    met, explained = learnt(MAPPO(critic_hidden=16, **SHARED))
    assert (met > 0.9).all()
    assert (explained > 0.95).all()


@pytest.mark.long
def test_with_critics_of_one_user_luck_hides_what_meeting_earns():
    met, explained = learnt(PPO(**SHARED))
    # A user's own place is half of the luck's variance. The other half has a deviation of 8, and meeting earns 1.
    np.testing.assert_allclose(explained, 0.5, atol=0.1)
    assert (met < 0.75).all()
