"""The files that a run reads, and the settings that they decide."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eco_jax.data.sites import read_sites
from eco_jax.data.workload import read_workload
from eco_jax.env import EnvParams
from eco_jax.env.config import STATIC
from eco_jax.env.eco import of_trace
from eco_jax.env.parts import tasks
from eco_jax.env.sites import Sites, as_sites
from eco_jax.errors import UserError, quoted
from eco_jax.run.messages import say

INPUTS = ("trace", "sites", "workload")
"""Settings that name files which a run reads. A path is relative to the current folder, and recorded absolute."""
_ALWAYS = {
    "trace": ("mobility", "physics.slot", "physics.side"),
    "sites": ("env.servers",),
    "workload": ("tasks", *(f"physics.{n}_{end}" for n in tasks.RANGES for end in ("min", "max"))),
}  # fmt: skip
"""Input file -> settings that it decides, whatever it holds."""


def decided(plain: Mapping[str, Any], unit: Callable[[], str]) -> dict[str, tuple[Any, Path]]:
    """Setting -> (value, file) of those that the input files decide.

    Args:
        plain: setting -> path, for all `INPUTS`.
        unit: of data, of the task density; asked for where there is a workload.
    """
    found: dict[str, tuple[Any, Path]] = {}
    for name in INPUTS:
        path = plain[name]
        if path is None:
            continue
        if name == "trace":
            values = of_trace(trace_of(path))
        elif name == "sites":
            values = sites_of(path, plain["trace"]).decided()
        else:
            values = tasks.decided(workload_of(path), unit())
        found |= {_flag(setting): (value, path) for setting, value in values.items()}
    return found


def yield_to(name: str, given: Mapping[str, Any], usual: Mapping[str, Any]) -> set[str]:
    """Usual settings that yield to an input file of this name: those that it decides, or that the usual one did.

    Args:
        name: one of `INPUTS`, among `given`.
        given: setting -> value.
        usual: what it goes over.
    """
    found = set(_ALWAYS[name])
    for values in (given, usual) if name == "sites" else ():
        if values.get(name) is not None:
            try:
                trace = given.get("trace", usual.get("trace"))
                beside = None if trace is None else absolute("trace", trace)
                found |= {_flag(n) for n in sites_of(absolute(name, values[name]), beside).decided()}
            except UserError:
                continue  # who resolves the settings will be told
    return found


def _flag(name: str) -> str:
    """The flag of a setting of `eco_jax.make`."""
    return f"env.{name}" if name in STATIC else f"physics.{name}" if name in EnvParams.specs() else name


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


def sites_of(path: Path, trace: Path | None) -> Sites:
    """Own servers, in the window of a trace where there is one.

    Raises:
        UserError: the file cannot be read, or they have no place there.
    """
    return _placed(path, _stamp(path), trace, None if trace is None else _stamp(trace))


@functools.lru_cache(maxsize=4)
def _placed(path: Path, changed: Any, trace: Path | None, trace_changed: Any) -> Sites:
    columns = read_sites(path)
    try:
        found = as_sites(columns, None if trace is None else trace_of(trace))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if found.left_out:
        say(f"{path}: {found.left_out:,} of {found.left_out + len(found.position):,} sites lie too far outside of the "
            f"trace's window and are left out")  # fmt: skip
    return found


def workload_of(path: Path) -> dict[str, Any]:
    """The columns of a workload, as `tasks.as_workload` gives them.

    Raises:
        UserError: the file cannot be read, or holds what no workload can hold.
    """
    return _tasks(path, _stamp(path))


@functools.lru_cache(maxsize=1)
def _tasks(path: Path, changed: Any) -> dict[str, Any]:
    columns = read_workload(path)
    try:
        return tasks.as_workload(columns)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
