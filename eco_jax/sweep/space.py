"""A search space: which settings vary over what, on top of a base run. Read from TOML."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_jax import plugins
from eco_jax.errors import UserError
from eco_jax.parts import registered, variant
from eco_jax.run import settings
from eco_jax.run.config import CHOSEN, INPUTS, PLAIN, RunConfig, hint, resolve, sections, specs_of, yielding
from eco_jax.settings import Spec, specs

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
    """`algorithm.actor_lr` -> what it may be"""
    where: str = "space"

    def configure(self, values: Values) -> RunConfig:
        """The run with these values.

        Raises:
            UserError: a setting is unknown or a value not allowed.
        """
        base = dict(self.base)
        usual = settings.world(base.pop("preset"), f"{self.where}: ") if "preset" in base else {}
        given = settings.flat(base, self.where)
        # What belongs to a part that another axis has not chosen says nothing.
        kinds = sections({**usual, **given, **{name: value for name, value in values.items() if name in CHOSEN}})
        own = {name: v for name, v in values.items() if _applies(name, kinds)}
        try:
            return resolve({**yielding(own, given, files=False), **own}, usual)
        except UserError as error:
            raise UserError(f"{self.where}: {error}") from None

    def make(self, values: Values) -> RunConfig:
        """As `configure`, once it is sure that there is such a world, and that the algorithm can learn there.

        Raises:
            UserError: it says where.
        """
        config = self.configure(values)
        try:
            config.algorithm().check(config.train, config.make()[0])
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


def _applies(name: str, kinds: Mapping[str, Any]) -> bool:
    """Whether a setting has a place beside the chosen parts; one that no variant has, too, so that it is refused."""
    section, _, own = name.rpartition(".")
    elsewhere = any(own in specs(kind) for kind in registered(section).values()) if section in CHOSEN else False
    return not elsewhere or own in specs(kinds[section])


def from_toml(path: Path) -> Space:
    """Read a space: `[base]` holds a run's settings, `[space]` the axes.

        [base]
        preset = "tiny"
        train.updates = 200

        [space]
        "algorithm.actor_lr" = { log_uniform = [1e-4, 1e-1] }
        "physics.sync_error" = { choice = [0.03, 0.3] }

    Raises:
        UserError: it cannot be read, an axis is none, or a value at its ends is not allowed.
    """
    data = settings.read_toml(path)
    for name in data:
        if name not in ("base", "space"):
            raise UserError(f"{path}: [{name}]: must be [base] or [space]")
        if not isinstance(data[name], dict):
            raise UserError(f"{path}: {name} = {data[name]!r:.40}: must be a table")
    axes = {name: _axis(f"{path}: {name}", given) for name, given in _flat(data.get("space", {})).items()}
    if not axes:
        raise UserError(f"{path}: [space]: needs at least one setting that varies")
    base = data.get("base", {})
    if base.get("plugins"):
        plugins.load(base["plugins"] if isinstance(base["plugins"], list) else [base["plugins"]])
    if plugins.LOADED:  # those that the command was given, too: the runs need them
        base["plugins"] = [str(path) for path in plugins.LOADED.values()]
    space = Space(base, axes, str(path))
    for name, axis in axes.items():
        known = known_beside(space, axes)
        if name not in (*known, *PLAIN, *CHOSEN):
            raise UserError(f"{path}: {name}: unknown setting{hint(name, known)}")
        if isinstance(axis, Range) and name in known and known[name].whole:
            low, high = math.ceil(axis.low), math.floor(axis.high)
            if low > high:
                raise UserError(f"{path}: {name}: there is no whole number between {axis.low:g} and {axis.high:g}")
            axes[name] = axis = Range(low, high, axis.log, whole=True)
        for value in axis.ends:
            space.make(_beside(axes, name) | {name: value})
    for name in INPUTS:  # the same files, wherever the sweep goes on and its jobs run
        if name in axes:
            axes[name] = Choice(tuple(str(Path(v).expanduser().absolute()) for v in axes[name].ends))
        if name in base:
            base[name] = str(space.configure({}).values[name])
    return space


def known_beside(space: Space, axes: Mapping[str, Axis]) -> dict[str, Spec]:
    """Every setting, with what is known of it, that some choice of parts among the axes brings."""
    kinds = {name: axes[name].ends for name in axes if name in CHOSEN}
    found: dict[str, Spec] = {}
    for values in itertools.product(*kinds.values()):
        found |= specs_of(space.configure(dict(zip(kinds, values, strict=True))).values)
    return found


def _beside(axes: Mapping[str, Axis], name: str) -> Values:
    """A value of each axis that another one needs: the part whose own setting it is."""
    section = name.rpartition(".")[0]
    if section not in axes:
        return {}
    own = name.rpartition(".")[2]
    owners = [end for end in axes[section].ends if own in specs(variant(section, end))]
    return {section: owners[0]} if owners else {}


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
