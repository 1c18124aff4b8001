"""Plug-ins: files of a user's own that register parts, rules or algorithms when they are loaded.

A file is executed where somebody names it (`--plugin`, a settings file of one's own, `eco_jax.plugins.load`), never
because a run's folder names it. An installed package is loaded by its entry point in the group `eco_jax.plugins`.
"""

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError, quoted, shown
from eco_jax.files import sha256
from eco_jax.parts import forget_all_of

GROUP = "eco_jax.plugins"
"""Entry-point group of installed plug-ins."""
LOADED: dict[str, Path] = {}
"""SHA-256 of each file that was loaded, as it was then -> where it lies."""
_installed: list[str] = []


def load(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> None:
    """Execute files, each once however often it is named.

    Raises:
        UserError: one cannot be read, or ends with an error; file, line and error are named.
    """
    for path in map(_absolute, [paths] if isinstance(paths, str | os.PathLike) else paths):
        data = _read(path)
        digest = hashlib.sha256(data).hexdigest()
        if digest in LOADED:
            continue
        name = f"eco_jax_plugin_{path.stem.replace('-', '_')}_{digest[:8]}"
        spec = importlib.util.spec_from_file_location(name, path)
        if path.suffix != ".py" or spec is None:
            raise UserError(f"{path}: a plug-in is a Python file, as my_parts.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickle look there
        try:
            exec(compile(data, str(path), "exec"), module.__dict__)  # what was hashed, never a cached bytecode
        except BaseException as error:
            del sys.modules[name]
            forget_all_of(name)
            if not isinstance(error, Exception | SystemExit):
                raise
            raise UserError(_told(path, error)) from error
        LOADED[digest] = path


def _absolute(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise UserError(f"plugins: {quoted(path)}: must be a path")
    try:
        if "\0" in str(path):
            raise ValueError("it holds a NUL")
        return Path(path).expanduser().absolute()
    except (ValueError, RuntimeError) as error:  # RuntimeError: the home of a user whom there is not
        raise UserError(f"plugins: {quoted(str(path))}: is no path: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{shown(path, 300)}: cannot be read: {error.strerror}") from error


def place(path: Path) -> Path | None:
    """Where the file that lies there was loaded from: from another path where it is a copy. None where it was not."""
    return path if path in LOADED.values() else LOADED.get(sha256(path))


def digest_of(path: Path) -> str:
    """SHA-256 of a file that was loaded, as it was then: what was executed, whatever the file is now."""
    return next(digest for digest, there in reversed(LOADED.items()) if there == path)


def load_installed() -> None:
    """Load the plug-ins of installed packages, each once.

    Raises:
        UserError: one ends with an error.
    """
    for entry in metadata.entry_points(group=GROUP):
        if entry.value not in _installed:
            try:
                entry.load()
            except (Exception, SystemExit) as error:
                forget_all_of(entry.module)
                raise UserError(_told(f"plug-in {entry.name} ({entry.value})", error)) from error
            _installed.append(entry.value)


def _told(where: Any, error: BaseException) -> str:
    """File, line and error in one line."""
    if isinstance(error, SyntaxError) and error.filename in (None, str(where)):
        return f"{where}:{error.lineno or 1}: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(where)]
    line = f":{lines[-1]}" if lines else ""
    said = shown(str(error) or type(error).__name__, 300)
    return f"{where}{line}: {said if isinstance(error, UserError) else f'{type(error).__name__}: {said}'}"
