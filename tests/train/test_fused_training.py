"""Training with `network.fused` where there is no GPU: layer by layer, with a rule of its own for the gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import A2C, PPO
from eco_jax.agent.network import MLP
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit
from eco_jax.train.loop import Learner


@pytest.mark.parametrize("algorithm", [A2C, PPO])
def test_it_learns_what_it_learns_without(algorithm):
    learner = Learner(Guess(), TrainConfig(updates=4, envs=8, rollout=4, chunk=4))

    def trained(fused):
        agent = algorithm(network=MLP(hidden=8, layers=2, fused=fused))
        return fit(learner, {"gain": jnp.float32(1.0)}, [agent] * 2, [jax.random.key(0), jax.random.key(1)])

    one, plain = trained(True), trained(False)
    for name, values in plain.metrics.items():
        np.testing.assert_allclose(one.metrics[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    for a, b in zip(jax.tree.leaves(one.state.agent), jax.tree.leaves(plain.state.agent), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
    assert float(plain.metrics["actor_gradient"].min()) > 1e-4
