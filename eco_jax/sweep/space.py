"""A search space: which settings vary over what, on top of a base run. Read from TOML."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_jax.env.params import similar
from eco_jax.errors import UserError
from eco_jax.run import settings
from eco_jax.run.settings import INPUTS, RunConfig

Values = dict[str, Any]
"""Setting -> value: one configuration of the space."""


@dataclass(frozen=True)
class Choice:
    """One of these values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """What must be allowed for everything between to be."""
        return self.values


@dataclass(frozen=True)
class Range:
    """A number between two, uniform or (`log`) uniform in its logarithm; whole where `whole`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def ends(self) -> tuple[Any, ...]:
        """What must be allowed for everything between to be."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


Axis = Choice | Range
KINDS = ("choice", "grid", "uniform", "log_uniform")


@dataclass(frozen=True)
class Space:
    """The axes, and the settings that they change."""

    base: Mapping[str, Any]
    """nested, as in a run's TOML"""
    axes: Mapping[str, Axis]
    """`hyper.actor_lr` -> what it may be"""
    where: str = "space"

    def configure(self, values: Values) -> RunConfig:
        """The run with these values.

        Raises:
            UserError: a setting is unknown or a value not allowed.
        """
        nested: dict[str, Any] = {k: dict(v) if isinstance(v, Mapping) else v for k, v in self.base.items()}
        for name, value in values.items():
            section, _, field = name.rpartition(".")
            (nested.setdefault(section, {}) if section else nested)[field] = value
        return settings.from_mapping(nested, self.where)

    def make(self, values: Values) -> RunConfig:
        """As `configure`, once it is sure that there is such a world.

        Raises:
            UserError: it says where.
        """
        config = self.configure(values)
        try:
            config.make()
        except UserError as error:
            raise UserError(f"{self.where}: {error}") from None
        return config

    def inputs(self) -> list[Path]:
        """Files that the runs may read."""
        axes = [value for name in INPUTS if name in self.axes for value in self.axes[name].ends]
        return [Path(value) for value in (*(self.base[name] for name in INPUTS if name in self.base), *axes)]

    def points(self) -> int:
        """How many combinations there are.

        Raises:
            UserError: an axis is a range.
        """
        self.grid()
        return math.prod(len(axis.ends) for axis in self.axes.values())

    def grid(self) -> Iterator[Values]:
        """Every combination, the last axis fastest.

        Raises:
            UserError: an axis is a range.
        """
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                raise UserError(f"{self.where}: {name}: a range has no grid; give `choice` or another sampler")
        every = itertools.product(*(axis.ends for axis in self.axes.values()))
        return (dict(zip(self.axes, values, strict=True)) for values in every)


def from_toml(path: Path) -> Space:
    """Read a space: `[base]` holds a run's settings, `[space]` the axes.

        [base]
        preset = "tiny"
        train.updates = 200

        [space]
        "hyper.actor_lr" = { log_uniform = [1e-4, 1e-1] }
        "physics.sync_error" = { choice = [0.03, 0.3] }

    Raises:
        UserError: it cannot be read, an axis is none, or a value at its ends is not allowed.
    """
    data = settings.read_toml(path)
    for name in data:
        if name not in ("base", "space"):
            raise UserError(f"{path}: [{name}]: must be [base] or [space]")
    axes = {name: _axis(f"{path}: {name}", given) for name, given in _flat(data.get("space", {})).items()}
    if not axes:
        raise UserError(f"{path}: [space]: needs at least one setting that varies")
    base = data.get("base", {})
    space = Space(base, axes, str(path))
    known = settings.flat(space.configure({}))
    for name, axis in axes.items():
        if name not in known:
            raise UserError(f"{path}: {name}: unknown setting{similar(name, known)}")
        if isinstance(axis, Range) and name.startswith(("env.", "train.")) and type(known[name]) is int:
            low, high = math.ceil(axis.low), math.floor(axis.high)
            if low > high:
                raise UserError(f"{path}: {name}: there is no whole number between {axis.low:g} and {axis.high:g}")
            axes[name] = axis = Range(low, high, axis.log, whole=True)
        for value in axis.ends:
            space.make({name: value})
    for name in INPUTS:  # the same files, wherever the sweep goes on and its jobs run
        if name in axes:
            axes[name] = Choice(tuple(str(Path(v).expanduser().absolute()) for v in axes[name].ends))
        if name in base:
            base[name] = str(getattr(space.configure({}), name))
    return space
    return space


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Axes by dotted names, whether their names were quoted or not."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and not any(kind in value for kind in KINDS):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _axis(where: str, given: Any) -> Axis:
    if not isinstance(given, Mapping) or len(given) != 1 or next(iter(given)) not in KINDS:
        raise UserError(f"{where}: must be one of {', '.join(f'{{ {kind} = [...] }}' for kind in KINDS)}")
    ((kind, values),) = given.items()
    if not isinstance(values, list) or not values:
        raise UserError(f"{where}: {kind}: must be a list of values")
    if kind in ("choice", "grid"):
        for i, value in enumerate(values):
            if value in values[:i]:
                raise UserError(f"{where}: {kind}: {value!r} stands there twice")
        return Choice(tuple(values))
    if len(values) != 2 or not all(isinstance(v, int | float) and math.isfinite(v) for v in values):
        raise UserError(f"{where}: {kind} = {values}: must be two numbers, low and high")
    low, high = (float(v) for v in values)
    if low >= high or (kind == "log_uniform" and low <= 0):
        raise UserError(f"{where}: {kind} = {values}: must rise{', from above 0' if kind == 'log_uniform' else ''}")
    return Range(low, high, log=kind == "log_uniform")
