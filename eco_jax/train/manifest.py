"""A checkpoint's manifest: its files' hashes, and which update of which run it is. Read before anything is restored."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError
from eco_jax.files import write_whole

NAME = "manifest.json"
STATE = "state"
"""Folder of the files that it speaks of, beside it."""


def steps(folder: Path) -> list[int]:
    """Updates of which there is a checkpoint, whole or not, oldest first; none where the folder is missing.

    Raises:
        UserError: the folder is there and cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from error
    return sorted(int(name) for name in names if name.isascii() and name.isdigit() and str(int(name)) == name)


def fault(step: Path, run: str = "") -> str | None:
    """What is wrong with a checkpoint, in words; None where every file is as it was written.

    Args:
        step: its folder.
        run: the run that it must belong to; empty for any. A step that names none belongs to any.

    Raises:
        UserError: it may not be read, so nobody knows.
    """
    note = read(step)
    elsewhere = misplaced(step, note, run)
    if elsewhere is not None:
        return elsewhere
    written = note["files"]
    try:
        found = digests(step / STATE)
    except PermissionError as error:
        raise _unreadable(error) from error
    except OSError as error:
        return f"{error.filename}: cannot be read: {error.strerror}"
    for name in sorted(written.keys() | found.keys()):
        if name not in found:
            return f"{step / STATE / name}: missing"
        if found[name] != written.get(name):
            return f"{step / STATE / name}: not as it was written"
    return None


def misplaced(step: Path, note: dict[str, Any], run: str) -> str | None:
    """Why a step is not one of this run at this update, by what its manifest says; None where it is."""
    if not isinstance(note.get("files"), dict):
        return f"{step / NAME}: missing, or not as it was written"
    if note.get("update") != int(step.name):
        return f"{step}: holds update {note.get('update')}, not {step.name}"
    if run and note.get("run") and note["run"] != run:
        return f"{step}: is a step of another run"
    return None


def _unreadable(error: OSError) -> UserError:
    return UserError(f"{error.filename}: cannot be read: {error.strerror}")


def read(step: Path) -> dict[str, Any]:
    """What a step's manifest says; nothing where it is missing or not as it was written.

    Raises:
        UserError: it may not be read.
    """
    try:
        note = json.loads((step / NAME).read_bytes())
        own = note.pop("sha256")
    except PermissionError as error:
        raise _unreadable(error) from error
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return {}
    return note if own == _sha256(json.dumps(note, sort_keys=True).encode()) else {}


def write(step: Path, note: Mapping[str, Any]) -> None:
    """Write the manifest of a step whose files are all there.

    Args:
        step: its folder.
        note: `update`, `run` (empty where it has no name) and what else is to be kept; the hashes are added here.
    """
    full = {**note, "files": digests(step / STATE)}
    own = _sha256(json.dumps(full, sort_keys=True).encode())
    write_whole(step / NAME, json.dumps(full | {"sha256": own}, indent=1))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each file in a folder, by its path there.

    Raises:
        OSError: something there cannot be read.
    """
    files = [Path(place) / name for place, _, names in os.walk(folder, onerror=_fail) for name in names]
    return {str(path.relative_to(folder)): _sha256(path.read_bytes()) for path in sorted(files) if path.is_file()}


def _fail(error: OSError) -> None:
    raise error
