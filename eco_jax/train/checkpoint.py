"""Checkpoints of a run: whole or not at all, and verified before they are read. The only file that knows Orbax.

`<folder>/<update>/` holds `state/`, which Orbax writes, and `manifest.json`: the SHA-256 of every file there, written
last. Orbax restores a flipped byte without a word, and a step without a manifest was never finished. Orbax is imported
when first needed (it costs over a second).
"""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.errors import UserError

Warn = Callable[[str], None]
"""Told what was found unusable, in one line."""


def params_sha256(params: Any) -> str:
    """SHA-256 over the bytes of all parameters, in the order of their names."""
    digest = hashlib.sha256()
    for _, leaf in sorted(
        (jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    ):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


class Checkpoints:
    """Writes checkpoints beside the training, and keeps the newest and the best. Use as a context."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        """`keep`: newest steps to keep, - (at least 1); two survive the loss of one."""
        self.folder, self.keep = folder, keep
        self.writer = ThreadPoolExecutor(1)
        self.pending: Future[None] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.part"):
            shutil.rmtree(left, ignore_errors=True)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.wait()
        finally:
            self.writer.shutdown()

    def save(self, update: int, state: Any, score: float = -math.inf, note: Any = None) -> None:
        """Keep the state after `update` updates. Returns once it is copied; the one before is on disk then.

        Args:
            update: updates done.
            state: of all members; a named tuple, its parameters first.
            score: what makes a step the best, higher is better.
            note: what else is to be known of the step (JSON), for `note_of`.

        Raises:
            OSError: the one before could not be written.
        """
        self.wait()
        data = {"params": jax.tree.map(_on_host, state.params), "rest": _rest(state)}
        self.pending = self.writer.submit(self._write, update, data, score, note)

    def wait(self) -> None:
        """Until everything is on disk.

        Raises:
            OSError: it could not be written.
        """
        pending, self.pending = self.pending, None
        if pending is None:
            return
        try:
            pending.result()
        except OSError:
            raise
        except Exception as error:  # Orbax wraps what the disk says in errors of its own
            free = shutil.disk_usage(self.folder).free
            full = "No space left on device" in str(error)
            said = "no space left on the device" if full else str(error).splitlines()[0][:200]
            reason = f"could not be written ({free:,} bytes free): {said}; what was kept before is intact"
            raise OSError(0, reason, str(self.folder)) from error

    def _write(self, update: int, data: Any, score: float, about: Any) -> None:
        part, whole = self.folder / f"{update}.part", self.folder / str(update)
        if whole.exists():  # a step that was found broken, or this very one
            shutil.rmtree(whole)
        part.mkdir()
        with _orbax() as writer:
            writer.save((part / "state").absolute(), data)
        note = {
            "update": update,
            "score": score if math.isfinite(score) else None,
            "note": about,
            "files": _digests(part / "state"),
        }
        with (part / "manifest.json").open("w") as file:
            json.dump(note | {"sha256": _sha256(json.dumps(note, sort_keys=True).encode())}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, whole)
        self._prune()

    def _prune(self) -> None:
        kept = steps(self.folder)
        scores = {step: _manifest(self.folder / str(step)).get("score") for step in kept}
        best = max(((score, step) for step, score in scores.items() if score is not None), default=(None, None))[1]
        for step in kept[: -self.keep]:
            if step != best:
                shutil.rmtree(self.folder / str(step), ignore_errors=True)


def steps(folder: Path) -> list[int]:
    """Updates of which there is a checkpoint, whole or not, oldest first."""
    return sorted(int(path.name) for path in folder.glob("*") if path.is_dir() and path.name.isdigit())


def fault(step: Path) -> str | None:
    """What is wrong with a checkpoint, in words; None where every file is as it was written."""
    written = _manifest(step).get("files")
    if not isinstance(written, dict):
        return f"{step / 'manifest.json'}: missing, or not as it was written"
    found = _digests(step / "state")
    for name in sorted(written.keys() | found.keys()):
        if name not in found:
            return f"{step / 'state' / name}: missing"
        if found[name] != written.get(name):
            return f"{step / 'state' / name}: not as it was written"
    return None


def restore(folder: Path, like: Any, warn: Warn) -> tuple[int, Any] | None:
    """The newest intact checkpoint's (update, state of all members); None where there is none at all.

    Args:
        folder: of the checkpoints.
        like: a state of the same run, or its `jax.eval_shape`: a named tuple, its parameters first.
        warn: told of each newer step that is not intact.

    Raises:
        UserError: all are broken, or it is a checkpoint of another configuration.
    """
    found = _newest(folder, warn)
    if found is None:
        return None
    update, data = found
    step = folder / str(update)
    if jax.tree.structure(data["params"]) != jax.tree.structure(dict(like.params)):  # type: ignore[operator]
        raise UserError(f"{step}: of another network than this configuration's")
    leaves, shape = jax.tree.flatten(tuple(like[1:]))
    if len(data["rest"]) != len(leaves):
        raise UserError(f"{step}: of another configuration: {len(data['rest'])} arrays, not {len(leaves)}")
    rest = jax.tree.unflatten(shape, [_as(data["rest"][f"{i:03d}"], leaf, step) for i, leaf in enumerate(leaves)])
    params = jax.tree.map(lambda leaf, as_leaf: _as(leaf, as_leaf, step), data["params"], like.params)
    return update, type(like)(params, *rest)


def note_of(folder: Path, update: int) -> Any:
    """What was noted with a checkpoint."""
    return _manifest(folder / str(update)).get("note")


def restore_params(folder: Path, warn: Warn) -> tuple[int, Any]:
    """The newest intact checkpoint's (update, params of all members).

    Raises:
        UserError: there is none.
    """
    found = _newest(folder, warn)
    if found is None:
        raise UserError(f"{folder}: no complete checkpoint there")
    return found[0], found[1]["params"]


def _newest(folder: Path, warn: Warn) -> tuple[int, dict[str, Any]] | None:
    faults = []
    for update in reversed(steps(folder)):
        step = folder / str(update)
        wrong = fault(step)
        if wrong is None:
            with _orbax() as reader:
                return update, reader.restore((step / "state").absolute())
        faults.append(wrong)
        warn(f"{wrong}; going back to the checkpoint before")
    if faults:
        raise UserError(f"{faults[0]}; no intact checkpoint is left in {folder}")
    return None


def _orbax() -> Any:
    """Orbax for this process alone: the others have other things to do."""
    import orbax.checkpoint as ocp

    mine = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=mine, active_processes={mine}, barrier_sync_key_prefix=f"process{mine}"
    )
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def _manifest(step: Path) -> dict[str, Any]:
    """What a step's manifest says; nothing where it is missing or not as it was written."""
    try:
        note = json.loads((step / "manifest.json").read_text())
        own = note.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return {}
    return note if own == _sha256(json.dumps(note, sort_keys=True).encode()) else {}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): _sha256(path.read_bytes()) for path in sorted(files)}


def _on_host(leaf: Any) -> np.ndarray:
    """On the host and of its own: what is saved is what was there at the call."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.array(leaf)


def _rest(state: Any) -> dict[str, np.ndarray]:
    """Everything but the parameters, as a flat dict of its leaves: Orbax needs no word of our types."""
    return {f"{i:03d}": _on_host(leaf) for i, leaf in enumerate(jax.tree.leaves(tuple(state[1:])))}


def _as(stored: Any, like: Any, step: Path) -> Any:
    """A stored leaf as what it was, or an error where this is not what it was."""
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        value: Any = jax.random.wrap_key_data(jnp.asarray(stored), impl=jax.random.key_impl(jax.random.key(0)))
    else:
        value = jnp.asarray(stored)
    if value.shape != like.shape or value.dtype != like.dtype:
        raise UserError(f"{step}: of another configuration: {value.dtype}{value.shape}, not {like.dtype}{like.shape}")
    return value
