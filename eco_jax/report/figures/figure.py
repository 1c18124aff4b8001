"""What a figure is, and the numbers that figures are drawn from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.agent.algorithms import A2C, Algorithm
from eco_jax.metrics import REWARD
from eco_jax.study import names
from eco_jax.study.names import LEVEL, POINT, of
from eco_jax.study.play import Played, everyone
from eco_jax.study.profile import LEVELS
from eco_jax.study.statistics import Interval, bootstrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

Values = NDArray[np.floating]
Columns = dict[str, NDArray[Any]]
"""Name -> one entry a row: what the CSV beside a figure holds."""

RESAMPLES = 1000


class MissingError(Exception):
    """The parts are there, but not the levels or points that the figure is about."""


def by_episode(curve: Values, updates_per_episode: int) -> Values:
    """Means over the updates of each episode: [updates, seeds] -> [episodes, seeds] (a last part is left out)."""
    episodes = len(curve) // updates_per_episode
    return curve[: episodes * updates_per_episode].reshape(episodes, updates_per_episode, *curve.shape[1:]).mean(axis=1)


def learner_curve(done: Mapping[str, Mapping[str, NDArray[Any]]], name: str, updates_per_episode: int) -> Values:
    """Mean rewards of the episodes of training of another algorithm or network, [episodes, seeds]."""
    return by_episode(done[names.learner(name)][of(names.CURVE, REWARD)], updates_per_episode)


def interval(values: Values) -> Interval:
    """A policy's figure and its 95 % interval."""
    return bootstrap(lambda x: x, values, resamples=RESAMPLES)


def difference(new: Values, old: Values) -> Interval:
    """How much more `new` has than `old`, on the same episodes."""
    return bootstrap(lambda a, b: a - b, new, old, resamples=RESAMPLES)


def relative(new: Values, old: Values) -> Interval:
    """How much more `new` has than `old`, as a share of `old`'s absolute value."""
    return bootstrap(lambda a, b: (a - b) / np.abs(b), new, old, resamples=RESAMPLES)


def table(rows: Iterable[Mapping[str, Any]]) -> Columns:
    """Rows, all with the same names, as columns."""
    rows = list(rows)
    return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}


def spread(found: Interval, scale: float = 1.0) -> dict[str, float]:
    """An interval as three cells of a row."""
    return {"mean": scale * found.mean, "low": scale * found.lo, "high": scale * found.hi}


@dataclass(frozen=True)
class Sweep:
    """A part with points: a level of knowledge and the value of one or more fields at each."""

    arrays: Mapping[str, NDArray[Any]]

    @property
    def levels(self) -> tuple[str, ...]:
        """Those that occur, in the order of the ladder."""
        return tuple(level for level in LEVELS if level in self.arrays[LEVEL])

    def values(self, field: str, level: str) -> list[float]:
        """The field's values at which the level was tried, least first."""
        return sorted(self.arrays[of(POINT, field)][self.arrays[LEVEL] == level].tolist())

    def at(self, name: str, level: str, field: str, value: float) -> Values:
        """`agents/<metric>` or `rule/<metric>` of a point: [seeds, episodes]."""
        where = (self.arrays[LEVEL] == level) & np.isclose(self.arrays[of(POINT, field)], value)
        if not where.any():
            raise MissingError(f"{level} at {field} = {value}")
        return self.arrays[name][int(np.argmax(where))]


@dataclass(frozen=True)
class Results:
    """Finished parts of a study (see `study`), and how long an episode is."""

    done: Mapping[str, Mapping[str, NDArray[Any]]]
    horizon: int
    """slots of an episode"""
    rollout: int
    """slots of an update"""
    algorithm: type[Algorithm] = A2C
    """of the agents"""
    correlation: float = 0.95
    """of the slowdowns in the study's own world"""

    @property
    def levels(self) -> tuple[str, ...]:
        """Those that agents were trained at."""
        return tuple(level for level in LEVELS if names.trained(level) in self.done)

    def agent(self, level: str) -> str:
        """The policy of the agents trained at a level."""
        return names.agent(self.algorithm, level)

    def who(self, part: str) -> str:
        """In a column of policies: the agents by their algorithm, the rule as it is."""
        return self.algorithm.name if part == names.AGENTS else part

    def curve(self, level: str, metric: str) -> Values:
        """A metric while training: [episodes, seeds], an episode being the horizon in every parallel environment."""
        curve = by_episode(
            self.done[names.trained(level)][of(names.CURVE, metric)], max(1, self.horizon // self.rollout)
        )
        if not len(curve):
            raise MissingError("no whole episode of training")
        return curve

    @property
    def played(self) -> Played:
        """Every policy that was played in the study's own world."""
        return everyone(self.done)

    def sweep(self, part: str) -> Sweep:
        """A part with points."""
        return Sweep(self.done[part])


FEW = "Agents of a sweep are few seeds, trained shortly: no verdict, and intervals that may be too short."
"""Said of figures of agents that were trained for them alone."""


@dataclass(frozen=True)
class Figure:
    """A figure of the report."""

    name: str
    """file name without ending, e.g. fig2a"""
    title: str
    """short, above the figure"""
    caption: str
    """what is shown, in plain sentences"""
    needs: tuple[str, ...]
    """parts of the study, all of them"""
    draw: Callable[[Results], tuple["Drawing", Columns]]
    """the figure, and the numbers in it; raises `MissingError` where there is nothing to draw"""
    one_of: tuple[str, ...] = ()
    """parts of which one must be there, with * for any letters; empty where `needs` says all"""

    def ready(self, done: Iterable[str]) -> bool:
        """Whether its parts are among those that are done."""
        there = tuple(done)
        enough = not self.one_of or any(fnmatchcase(part, wanted) for part in there for wanted in self.one_of)
        return enough and all(part in there for part in self.needs)
