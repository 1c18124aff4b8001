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
    logits, values, after = network.unroll(params, rollout.carry, rollout.observation.features, rollout.ended)
    following = rollout.next_observation.features
    after = jax.tree.map(lambda leaf: leaf[-len(following) :], after)
    # Behind a barrier: XLA's GPU compiler would make one product of both, and write its operands out once more.
    later = network.apply(lax.optimization_barrier(params), after, following)[1]
    next_values = later if len(later) == len(values) else jnp.concatenate([values[1:], later])
    terminated, ended = (
        jnp.broadcast_to(flag[..., None], values.shape) for flag in (rollout.terminated, rollout.ended)
    )
    now, then = (values, next_values) if residual else lax.stop_gradient((values, next_values))
    return logits, values, gae(rollout.reward, now, then, terminated, ended, discount, decay)


def standardised(advantages: Array) -> Array:
    """Advantages scaled to mean 0 and deviation 1 over all of them."""
    return (advantages - advantages.mean()) / (advantages.std() + 1e-8)
