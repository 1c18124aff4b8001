"""Proximal policy optimisation (Schulman et al. 2017): several passes over a rollout, each step's reach bounded."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int, PRNGKeyArray, Shaped

from eco_jax.agent.algorithms.actor_critic import ActorCritic
from eco_jax.agent.algorithms.base import Agent, check_minibatches
from eco_jax.agent.distribution import Heads, log_prob_and_entropy
from eco_jax.agent.networks.base import Network, Params
from eco_jax.agent.rollout import Rollout, estimate, standardised
from eco_jax.parts import register
from eco_jax.random import uniform
from eco_jax.settings import number, whole


@register("algorithm", "ppo")
class PPO(ActorCritic):
    """Proximal policy optimisation: `epochs` passes over each rollout, each in `minibatches` gradient steps."""

    ratio_limit: Any = number(
        0.2, "-", 1e-9, 100, "ε", "Schulman et al. 2017", "no gain from a probability ratio beyond 1 -+ epsilon"
    )
    epochs: int = whole(4, 1, 10**4, "passes over each rollout", source="assumed")
    minibatches: int = whole(
        4, 1, 10**6, "gradient steps in one pass; divides train.envs x train.rollout, with a memory train.envs",
        source="assumed",
    )  # fmt: skip

    def check(self, train: Any, env: Any) -> None:
        """See `Algorithm.check`."""
        check_minibatches(self, train)

    def learn(
        self, agent: Agent, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """See `Algorithm.learn`; of the losses it reports the means."""
        batch, reported = prepare(agent.params, self.trained, heads, rollout, self.discount, self.decay)

        def step(agent: Agent, part: Batch) -> tuple[Agent, dict[str, Array]]:
            gradient, losses = jax.grad(loss, has_aux=True)(
                agent.params, self.trained, heads, part, ratio_limit=self.ratio_limit,
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
    """Samples of a rollout, with what the policy that collected them thought of each.

    A sample is a slot of an environment; of a network with a memory it is an environment with all slots, *samples =
    [envs, time], so that the memory can be followed.
    """

    features: Float[Array, "*samples users features"]
    mask: Bool[Array, "*samples users choices"]
    action: Int[Array, "*samples users heads"]
    log_prob: Float[Array, "*samples users"]
    advantage: Float[Array, "*samples users"]
    target: Float[Array, "*samples users"]
    """of the value"""
    carry: Any = ()
    """the memory before the first slot, leaves [envs, users, ...]; `()` without one"""
    ended: Any = ()
    """whether an episode ended with the slot, [envs, time]; `()` without a memory"""


def prepare(
    params: Params, network: Network, heads: Heads, rollout: Rollout, discount: Any, decay: Any
) -> tuple[Batch, dict[str, Float[Array, ""]]]:
    """The rollout as samples, and what is reported of it.

    Args:
        params: of the policy that collected it.
        network: actor and critic.
        heads: layout of the action.
        rollout: on-policy experience.
        discount: gamma.
        decay: lambda of the advantage estimate.

    Returns:
        samples [time * envs, ...], with a memory [envs, time, ...] (see `Batch`), and metrics.
    """
    mask = rollout.observation.mask
    logits, values, advantages = estimate(network, params, rollout, discount, decay)
    log_prob, _ = log_prob_and_entropy(heads, logits, mask, rollout.action)
    target = advantages + values
    batch = Batch(rollout.observation.features, mask, rollout.action, log_prob, advantages, target)
    explained = 1.0 - jnp.var(advantages) / (jnp.var(target) + 1e-8)
    metrics = {"value": jnp.mean(values), "explained_variance": explained}
    if jax.tree.leaves(rollout.carry):
        batch = jax.tree.map(_exchanged, batch._replace(ended=rollout.ended))
        return batch._replace(carry=rollout.carry), metrics
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), batch), metrics


def _exchanged(leaf: Shaped[Array, "a b *more"]) -> Shaped[Array, "b a *more"]:
    """Environments before slots, or slots before environments."""
    return jnp.swapaxes(leaf, 0, 1)


def outputs(params: Params, network: Network, batch: Batch) -> tuple[Array, Array]:
    """The network's logits [*samples, users, choices] and values [*samples, users] for these samples.

    A memory begins as it did when the rollout began, and goes through the slots with these parameters.

    Args:
        params: of the network.
        network: actor and critic.
        batch: samples.
    """
    if not jax.tree.leaves(batch.carry):
        logits, values, _ = network.apply(params, (), batch.features)
        return logits, values
    logits, values, _ = network.unroll(params, batch.carry, _exchanged(batch.features), _exchanged(batch.ended))
    return _exchanged(logits), _exchanged(values)


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
        params: of the network.
        network: actor and critic.
        heads: layout of the action.
        batch: a minibatch.
        ratio_limit: epsilon: no gain from a probability ratio beyond [1 - epsilon, 1 + epsilon].
        entropy_weight: weight of the entropy bonus, reward per nat.
        normalise: scale the advantages of the minibatch to mean 0 and deviation 1.
    """
    logits, values = outputs(params, network, batch)
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
