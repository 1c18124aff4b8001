"""Proximal policy optimisation (Schulman et al. 2017): several passes over a rollout, each step's reach bounded."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.agent.a2c import Rollout, estimate
from eco_jax.agent.distribution import Heads, log_prob_and_entropy
from eco_jax.agent.network import Network, Params
from eco_jax.random import uniform


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
    logits, values, advantages = estimate(params, network, rollout, discount, decay)
    log_prob, _ = log_prob_and_entropy(heads, logits, rollout.mask, rollout.action)
    target = advantages + values
    batch = Batch(rollout.features, rollout.mask, rollout.action, log_prob, advantages, target)
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
    """Clipped actor loss and critic loss in one sum: they share no parameter, so neither gradient sees the other.

    Args:
        params: of the network.
        network: actor and critic.
        heads: layout of the action.
        batch: a minibatch.
        ratio_limit: epsilon: no gain from a probability ratio beyond [1 - epsilon, 1 + epsilon].
        entropy_weight: weight of the entropy bonus, reward per nat.
        normalise: scale the advantages of the minibatch to mean 0 and deviation 1.
    """
    logits, values = network.apply(params, batch.features)
    log_prob, entropy = log_prob_and_entropy(heads, logits, batch.mask, batch.action)
    advantage = batch.advantage
    if normalise:
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
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
