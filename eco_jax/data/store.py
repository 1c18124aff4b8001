"""The prepared file: an `.npz` whose bytes depend on its contents alone."""

import json
import math
import os
import tokenize
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax import files
from eco_jax.data.geo import DEGREES, FRAMES, Frame
from eco_jax.data.sources import UNREADABLE, reason
from eco_jax.env.parts.mobility.replay import check
from eco_jax.errors import UserError, shown

FORMAT_VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold: np.savez would stamp the present one
_UNIX = 3
_MODE = 0o644 << 16
# What reading an array's header raises, by experience: it is parsed as Python.
_UNREADABLE = (*UNREADABLE, TypeError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError, SystemError)
_DEFLATE = 1032  # bytes from one, at most


class Traces(NamedTuple):
    """Segments of movement inside a square window, padded with zeros to the longest.

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
    centre: NDArray[np.float64]  # [2] longitude, latitude in degrees; m where the rows' positions were (`frame_of`)
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
_RANGES = (("slot_s", 1, 300), ("side_m", 100, 50_000), ("start_s", 0, 4_102_444_800))


def save(path: str | Path, traces: Traces) -> None:
    """Write traces to `path`, whole or not at all. Raises `UserError` where the system refuses."""
    try:
        with files.whole(Path(path)) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name, array in traces._asdict().items():
                member = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
                member.create_system = _UNIX
                member.external_attr = _MODE
                with archive.open(member, "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, version=(1, 0), allow_pickle=False)
    except OSError as error:
        raise UserError(f"cannot write {shown(path, 300)}: {reason(error)}") from error


def load(path: str | Path) -> Traces:
    """Read what `prepare` wrote, and check all of it.

    Raises:
        UserError: the file is missing, damaged, or something else; the array at fault is named.
    """
    place = shown(path, 300)
    if not os.path.exists(path):
        raise UserError(f"{place} does not exist: expected an .npz file that `prepare` wrote")
    where = f"{place} holds no prepared traces, or is damaged"
    if not os.path.isfile(path):
        raise UserError(f"{where}: it is no file")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(archive, name, os.path.getsize(path), where) for name in Traces._fields}
    except UserError:
        raise
    except _UNREADABLE as error:
        raise UserError(f"{where}: {reason(error)}") from error
    check(arrays, where)
    problem = _problem(arrays)
    if problem:
        raise UserError(f"{where}: {problem}")
    return Traces(**arrays)


def is_prepared(path: Path) -> bool:
    """Whether a file is one that `save` wrote, by its table of contents: another writer dates or marks it otherwise."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except _UNREADABLE:
        return False
    names = {info.filename.removesuffix(".npy") for info in infos}
    return names == set(Traces._fields) and all(
        (info.date_time, info.external_attr) == (_EPOCH, _MODE) for info in infos
    )


def _array(archive: zipfile.ZipFile, name: str, file_size: int, where: str) -> NDArray[Any]:
    """One array, in this machine's byte order. Nothing is allocated for more than the file can hold."""
    try:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError("is missing")
        info = archive.getinfo(f"{name}.npy")
        limit = file_size * {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _DEFLATE}[info.compress_type]
        with archive.open(info) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's parser, on a damaged header
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):
                raise ValueError(f"version {version[0]}.{version[1]} of its format is not 1.0")
            shape, columns_first, dtype = np.lib.format.read_array_header_1_0(stream)
            problem = _not_expected(name, shape, dtype)
            size = math.prod(shape) * dtype.itemsize
            if problem or min(shape, default=0) < 0 or size != info.file_size - stream.tell() or size > limit:
                raise ValueError(problem or f"shape {shown(shape)} is not the size of its data")
            data = stream.read(size)
            if len(data) < size or stream.read(1):  # which compares the checksum, too
                raise ValueError("its data breaks off")
        array = np.frombuffer(data, dtype).reshape(shape, order="F" if columns_first else "C")
        return array.astype(dtype.newbyteorder("="))
    except _UNREADABLE as error:
        raise UserError(f"{where}: {name}: {reason(error)}") from error


def _not_expected(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str | None:
    """What is wrong with an array's type or dimensions, if anything."""
    expected, kind = _SHAPES[name], _TYPES.get(name, "f4")
    found = dtype.str[1:]
    if len(shape) == len(expected) and found.startswith(kind) and not dtype.hasobject:
        return None
    dimensions = ", ".join("segments" if n == "s" else "slots" if n == "t" else str(n) for n in expected)
    return f"{shown(found)} of shape {shown(shape)}, expected {kind} of shape ({dimensions})"


def _problem(arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """What is wrong with loaded arrays beyond what `check` looks at, if anything."""
    if arrays["format_version"] != FORMAT_VERSION:
        return f"format_version is {arrays['format_version']}, expected {FORMAT_VERSION}"
    segments, slots = arrays["fixes"].shape
    for name, shape in (("taxi", (segments,)), ("start_s", (segments,)), ("centre", (2,))):
        if arrays[name].shape != shape:
            return f"{name} is of shape {arrays[name].shape}, expected {shape}"
    if (arrays["fixes"] != 0)[np.arange(slots) >= arrays["length"][:, None]].any():
        return "length disagrees with the slots that are filled: fixes are known after the last"
    try:
        limit = frame_of(arrays).limits[0]
    except (ValueError, RecursionError, SystemError):
        return "report is not JSON"
    for name, low, high in (*_RANGES, ("centre", -limit, limit)):
        if not np.all((arrays[name] >= low) & (arrays[name] <= high)):  # and not so for NaN
            return f"{name} is out of range: allowed are {low:,g} to {high:,g}"
    if arrays["slot_s"] % 1 != 0:
        return f"slot_s is {arrays['slot_s']}: allowed are whole seconds"
    if np.any(arrays["start_s"] % int(arrays["slot_s"])):
        return "start_s holds a time that is not at the start of a slot"
    return None


def frame_of(arrays: Mapping[str, Any]) -> Frame:
    """What the rows' positions were in, by a prepared trace's report: degrees, unless it says otherwise.

    Raises:
        ValueError: the report is not JSON.
    """
    report = json.loads(str(arrays["report"]))
    origin = report.get("origin") if isinstance(report, dict) else None
    name = origin.get("frame") if isinstance(origin, dict) else None
    return FRAMES.get(name, DEGREES) if isinstance(name, str) else DEGREES


def check_out(path: Path, ours: Callable[[Path], bool], reads: Iterable[Path] = ()) -> None:
    """Raise `UserError` where `path` may not or cannot become a file, before any work goes into its contents."""
    check_folder(path)
    files.check_output(path, ours, reads)


def check_folder(path: Path) -> None:
    """Raise `UserError` where nothing can be put at `path`, as its folder is missing or closed."""
    parent = Path(os.path.realpath(path)).parent
    if not os.path.isdir(parent):
        raise UserError(f"cannot write {shown(path, 300)}: the folder {shown(parent, 300)} does not exist")
    if not os.access(parent, os.W_OK):
        raise UserError(f"cannot write {shown(path, 300)}: no permission to write in the folder {shown(parent, 300)}")
