"""The files that a run reads, and the settings that they decide."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError, quoted
from eco_jax.run.sites import read_sites

INPUTS = ("trace", "sites")
"""Settings that name files which a run reads. A path is relative to the current folder, and recorded absolute."""
DECIDES = {"trace": ("mobility", "physics.slot", "physics.side"), "sites": ("env.servers",)}
"""Input file -> the settings that it decides."""


def decided(plain: Mapping[str, Any]) -> dict[str, tuple[Any, Path]]:
    """Setting -> (value, file) of those that the input files decide."""
    found: dict[str, tuple[Any, Path]] = {}
    if plain["trace"] is not None:
        path = plain["trace"]
        trace = trace_of(path)
        values = ("trace", float(trace["slot_s"]), float(trace["side_m"]))
        found |= {name: (value, path) for name, value in zip(DECIDES["trace"], values, strict=True)}
    if plain["sites"] is not None:
        found["env.servers"] = len(read_sites(plain["sites"])), plain["sites"]
    return found


def absolute(name: str, path: Any) -> Path:
    """The path that is recorded of a setting.

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


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0  # reading it will say more
    return found.st_mtime_ns, found.st_size


def trace_of(path: Path) -> dict[str, Any]:
    """The arrays of a prepared trace."""
    return _loaded(path, *_stamp(path))


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, changed: int, size: int) -> dict[str, Any]:
    """The last one is kept, as every member of a sweep asks for it."""
    from eco_jax.data import load

    return load(path)._asdict()
