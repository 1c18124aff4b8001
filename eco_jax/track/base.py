"""What a tracker is."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from eco_jax.errors import UserError
from eco_jax.parts import KINDS, variant

KIND = "tracker"
Row = tuple[int, Mapping[str, float]]
"""(updates done, series -> value)."""


class Begun(NamedTuple):
    """A run that a tracker shows from now on."""

    name: str
    settings: Mapping[str, Any]
    """by their flags' names: the hyperparameters"""
    id: str
    """what `begin` returned when the tracker showed this run before; empty where it did not"""
    done: int
    """the last step that it was given then"""


class Tracker:
    """A program that shows runs. A subclass registered as `@register("tracker", "mine")` may live in a plug-in.

    Its methods are called one after the other, in a process of its own: each may block or fail. `log` is given all that
    is new since the last call, at most every `records.EVERY_S` seconds.
    """

    name: ClassVar[str] = ""
    """under which it is registered"""
    package: ClassVar[str] = ""
    """that it needs, as it is imported; the extra of eco-jax that installs it has the tracker's name"""

    def __init__(self, place: str, project: str) -> None:
        """See the attributes.

        Args:
            place: folder of the tracker's files, or an address that it understands.
            project: name of the project, or experiment.
        """
        self.place, self.project = place, project

    def begin(self, run: Begun) -> str:
        """A run begins, or goes on. Returns the tracker's own name of it, under which it will go on."""
        raise NotImplementedError

    def log(self, rows: Sequence[Row]) -> None:
        """Write these, all at once, before it returns."""
        raise NotImplementedError

    def members(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """What became of members of a sweep: settings and results, a row each. Left out where there is no place."""

    def end(self) -> None:
        """The run is over, or interrupted."""

    def told(self) -> str:
        """How to look at it, in words."""
        return ""


KINDS[KIND] = Tracker


def check(name: str) -> None:
    """Whether there is a tracker of this name and its package is installed: before anything is written.

    Raises:
        UserError: it is not; the extra is named.
    """
    kind = variant(KIND, name, "--tracker")
    try:
        there = not kind.package or importlib.util.find_spec(kind.package) is not None
    except (ImportError, ValueError):
        there = False
    if not there:
        raise UserError(f"--tracker {name}: needs the package {kind.package}: pip install 'eco-jax[{name}]'")


def made_folder(place: str) -> Path:
    """The folder of a tracker's files, made where it is missing."""
    path = Path(place)
    path.mkdir(parents=True, exist_ok=True)
    return path


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as trackers take them: numbers and words; anything else as text."""
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value) for name, value in settings.items()
    }
