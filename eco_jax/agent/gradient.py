"""Gradient steps with traced learning rates and a traced limit on the gradient's norm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from eco_jax.agent.networks.base import Params

if TYPE_CHECKING:
    import optax

OPTIMIZERS = ("adam", "sgd", "radam")


def transformation(optimizer: str) -> "optax.GradientTransformation":
    """What an optimizer makes of a gradient, before the learning rate: rates are traced, and `descend` multiplies them.

    Args:
        optimizer: `adam`, `radam` (its first steps rectified: Liu et al. 2020), or `sgd` for plain gradient steps.
    """
    import optax  # costs a tenth of a second, and settings and --help need this file

    made = {"adam": optax.scale_by_adam, "radam": optax.scale_by_radam}
    return made[optimizer](eps=1e-5) if optimizer in made else optax.identity()


def clip_by_norm(gradient: Any, limit: Any) -> tuple[Any, Float[Array, ""]]:
    """The gradient scaled down to global norm `limit` (traced, unlike optax's), and its norm before."""
    norm = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))
    scale = jnp.minimum(1.0, limit / jnp.maximum(norm, 1e-12))
    return jax.tree.map(lambda leaf: leaf * scale, gradient), norm


def descend(
    optimizer: str, rates: Mapping[str, Any], limit: Any, params: Params, state: Any, gradient: Params
) -> tuple[Params, Any, dict[str, Float[Array, ""]]]:
    """One gradient step, each part of the network clipped by its own norm.

    Args:
        optimizer: see `transformation`.
        rates: learning rate of each part, by the first level of names in `params` (`actor`, `critic`).
        limit: largest global norm of a part's gradient.
        params: of the network.
        state: of the optimizer.
        gradient: of the loss, as `params`.

    Returns:
        the new parameters, the optimizer's new state, and the norms before clipping, as `actor_gradient`.
    """
    clipped, norms = {}, {}
    for part in gradient:
        clipped[part], norms[f"{part}_gradient"] = clip_by_norm(gradient[part], limit)
    direction, state = transformation(optimizer).update(clipped, state)
    params = {
        part: jax.tree.map(lambda p, d, rate=rates[part]: p - rate * d, params[part], tree)
        for part, tree in direction.items()
    }
    return params, state, norms
