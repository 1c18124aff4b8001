"""The prepared file: an `.npz` whose bytes depend on its contents alone."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.errors import UserError

FORMAT_VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold: np.savez would stamp the present one
_UNIX = 3
# What np.load raises, by experience, for a text, a pickle, a lone array, a truncated or a scribbled file.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    zlib.error,
)


class Traces(NamedTuple):
    """Segments of taxi movement inside a square window, padded with zeros to the longest.

    Positions are metres east and north of the window's south-west corner. Slot k of a segment is at
    `start_s + k * slot_s`. `position` is interpolated and thus knows the next fix: it is for the physics. All
    else beside a slot comes from raw fixes at or before its time, and is what a predictor may see. Raw fixes
    may lie outside of the window.
    """

    position: NDArray[np.float32]  # [segments, slots, 2] m
    length: NDArray[np.int32]  # [segments] valid slots
    last_fix: NDArray[np.float32]  # [segments, slots, 2] m, the last raw fix at or before the slot
    last_age: NDArray[np.float32]  # [segments, slots] s since it
    previous_fix: NDArray[np.float32]  # [segments, slots, 2] m, the raw fix before; the last where unknown
    previous_age: NDArray[np.float32]  # [segments, slots] s since it; 0 where unknown
    fixes: NDArray[np.int8]  # [segments, slots] how many of the two are known: 1 or 2; 0 in the padding
    taxi: NDArray[np.int64]  # [segments] its id
    start_s: NDArray[np.int64]  # [segments] s since 1970-01-01 00:00 on the clock of the rows
    slot_s: NDArray[np.float64]  # [] s
    side_m: NDArray[np.float64]  # [] m
    centre: NDArray[np.float64]  # [2] longitude, latitude in degrees
    format_version: NDArray[np.int64]  # []
    report: NDArray[np.str_]  # [] JSON


_SHAPES: dict[str, tuple[str | int, ...]] = {  # s segments, t slots, and numbers
    "position": ("s", "t", 2),
    "length": ("s",),
    "last_fix": ("s", "t", 2),
    "last_age": ("s", "t"),
    "previous_fix": ("s", "t", 2),
    "previous_age": ("s", "t"),
    "fixes": ("s", "t"),
    "taxi": ("s",),
    "start_s": ("s",),
    "slot_s": (),
    "side_m": (),
    "centre": (2,),
    "format_version": (),
    "report": (),
}
_TYPES = {"length": "i4", "fixes": "i1", "taxi": "i8", "start_s": "i8", "format_version": "i8", "report": "U"}
_TYPES |= {"slot_s": "f8", "side_m": "f8", "centre": "f8"}  # and f4 for all others


def save(path: str | Path, traces: Traces) -> None:
    """Write traces to `path`, whole or not at all. Raises `UserError` where the system refuses."""
    with whole(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in traces._asdict().items():
            member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            member.create_system = _UNIX
            member.external_attr = 0o644 << 16
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)


def load(path: str | Path) -> Traces:
    """Read what `prepare` wrote. Raises `UserError` where the file is missing, damaged, or something else."""
    try:
        # Opened here because np.load leaves a damaged file open.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in Traces._fields}
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: expected an .npz file that `prepare` wrote") from error
    except _UNREADABLE as error:
        raise UserError(f"{path} holds no prepared traces, or is damaged: {_reason(error)}") from error
    traces = Traces(**arrays)
    problem = _problem(traces)
    if problem:
        raise UserError(f"{path} holds no prepared traces, or is damaged: {problem}")
    return traces


def _problem(traces: Traces) -> str | None:
    """What is wrong with loaded arrays, if anything."""
    size: dict[str | int, int] = dict(zip("st", traces.fixes.shape, strict=False))
    for name, array in traces._asdict().items():
        shape = tuple(size.get(n, n) for n in _SHAPES[name])
        kind = _TYPES.get(name, "f4")
        if array.shape != shape or not array.dtype.str[1:].startswith(kind):
            return f"{name} is {array.dtype.str[1:]} of shape {array.shape}, expected {kind} of shape {shape}"
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            return f"{name} holds a number that is not finite"
    if traces.format_version != FORMAT_VERSION:
        return f"format_version is {traces.format_version}, expected {FORMAT_VERSION}"
    if not np.array_equal(np.sum(traces.fixes > 0, axis=1), traces.length) or not np.all(traces.length > 0):
        return "length disagrees with the slots that are filled"
    return None


def check_writable(path: str | Path) -> None:
    """Raise `UserError` where `path` cannot become a file, before any work goes into its contents."""
    path = Path(path)
    if not path.parent.is_dir():
        raise UserError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder, expected the name of a file")
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"cannot write {path}: no permission to write in the folder {path.parent}")


@contextmanager
def whole(path: str | Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes become the file `path` when the block ends well, and nothing when it does not."""
    path = Path(path)
    check_writable(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {_reason(error)}") from error
    finally:
        part.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
