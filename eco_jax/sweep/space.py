"""A search space: which settings vary over what, on top of a base run. Read from TOML."""

import itertools
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_jax import plugins
from eco_jax.agent.algorithms.base import check_learns
from eco_jax.env.parts import COST
from eco_jax.errors import UserError, quoted
from eco_jax.parts import registered
from eco_jax.run import settings
from eco_jax.run.config import CHOSEN, INPUTS, PLAIN, RunConfig, hint, resolve, sections, specs_of, yielding
from eco_jax.run.toml import add
from eco_jax.settings import Spec, is_number, specs

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
        try:
            own = self.placed(values)
            return resolve({**yielding(own, given, files=False), **own}, usual)
        except UserError as error:
            raise UserError(f"{self.where}: {error}") from None

    def placed(self, values: Values) -> Values:
        """Those of the values that have a place: no settings of parts which others of them have not chosen.

        Raises:
            UserError: there is no such part.
        """
        kinds = {name: _names(value) if name == COST else value for name, value in values.items() if _chooses(name)}
        if not kinds:
            return dict(values)
        chosen = sections(kinds)
        return {name: v for name, v in values.items() if _chooser(name) not in kinds or _has_place(name, chosen)}

    def make(self, values: Values) -> RunConfig:
        """As `configure`, once it is sure that there is such a world, and that the algorithm can learn there.

        Raises:
            UserError: it says where.
        """
        config = self.configure(values)
        try:
            check_learns(config.algorithm(), config.train, *config.make())
        except UserError as error:
            raise UserError(f"{self.where}: {error}") from None
        return config

    def inputs(self) -> list[Path]:
        """Files that the runs may read."""
        axes = [value for name in INPUTS if name in self.axes for value in self.axes[name].ends]
        base = [self.base[name] for name in INPUTS if name in self.base]
        return [Path(value) for value in (*base, *_names(self.base.get("plugins", ())), *axes)]

    def points(self) -> int:
        """How many combinations there are.

        Raises:
            UserError: an axis is a range.
        """
        self.grid()
        kinds = [name for name in self.axes if _chooses(name)]
        firsts = {name: axis.ends[0] for name, axis in self.axes.items()}
        count = 0
        for ends in itertools.product(*(self.axes[name].ends for name in kinds)):
            placed = self.placed(firsts | dict(zip(kinds, ends, strict=True)))
            count += math.prod(len(self.axes[name].ends) for name in placed if name not in kinds)
        return count

    def grid(self) -> Iterator[Values]:
        """Every combination once, the last axis fastest; a value that has no place in it is left out.

        Raises:
            UserError: an axis is a range.
        """
        for name, axis in self.axes.items():
            if isinstance(axis, Range):
                raise UserError(f"{self.where}: {name}: a range has no grid; give `choice` or another sampler")

        def every() -> Iterator[Values]:
            for ends in itertools.product(*(axis.ends for axis in self.axes.values())):
                values = dict(zip(self.axes, ends, strict=True))
                placed = self.placed(values)
                if all(values[name] == self.axes[name].ends[0] for name in values if name not in placed):
                    yield placed

        return every()


def _names(value: Any) -> list[Any]:
    """A list of names, of which one may stand alone."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _chooses(name: str) -> bool:
    """Whether a setting says which parts there are."""
    return name in CHOSEN or name == COST


def _chooser(name: str) -> str:
    """The setting that says whether this one has a place, for one of a part."""
    section = name.rpartition(".")[0]
    return COST if section.startswith(f"{COST}.") else section


def _has_place(name: str, chosen: Mapping[str, Any]) -> bool:
    """Whether a part's setting has a place beside the chosen parts; one that no part has, too, so that it is refused.

    Args:
        name: of the setting.
        chosen: section -> part.
    """
    section, _, own = name.rpartition(".")
    if section in chosen and own in specs(chosen[section]):
        return True
    kind = _chooser(name)
    others = [part for other, part in registered(kind).items() if kind in CHOSEN or section == f"{COST}.{other}"]
    return not any(own in specs(part) for part in others)


def from_toml(path: Path) -> Space:
    """Read a space: `[base]` holds a run's settings, `[space]` the axes.

        [base]
        preset = "tiny"
        train.updates = 200

        [space]
        "algorithm.actor_lr" = { log_uniform = [1e-4, 1e-1] }
        "physics.sync_error" = { choice = [0.03, 0.3] }
        "mobility" = { choice = ["waypoint", "gauss-markov"] }
        "mobility.speed" = { uniform = [10, 40] }

    A setting that only some of the chosen parts have, as this `speed`, has no place in the trials of the others.

    Raises:
        UserError: it cannot be read, an axis is none, or a value at its ends is not allowed.
    """
    data = settings.read_toml(path)
    for name in data:
        if name not in ("base", "space"):
            raise UserError(f"{path}: [{name}]: must be [base] or [space]")
        if not isinstance(data[name], dict):
            raise UserError(f"{path}: {name} = {data[name]!r:.40}: must be a table")
    axes = {name: _axis(f"{path}: {name}", given) for name, given in _flat(data.get("space", {}), str(path)).items()}
    if not axes:
        raise UserError(f"{path}: [space]: needs at least one setting that varies")
    base = data.get("base", {})
    files = _names(base.get("plugins", []))
    if not all(isinstance(file, str) for file in files):
        raise UserError(f"{path}: plugins = {quoted(base['plugins'])}: must be a list of names")
    plugins.load(files)
    if plugins.LOADED:  # those that the command was given, too: the runs need them
        base["plugins"] = [str(path) for path in plugins.LOADED.values()]
    space = Space(base, axes, str(path))
    known = known_beside(space, axes)
    for name, axis in axes.items():
        if name not in (*known, *PLAIN, *CHOSEN):
            raise UserError(f"{path}: {name}: unknown setting{hint(name, known)}")
        if isinstance(axis, Range) and name in known and known[name].whole:
            low, high = math.ceil(axis.low), math.floor(axis.high)
            if low > high:
                raise UserError(f"{path}: {name}: there is no whole number between {axis.low:g} and {axis.high:g}")
            axes[name] = axis = Range(low, high, axis.log, whole=True)
        for value in axis.ends:
            space.make(_with_part(axes, name) | {name: value})
    for name in INPUTS:  # the same files, wherever the sweep goes on and its jobs run
        if name in axes:
            axes[name] = Choice(tuple(str(Path(v).expanduser().absolute()) for v in axes[name].ends))
        if name in base:
            base[name] = str(space.configure({}).values[name])
    return space


def known_beside(space: Space, axes: Mapping[str, Axis]) -> dict[str, Spec]:
    """Every setting, with what is known of it, that some choice of parts among the axes brings.

    Raises:
        UserError: the base is not allowed, or there is no such part.
    """
    found = {name: s for name, s in specs_of(space.configure({}).values).items() if _chooser(name) not in axes}
    try:
        for kind in filter(_chooses, axes):
            for end in axes[kind].ends:
                parts = sections({kind: _names(end) if kind == COST else end})
                own = parts.items() if kind == COST else [(kind, parts[kind])]
                found |= {f"{s}.{name}": spec for s, part in own for name, spec in specs(part).items()}
    except UserError as error:
        raise UserError(f"{space.where}: {error}") from None
    return found


def _with_part(axes: Mapping[str, Axis], name: str) -> Values:
    """For a setting of a part that is among the axes, a value of that axis that has the part; else nothing."""
    kind, (section, _, own) = _chooser(name), name.rpartition(".")
    for end in axes[kind].ends if kind in axes else ():
        parts = sections({kind: _names(end) if kind == COST else end})
        if section in parts and own in specs(parts[section]):
            return {kind: end}
    return {}


def _flat(tree: Mapping[str, Any], where: str, prefix: str = "") -> dict[str, Any]:
    """Axes by dotted names, whether their names were quoted or not; a `UserError` names one that is there twice."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and not any(kind in value for kind in KINDS):
            add(found, _flat(value, where, f"{prefix}{name}."), where)
        else:
            add(found, {f"{prefix}{name}": value}, where)
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
    if len(values) != 2 or not all(is_number(v) and abs(v) <= sys.float_info.max for v in values):
        raise UserError(f"{where}: {kind} = {values}: must be two numbers, low and high")
    low, high = (float(v) for v in values)
    if low >= high or (kind == "log_uniform" and low <= 0):
        raise UserError(f"{where}: {kind} = {values}: must rise{', from above 0' if kind == 'log_uniform' else ''}")
    return Range(low, high, log=kind == "log_uniform")
