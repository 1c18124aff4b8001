"""Checkpoints of a run: whole or not at all, and verified before they are read. The only file that knows Orbax.

`<folder>/<update>/` holds `state/`, which Orbax writes, and `manifest.json`, written last: the SHA-256 of every file
there, the update and the run that it belongs to. Orbax restores a flipped byte without a word, and a step without a
manifest was never finished. Orbax is imported when first needed (it costs over a second).
"""

import hashlib
import logging
import math
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.errors import UserError
from eco_jax.files import PART, leftover
from eco_jax.train import manifest
from eco_jax.train.manifest import fault, steps

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

    def __init__(self, folder: Path, keep: int = 2, run: str = "") -> None:
        """Clears away what a sudden end left half written, so restore before this.

        Args:
            folder: made here.
            keep: newest steps to keep, - (at least 1); two survive the loss of one.
            run: the run's own name, noted with each step; none is noted where it is empty.
        """
        self.folder, self.keep, self.run = folder, keep, run
        self.writer = ThreadPoolExecutor(1)
        self.pending: Future[None] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            if leftover(left) and left.name.removesuffix(PART).isdigit():
                shutil.rmtree(left, ignore_errors=True)
        newest = reversed(steps(folder))
        self.broken = set(takewhile(lambda step: fault(folder / str(step), run) is not None, newest))

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
            state: of all members; a named tuple with a field `agent`, and that one with a field `params`.
            score: what makes a step the best, higher is better.
            note: what else is to be known of the step (JSON), for `note_of`.

        Raises:
            OSError: the one before could not be written.
        """
        self.wait()
        data = {"params": jax.tree.map(_on_host, state.agent.params), "rest": _rest(state)}
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
        except (OSError, ValueError, RuntimeError) as error:  # Orbax wraps what the disk says in errors of its own
            full = "no space left on device" in str(error).lower()
            said = "No space left on device" if full else (str(error).splitlines() or [repr(error)])[0][:200]
            reason = f"could not be written: {said}; what was kept before is intact"
            raise OSError(0, reason, str(self.folder)) from error

    def _write(self, update: int, data: Any, score: float, about: Any) -> None:
        part, whole = self.folder / f"{update}{PART}", self.folder / str(update)
        try:
            part.mkdir()
            with _orbax() as writer:
                writer.save((part / manifest.STATE).absolute(), data)
            kept = score if math.isfinite(score) else None
            manifest.write(part, {"update": update, "run": self.run, "score": kept, "note": about})
            if whole.exists():  # a step that was found broken, or this very one
                shutil.rmtree(whole)
            os.replace(part, whole)
            self.broken.discard(update)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        self._prune()

    def _prune(self) -> None:
        """Remove the steps that are older than the newest to keep, but for the best. Broken ones do not count."""
        notes = {step: manifest.read(self.folder / str(step)) for step in steps(self.folder)}
        own = {
            step: note
            for step, note in notes.items()
            if step not in self.broken and manifest.misplaced(self.folder / str(step), note, self.run) is None
        }
        scores = {step: note.get("score") for step, note in own.items()}
        best = max(((score, step) for step, score in scores.items() if score is not None), default=(None, None))[1]
        oldest = sorted(own)[-self.keep :][0]
        for step in notes:
            if step < oldest and step != best:
                shutil.rmtree(self.folder / str(step), ignore_errors=True)


def save_params(folder: Path, update: int, params: Any, run: str = "") -> None:
    """Keep parameters alone: what an agent is played by, and nothing to go on training from.

    Args:
        folder: of the checkpoints.
        update: updates done.
        params: of all members.
        run: the run's own name, noted with them.

    Raises:
        OSError: they could not be written.
    """
    with Checkpoints(folder, 1, run) as kept:
        kept.pending = kept.writer.submit(kept._write, update, {"params": params, "rest": {}}, -math.inf, None)


def restore(folder: Path, like: Any, warn: Warn, run: str = "") -> tuple[int, Any] | None:
    """The newest intact checkpoint's (update, state of all members); None where there is none at all.

    Args:
        folder: of the checkpoints.
        like: a state of the same run, or its `jax.eval_shape`.
        warn: told of each newer step that is not intact.
        run: see `fault`.

    Raises:
        UserError: all are broken, one may not be read, or it is a checkpoint of another configuration.
    """
    found = _newest(folder, warn, run)
    if found is None:
        return None
    update, data = found
    step = folder / str(update)
    if jax.tree.structure(data["params"]) != jax.tree.structure(like.agent.params):  # type: ignore[operator]
        raise UserError(f"{step}: of another network than this configuration's")
    leaves, shape = jax.tree.flatten(_with_params(like, ()))
    if len(data["rest"]) != len(leaves):
        raise UserError(f"{step}: of another configuration: {len(data['rest'])} arrays, not {len(leaves)}")
    rest = jax.tree.unflatten(shape, [_as(data["rest"][f"{i:03d}"], leaf, step) for i, leaf in enumerate(leaves)])
    params = jax.tree.map(lambda leaf, as_leaf: _as(leaf, as_leaf, step), data["params"], like.agent.params)
    return update, _with_params(rest, params)


def note_of(folder: Path, update: int) -> Any:
    """What was noted with a checkpoint."""
    return manifest.read(folder / str(update)).get("note")


def restore_params(folder: Path, warn: Warn, run: str = "") -> tuple[int, Any]:
    """The newest intact checkpoint's (update, params of all members). Arguments as of `restore`.

    Raises:
        UserError: there is none.
    """
    found = _newest(folder, warn, run)
    if found is None:
        raise UserError(f"{folder}: no complete checkpoint there")
    return found[0], found[1]["params"]


def _newest(folder: Path, warn: Warn, run: str) -> tuple[int, dict[str, Any]] | None:
    faults = []
    for update in reversed(steps(folder)):
        step = folder / str(update)
        wrong = fault(step, run)
        if wrong is None:
            return update, _read(step)
        faults.append(wrong)
        warn(f"{wrong}; going back to the checkpoint before")
    if faults:
        raise UserError(f"{faults[0]}; no intact checkpoint is left in {folder}")
    return None


def _read(step: Path) -> dict[str, Any]:
    """What Orbax makes of an intact step."""
    try:
        with _orbax() as reader:
            return dict(reader.restore((step / manifest.STATE).absolute()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = (str(error).splitlines() or [repr(error)])[0][:200]
        raise UserError(f"{step}: is as it was written, but cannot be restored: {said}") from error


def _orbax() -> Any:
    """Orbax for this process alone: the others have other things to do."""
    import orbax.checkpoint as ocp

    _quiet()
    mine = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=mine, active_processes={mine}, barrier_sync_key_prefix=f"process{mine}"
    )
    return ocp.StandardCheckpointer(multiprocessing_options=alone)


def _quiet() -> None:
    """What fails in Orbax's threads is raised here, so it is not to be shown, too: a full disk is not fifty tracebacks.

    May be called again and again.
    """
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_not_of_orbax)
    if getattr(sys.unraisablehook, "func", None) is not _unraisable:
        sys.unraisablehook = partial(_unraisable, sys.unraisablehook)


def _unraisable(before: Callable[[Any], object], error: Any) -> None:
    """Show an error that nobody can catch, but for one: a write that ends after Orbax gave up the others' wait."""
    if not (isinstance(error.exc_value, RuntimeError) and str(error.exc_value) == "Event loop is closed"):
        before(error)


def _not_of_orbax(record: logging.LogRecord) -> bool:
    """Whether a log record is to be shown: not what fails in Orbax's threads, as it is raised here, too."""
    trace = record.exc_info[2] if record.exc_info else None
    files = [record.pathname, *(frame.f_code.co_filename for frame, _ in traceback.walk_tb(trace))]
    return record.levelno < logging.ERROR or not any("orbax" in file for file in files)


def _on_host(leaf: Any) -> np.ndarray:
    """A copy of an array in the host's memory, of a key's raw data: later changes of the array do not reach it."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.array(leaf)


def _rest(state: Any) -> dict[str, np.ndarray]:
    """Everything but the parameters, as a flat dict of its leaves: Orbax needs no word of our types."""
    return {f"{i:03d}": _on_host(leaf) for i, leaf in enumerate(jax.tree.leaves(_with_params(state, ())))}


def _with_params(state: Any, params: Any) -> Any:
    """The same state with other parameters."""
    return state._replace(agent=state.agent._replace(params=params))


def _as(stored: Any, like: Any, step: Path) -> Any:
    """A restored array with the type of `like`, a leaf of the state that it was saved from.

    Raises:
        UserError: its shape or dtype is not that of `like`.
    """
    value: Any = jnp.asarray(stored)
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        raw = jax.eval_shape(jax.random.key_data, like)
        if (value.shape, value.dtype) == (raw.shape, raw.dtype):
            value = jax.random.wrap_key_data(value, impl=jax.random.key_impl(jax.random.key(0)))
    if value.shape != like.shape or value.dtype != like.dtype:
        raise UserError(f"{step}: of another configuration: {value.dtype}{value.shape}, not {like.dtype}{like.shape}")
    return value
