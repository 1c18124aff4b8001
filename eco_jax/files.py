"""Files: written whole or not at all, known by their hash, and never written over what somebody else put there."""

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eco_jax.errors import UserError, shown

PART = ".part"
"""Ending of a file or folder that is being written. What is left of one after a sudden end never counts."""

OF_A_RUN = ("config.toml", "sweep.json", "batch.json")
"""Files that say that a folder holds a run, a sweep or a batch of one."""
RUN_FILES = (
    *OF_A_RUN, "metrics.jsonl", "times.jsonl", "summary.json", "tracker.json", "checkpoint", "last-finite",
    "journal.log", "best.toml", "results.parquet", "curves.parquet", "leaderboard.csv",
)  # fmt: skip
"""What such a folder holds, or will."""


def part_of(path: Path) -> Path:
    """A name beside `path` for what is being written, which no other process chooses, on any machine."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}{PART}")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well, and is gone otherwise.

    Raises:
        OSError: it could not be written; `path` is named, and as it was.
    """
    path = Path(os.path.realpath(path))  # through a link, which stays
    if path.exists() and not path.is_file():  # root could replace a device
        raise OSError(errno.EINVAL, "Is no plain file", str(path))
    part = part_of(path)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, str(part)):  # a write that fails names no file
            error.strerror, error.filename = error.strerror or str(error), str(path)
        part.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: str | bytes) -> None:
    """Write a file, whole or not at all: text as UTF-8, or bytes."""
    with whole(path) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def leftover(path: Path) -> bool:
    """Whether it is what a sudden end left of a file or folder that was being written."""
    return path.name.endswith(PART)


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{shown(path, 300)}: cannot be read: {error.strerror}") from error


def part_of_a_run(path: Path) -> bool:
    """Whether a file or folder, there or not, belongs to a run or a sweep by its place and name."""
    there = Path(os.path.realpath(path))
    own = [there.parent] if there.name in RUN_FILES else []
    own += [folder.parent for folder in there.parents if folder.name in ("checkpoint", "last-finite")]
    return any(os.path.exists(folder / name) for folder in own for name in OF_A_RUN)


def check_output(out: Path, ours: Callable[[Path], bool], reads: Iterable[Path] = ()) -> None:
    """Whether a command may write the file `out`: call it before any work is done.

    Args:
        out: the file to be written.
        ours: whether a file that is there was written by the same command, and so may be replaced.
        reads: files and folders that the command reads from.

    Raises:
        UserError: `out` is a folder or a device, one of `reads`, part of a run or a sweep, or somebody else's file.
    """
    name = shown(out, 300)
    if os.path.isdir(out):
        raise UserError(f"{name}: is a folder; a file is to be written there")
    there = Path(os.path.realpath(out))
    exists = os.path.exists(out)
    if os.path.islink(there) or (exists and not os.path.isfile(out)):  # a link to itself; a device, a pipe
        raise UserError(f"{name}: is there already and no plain file; write elsewhere")
    if exists and any(os.path.exists(path) and os.path.samefile(out, path) for path in reads):
        raise UserError(f"{name}: is read from; write to another file")
    if part_of_a_run(there):
        raise UserError(f"{name}: is part of a run; write to another file")
    if exists and not ours(out):
        raise UserError(f"{name}: is there already and was not written by this command; remove it, or write elsewhere")


def check_apart(outputs: Mapping[str, Path | None]) -> None:
    """Whether a command's outputs, flag -> file, are different files: call it before any work is done.

    Raises:
        UserError: two are one file.
    """
    taken: dict[str, str] = {}
    for flag, path in outputs.items():
        if path is not None and (first := taken.setdefault(os.path.realpath(path), flag)) != flag:
            raise UserError(f"{flag} {shown(path, 300)}: is what {first} writes; choose another file")
