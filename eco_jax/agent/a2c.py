"""Advantage actor-critic: Algorithm 1 of the paper, in batches."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from eco_jax.agent.advantages import gae
from eco_jax.agent.distribution import Heads, log_prob_and_entropy
from eco_jax.agent.network import Network, Params


class Rollout(NamedTuple):
    """What one environment batch went through."""

    features: Float[Array, "time envs users features"]
    mask: Bool[Array, "time envs users choices"]
    action: Int[Array, "time envs users heads"]
    reward: Float[Array, "time envs users"]
    next_features: Float[Array, "more envs users features"]
    """of the true next observations: the last one only with a fixed horizon (more = 1), else all (more = time)"""
    terminated: Bool[Array, "time envs"]
    ended: Bool[Array, "time envs"]


def estimate(
    params: Params, network: Network, rollout: Rollout, discount: Any, decay: Any, residual: bool = False
) -> tuple[Array, Array, Array]:
    """Logits [time envs users choices], values and advantages [time envs users] of a rollout.

    No gradient runs through the advantages, unless `residual`: then through V(S) and V(S') both.
    """
    logits, values = network.apply(params, rollout.features)
    later = network.apply(params, rollout.next_features)[1]
    next_values = later if len(later) == len(values) else jnp.concatenate([values[1:], later])
    terminated, ended = (
        jnp.broadcast_to(flag[..., None], values.shape) for flag in (rollout.terminated, rollout.ended)
    )
    now, then = (values, next_values) if residual else lax.stop_gradient((values, next_values))
    return logits, values, gae(rollout.reward, now, then, terminated, ended, discount, decay)


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
    """Actor and critic loss in one sum: they share no parameter, so neither gradient sees the other.

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
    logits, values, errors = estimate(params, network, rollout, discount, decay, residual)
    advantages, fixed = lax.stop_gradient((errors, values))
    targets = advantages + fixed
    critic = 0.5 * jnp.mean((errors if residual else targets - values) ** 2)

    if normalise:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    log_prob, entropy = log_prob_and_entropy(heads, logits, rollout.mask, rollout.action)
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


def clip_by_norm(gradient: Any, limit: Any) -> tuple[Any, Float[Array, ""]]:
    """The gradient scaled down to global norm `limit` (traced, unlike optax's), and its norm before."""
    norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))
    scale = jnp.minimum(1.0, limit / jnp.maximum(norm, 1e-12))
    return jax.tree.map(lambda leaf: leaf * scale, gradient), norm
