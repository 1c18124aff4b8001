"""Files that a run's settings name: paths that mean the same in every folder, and traces kept in memory."""

import functools
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError, quoted


def absolute(name: str, path: Any) -> Path:
    """The absolute path of a file that a setting names.

    Raises:
        UserError: it is none.
    """
    if not isinstance(path, str | Path):
        raise UserError(f"{name} = {quoted(path)}: must be a path")
    text = str(path)
    try:
        text.encode()
        if "\0" in text:
            raise ValueError("a path holds no NUL")
        return Path(path).expanduser().absolute()
    except (ValueError, RuntimeError) as error:  # RuntimeError: the home of a user whom there is not
        raise UserError(f"{name} = {quoted(text)}: is no path that can be recorded: {error}") from error


def trace_of(path: Path) -> dict[str, Any]:
    """The arrays of a prepared trace; the last one is kept, as every member of a sweep asks for it.

    Raises:
        UserError: it cannot be read.
    """
    return _loaded(path, *_stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0  # reading it will say more
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, changed: int, size: int) -> dict[str, Any]:
    from eco_jax.data import load

    return load(path)._asdict()
