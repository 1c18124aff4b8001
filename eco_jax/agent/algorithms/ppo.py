"""Proximal policy optimisation (Schulman et al. 2017): several passes over a rollout, each step's reach bounded."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.agent.algorithms.actor_critic import ActorCritic
from eco_jax.agent.algorithms.base import Agent
from eco_jax.agent.distribution import Heads, log_prob_and_entropy
from eco_jax.agent.networks.base import Network, Params
from eco_jax.agent.rollout import Rollout, estimate, standardised
from eco_jax.errors import UserError
from eco_jax.parts import register
from eco_jax.random import uniform
from eco_jax.settings import number, whole


@register("algorithm", "ppo")
class PPO(ActorCritic):
    """Proximal policy optimisation: `epochs` passes over each rollout, each in `minibatches` gradient steps."""

    ratio_limit: Any = number(
        0.2, "-", 1e-9, 100, "ε", "Schulman et al. 2017", "no gain from a probability ratio beyond 1 -+ epsilon"
    )
    epochs: int = whole(4, 1, 10**4, "passes over a rollout in one update", source="assumed")
    minibatches: int = whole(
        4, 1, 10**6, "gradient steps in one pass; divides train.envs x train.rollout", source="assumed"
    )

    def check(self, train: Any, env: Any) -> None:
        """See `Algorithm.check`."""
        samples = train.envs * train.rollout
        if samples % self.minibatches:
            raise UserError(
                f"algorithm.minibatches = {self.minibatches}: must divide the rollout of train.envs x train.rollout = "
                f"{samples} samples"
            )
        if jax.tree.leaves(self.start((1, 1))):
            raise UserError("algorithm = 'ppo': shuffles single slots, so it needs a network without memory")

    def learn(
        self, agent: Agent, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """See `Algorithm.learn`; of the losses it reports the means."""
        batch, reported = prepare(agent.params, self.network, heads, rollout, self.discount, self.decay)

        def step(agent: Agent, part: Batch) -> tuple[Agent, dict[str, Array]]:
            gradient, losses = jax.grad(loss, has_aux=True)(
                agent.params, self.network, heads, part, ratio_limit=self.ratio_limit,
                entropy_weight=self.entropy_weight(progress), normalise=self.normalise,
            )  # fmt: skip
            agent, norms = self.descend(progress, agent, gradient)
            return agent, losses | norms

        def epoch(agent: Agent, key: PRNGKeyArray) -> tuple[Agent, dict[str, Array]]:
            return lax.scan(step, agent, shuffle(key, batch, self.minibatches))

        agent, losses = lax.scan(epoch, agent, jax.random.split(key, self.epochs))
        return agent, {name: jnp.mean(value) for name, value in losses.items()} | reported

    def finite(self, agent: Agent) -> Bool[Array, ""]:
        """The norms of the gradients are reported, and a step along a finite one is finite."""
        return jnp.bool_(True)


class Batch(NamedTuple):
    """Samples of a rollout, with what the policy that collected them thought of each."""

    features: Float[Array, "*samples users features"]
    mask: Bool[Array, "*samples users choices"]
    action: Int[Array, "*samples users heads"]
    log_prob: Float[Array, "*samples users"]
    advantage: Float[Array, "*samples users"]
    target: Float[Array, "*samples users"]
    """of the value"""


def prepare(
    params: Params, network: Network, heads: Heads, rollout: Rollout, discount: Any, decay: Any
) -> tuple[Batch, dict[str, Float[Array, ""]]]:
    """The rollout as samples [time * envs, ...], and what is reported of it."""
    mask = rollout.observation.mask
    logits, values, advantages = estimate(network, params, rollout, discount, decay)
    log_prob, _ = log_prob_and_entropy(heads, logits, mask, rollout.action)
    target = advantages + values
    batch = Batch(rollout.observation.features, mask, rollout.action, log_prob, advantages, target)
    explained = 1.0 - jnp.var(advantages) / (jnp.var(target) + 1e-8)
    metrics = {"value": jnp.mean(values), "explained_variance": explained}
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch), metrics


def shuffle(key: PRNGKeyArray, batch: Batch, minibatches: int) -> Batch:
    """The samples in a new order, [minibatches, samples in each, ...]."""
    order = jnp.argsort(uniform(key, batch.action.shape[0]))  # `jax.random.permutation` sorts several times
    return jax.tree.map(lambda leaf: leaf[order].reshape(minibatches, -1, *leaf.shape[1:]), batch)


def loss(
    params: Params,
    network: Network,
    heads: Heads,
    batch: Batch,
    *,
    ratio_limit: Any,
    entropy_weight: Any,
    normalise: bool = False,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Clipped actor loss and critic loss in one sum: where they share no parameter, neither gradient sees the other.

    Args:
        params: of the network, one without memory.
        network: actor and critic.
        heads: layout of the action.
        batch: a minibatch.
        ratio_limit: epsilon: no gain from a probability ratio beyond [1 - epsilon, 1 + epsilon].
        entropy_weight: weight of the entropy bonus, reward per nat.
        normalise: scale the advantages of the minibatch to mean 0 and deviation 1.
    """
    logits, values, _ = network.apply(params, (), batch.features)
    log_prob, entropy = log_prob_and_entropy(heads, logits, batch.mask, batch.action)
    advantage = standardised(batch.advantage) if normalise else batch.advantage
    ratio = jnp.exp(log_prob - batch.log_prob)
    bounded = jnp.clip(ratio, 1.0 - ratio_limit, 1.0 + ratio_limit)
    actor = -jnp.mean(jnp.minimum(ratio * advantage, bounded * advantage))
    critic = 0.5 * jnp.mean((batch.target - values) ** 2)
    total = actor - entropy_weight * jnp.mean(entropy) + critic
    return total, {
        "actor_loss": actor,
        "critic_loss": critic,
        "entropy": jnp.mean(entropy),
        "clipped": jnp.mean(jnp.abs(ratio - 1.0) > ratio_limit, dtype=jnp.float32),
    }
