"""Trees whose leaves have a leading axis of members, taken apart and put together on the host."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def take(tree: Any, ids: np.ndarray) -> Any:
    """Some members of a stacked tree."""
    return on_device(jax.tree.map(lambda leaf: leaf[ids], to_numpy(tree)), tree)


def put(tree: Any, ids: np.ndarray, new: Any) -> Any:
    """A stacked tree with some members replaced."""

    def replaced(leaf: np.ndarray, piece: np.ndarray) -> np.ndarray:
        leaf = leaf.copy()
        leaf[ids] = piece
        return leaf

    return on_device(jax.tree.map(replaced, to_numpy(tree), to_numpy(new)), tree)


def pick(env_params: Any, axes: Any, ids: np.ndarray | np.integer) -> Any:
    """Parameters of the environments of some members; of one, by its number, without an axis."""
    return jax.tree.map(
        lambda axis, leaf: leaf if axis is None else jax.device_put(np.asarray(leaf)[ids]),
        axes, env_params, is_leaf=lambda axis: axis is None,
    )  # fmt: skip


def to_numpy(tree: Any) -> Any:
    """The same in NumPy; keys as their data."""
    return jax.device_get(jax.tree.map(lambda leaf: jax.random.key_data(leaf) if _is_key(leaf) else leaf, tree))


def on_device(tree: Any, like: Any, device: Any = None) -> Any:
    """The inverse of `to_numpy`: as arrays on a device, by default on the default one; keys where `like` has keys."""
    return jax.tree.map(
        lambda leaf, as_leaf: jax.random.wrap_key_data(leaf) if _is_key(as_leaf) else leaf,
        jax.device_put(tree, device), like,
    )  # fmt: skip


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
