"""Several processes of one run, as `srun` starts them: they agree on what comes next, and the first one writes."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def join_in() -> None:
    """Find the other processes of this run. Before anything else touches a device.

    Raises:
        UserError: there are no others to be found.
    """
    import jax

    from eco_jax.errors import UserError

    try:
        jax.distributed.initialize()
    except (ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--distributed: {reason}; start it under srun, or set JAX_COORDINATOR_ADDRESS") from error


def count() -> int:
    """Processes of this run."""
    import jax

    return jax.process_count()


def first() -> bool:
    """Whether this process writes."""
    import jax

    return jax.process_index() == 0


def told(numbers: Sequence[int]) -> np.ndarray:
    """What each process says, [processes, numbers]; all hear the same."""
    mine = np.array([numbers], np.int32)
    if count() == 1:
        return mine
    from jax.experimental import multihost_utils

    return np.asarray(multihost_utils.process_allgather(mine[0]))


def wait(place: str) -> None:
    """Until all processes are at this place."""
    if count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices(place)


def gathered(tree: Any) -> Any:
    """A tree whose leaves lie on the devices of all processes, on each of them whole."""
    if count() == 1:
        return tree
    import jax
    import jax.numpy as jnp
    from jax.experimental import multihost_utils

    def whole(leaf: Any) -> Any:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(jnp.asarray(whole(jax.random.key_data(leaf))))
        return leaf if leaf.is_fully_replicated else multihost_utils.process_allgather(leaf, tiled=True)

    return jax.tree.map(whole, tree)
