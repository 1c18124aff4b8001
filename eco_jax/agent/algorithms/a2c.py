"""Advantage actor-critic: Algorithm 1 of the paper, in batches."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, PRNGKeyArray

from eco_jax.agent.algorithms.actor_critic import ActorCritic
from eco_jax.agent.algorithms.base import Agent
from eco_jax.agent.distribution import Heads, log_prob_and_entropy
from eco_jax.agent.networks.base import Network, Params
from eco_jax.agent.rollout import Rollout, estimate, standardised
from eco_jax.parts import register
from eco_jax.settings import switch


@register("algorithm", "a2c")
class A2C(ActorCritic):
    """Advantage actor-critic (the paper's): one gradient step on each rollout."""

    residual: bool = switch(False, "critic gradient through V(S') too, as the paper prints it")

    def learn(
        self, agent: Agent, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """See `Algorithm.learn`."""
        gradient, losses = jax.grad(loss, has_aux=True)(
            agent.params, self.trained, heads, rollout, discount=self.discount, decay=self.decay,
            entropy_weight=self.entropy_weight(progress), normalise=self.normalise, residual=self.residual,
        )  # fmt: skip
        agent, norms = self.descend(progress, agent, gradient)
        return agent, losses | norms

    def finite(self, agent: Agent) -> Bool[Array, ""]:
        """The norms of the gradients are reported, and a step along a finite one is finite."""
        return jnp.bool_(True)


def loss(
    params: Params,
    network: Network,
    heads: Heads,
    rollout: Rollout,
    *,
    discount: Any,
    decay: Any,
    entropy_weight: Any,
    normalise: bool = False,
    residual: bool = False,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Actor and critic loss in one sum: where they share no parameter, neither gradient sees the other.

    Args:
        params: of the network.
        network: actor and critic.
        heads: layout of the action.
        rollout: on-policy experience.
        discount: gamma (the paper writes w3).
        decay: lambda of the advantage estimate.
        entropy_weight: weight of the entropy bonus, reward per nat.
        normalise: scale the advantages of the batch to mean 0 and deviation 1.
        residual: let the critic's gradient run through V(S') as well, as the paper prints it.
    """
    logits, values, errors = estimate(network, params, rollout, discount, decay, residual)
    advantages, fixed = lax.stop_gradient((errors, values))
    targets = advantages + fixed
    critic = 0.5 * jnp.mean((errors if residual else targets - values) ** 2)

    if normalise:
        advantages = standardised(advantages)
    log_prob, entropy = log_prob_and_entropy(heads, logits, rollout.observation.mask, rollout.action)
    actor = -jnp.mean(log_prob * advantages)
    total = actor - entropy_weight * jnp.mean(entropy) + critic
    explained = 1.0 - jnp.var(targets - fixed) / (jnp.var(targets) + 1e-8)
    return total, {
        "actor_loss": actor,
        "critic_loss": critic,
        "entropy": jnp.mean(entropy),
        "value": jnp.mean(fixed),
        "explained_variance": explained,
    }
