"""Checkpoints of a run. The only file that knows Orbax, imported when first needed (it costs over a second)."""

import hashlib
from pathlib import Path
from typing import Any

import jax
import numpy as np

from eco_jax.errors import UserError
from eco_jax.train.loop import TrainState


def params_sha256(params: Any) -> str:
    """SHA-256 over the bytes of all parameters, in the order of their names."""
    digest = hashlib.sha256()
    for _, leaf in sorted(
        (jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    ):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def save(folder: Path, update: int, state: TrainState) -> None:
    """Write the state of all members after `update` updates; the newest replaces the ones before."""
    import orbax.checkpoint as ocp

    data = {
        "params": state.params,
        "optimizer": _plain(state.optimizer),
        "key": {"data": jax.random.key_data(state.key), "impl": str(jax.random.key_impl(state.key))},
    }
    with ocp.CheckpointManager(folder.absolute(), options=ocp.CheckpointManagerOptions(max_to_keep=1)) as manager:
        manager.save(update, args=ocp.args.StandardSave(_without_text(data)))
        manager.wait_until_finished()


def restore_params(folder: Path) -> tuple[int, Any]:
    """The newest checkpoint's (update, params of all members).

    Raises:
        UserError: there is none, or it cannot be read.
    """
    import orbax.checkpoint as ocp

    if not folder.is_dir():
        raise UserError(f"{folder}: no checkpoint there")
    with ocp.CheckpointManager(folder.absolute()) as manager:
        update = manager.latest_step()
        if update is None:
            raise UserError(f"{folder}: no complete checkpoint there")
        try:
            data = manager.restore(update, args=ocp.args.StandardRestore())
        except (ValueError, OSError, KeyError) as error:
            raise UserError(f"{folder / str(update)}: cannot be read: {str(error).splitlines()[0]}") from error
    return update, data["params"]


def _plain(tree: Any) -> Any:
    """Any pytree as a flat dict of its leaves."""
    return {f"{i:03d}": leaf for i, leaf in enumerate(jax.tree.leaves(tree))}


def _without_text(data: dict[str, Any]) -> dict[str, Any]:
    """Orbax stores arrays: the key's implementation goes in as bytes."""
    impl = np.frombuffer(data["key"]["impl"].encode(), np.uint8)
    return data | {"key": {"data": data["key"]["data"], "impl": impl}}
