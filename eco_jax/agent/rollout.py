"""What an algorithm learns from: a rollout, and values and advantages of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from eco_jax.agent.advantages import gae
from eco_jax.agent.networks.base import Network, Params
from eco_jax.env import Observation


class Rollout(NamedTuple):
    """What a batch of environments went through in some slots."""

    observation: Observation
    """features [time, envs, users, features], mask [time, envs, users, choices]"""
    action: Int[Array, "time envs users heads"]
    reward: Float[Array, "time envs users"]
    next_observation: Observation
    """the true next ones, [more, envs, ...]: of the last slot only with a fixed horizon (more = 1), else of all"""
    terminated: Bool[Array, "time envs"]
    ended: Bool[Array, "time envs"]
    """terminated or truncated"""
    carry: Any = ()
    """the network's memory before the first slot, leaves [envs, users, ...]"""


def estimate(
    network: Network, params: Params, rollout: Rollout, discount: Any, decay: Any, residual: bool = False
) -> tuple[Array, Array, Array]:
    """Logits [time, envs, users, choices], values and generalised advantages [time, envs, users] of a rollout.

    No gradient runs through the advantages, unless `residual`: then through V(S) and V(S') both.

    Args:
        network: actor and critic.
        params: of it.
        rollout: on-policy experience.
        discount: gamma.
        decay: lambda of the advantage estimate.
        residual: see above.
    """
    logits, values, (_, later) = outlook(network, params, rollout)
    return logits, values, advantages(rollout, values, later, discount, decay, residual)


def outlook(
    network: Network, params: Params, rollout: Rollout
) -> tuple[
    Float[Array, "time envs users choices"],
    Float[Array, "time envs users"],
    tuple[Float[Array, "more envs users choices"], Float[Array, "more envs users"]],
]:
    """Logits and values of a rollout's observations, and both of its `next_observation`.

    Args:
        network: actor and critic.
        params: of it.
        rollout: experience.
    """
    logits, values, after = network.unroll(params, rollout.carry, rollout.observation.features, rollout.ended)
    following = rollout.next_observation.features
    after = jax.tree.map(lambda leaf: leaf[-len(following) :], after)
    # Behind a barrier: XLA's GPU compiler would make one product of both, and write its operands out once more.
    later = network.apply(lax.optimization_barrier(params), after, following)
    return logits, values, later[:2]


def advantages(
    rollout: Rollout,
    values: Float[Array, "time envs users"],
    later: Float[Array, "more envs users"],
    discount: Any,
    decay: Any,
    residual: bool = False,
) -> Float[Array, "time envs users"]:
    """Generalised advantages of a rollout over any values of its states; `residual` as in `estimate`.

    Args:
        rollout: experience.
        values: of its observations.
        later: of its `next_observation`.
        discount: gamma.
        decay: lambda of the advantage estimate.
        residual: whether a gradient runs through them.
    """
    next_values = later if len(later) == len(values) else jnp.concatenate([values[1:], later])
    terminated, ended = (
        jnp.broadcast_to(flag[..., None], values.shape) for flag in (rollout.terminated, rollout.ended)
    )
    now, then = (values, next_values) if residual else lax.stop_gradient((values, next_values))
    return gae(rollout.reward, now, then, terminated, ended, discount, decay)


def standardised(advantages: Array) -> Array:
    """Advantages scaled to mean 0 and deviation 1 over all of them."""
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
