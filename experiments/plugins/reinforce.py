"""An algorithm of one's own: REINFORCE, the return of a rollout against a baseline.

eco-jax train --plugin reinforce.py --algorithm reinforce --algorithm.lr 3e-3 --out runs/reinforce
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from eco_jax.agent.advantages import gae
from eco_jax.agent.algorithms import Agent, Algorithm
from eco_jax.agent.distribution import Heads, log_prob_and_entropy
from eco_jax.agent.gradient import descend, transformation
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs
from eco_jax.parts import register
from eco_jax.settings import number


@register("algorithm", "reinforce")
class Reinforce(Algorithm):
    """Monte Carlo policy gradient; the baseline is the mean return of the slot over environments and users."""

    lr: Any = number(3e-3, "-", 0, 10, "", "assumed", "learning rate")
    discount: Any = number(0.9, "-", 0, 1, "γ", "assumed", "discount")
    clip: Any = number(0.5, "-", 1e-9, 1e9, "", "assumed", "largest global norm of the gradient")

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Agent:
        """A network, and the state of Adam."""
        params = self.network.init(key, inputs, heads)
        return Agent(params, transformation("adam").init(params))

    def learn(
        self, agent: Agent, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """One gradient step on the log-probabilities, weighted by the returns over the baseline."""
        nothing = jnp.zeros_like(rollout.reward)
        ended = jnp.broadcast_to(rollout.ended[..., None], rollout.reward.shape)
        returns = gae(rollout.reward, nothing, nothing, ended, ended, self.discount, 1.0)  # of values 0: the return
        advantage = returns - returns.mean(axis=(1, 2), keepdims=True)

        def loss(params: Any) -> Array:
            seen = rollout.observation
            logits, *_ = self.network.unroll(params, rollout.carry, seen.features, rollout.ended)
            log_prob, _ = log_prob_and_entropy(heads, logits, seen.mask, rollout.action)
            return -jnp.mean(log_prob * advantage)

        value, gradient = jax.value_and_grad(loss)(agent.params)
        rates = dict.fromkeys(gradient, self.lr)
        params, optimizer, norms = descend("adam", rates, self.clip, agent.params, agent.optimizer, gradient)
        return Agent(params, optimizer), {"actor_loss": value, **norms}
