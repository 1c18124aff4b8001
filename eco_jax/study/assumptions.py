"""Whether what is found hangs on an assumption: a rule at every level, in worlds that differ in one of them each."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from eco_jax.env import make
from eco_jax.errors import UserError
from eco_jax.study.core import Part, Study
from eco_jax.study.names import AGENTS, LEVEL, POINT, RULE, of
from eco_jax.study.play import named
from eco_jax.study.profile import LADDER
from eco_jax.study.store import Arrays
from eco_jax.study.sweeps import Change, Point, ruled, worlds_of

NAME = "assumptions"
"""Of the part."""
WHAT, VALUE = of(POINT, "what"), of(POINT, "value")
USUAL = "as it is"
"""The study's own world among the others."""


@cache
def declared() -> Mapping[str, Sequence[Change]]:
    """Assumption, in words -> the changes that vary it."""
    found: Mapping[str, Sequence[Change]] = tomllib.loads(
        resources.files("eco_jax.study").joinpath("assumptions.toml").read_text("utf-8")
    )["assumptions"]
    return found


def worlds(study: Study, changed: Mapping[str, Sequence[Change]]) -> list[tuple[str, str, Change]]:
    """What is varied, value in words, change; the world as it is comes first. What this world decides is left out.

    Raises:
        UserError: a change that the default world cannot have either.
    """
    changes = [(name, change) for name, each in changed.items() for change in each]
    found: list[tuple[str, str, Change]] = [(USUAL, "", {})]
    for name, change in changes:
        try:
            study.make(**change)
        except UserError:  # its equations, a trace, a table of sites or other numbers leave no place for it
            make(**change)
        else:
            found.append((name, ", ".join(map(in_words, change.values())), change))
    return found


def varied(study: Study) -> list[tuple[str, str, Change]]:
    """Assumption, value in words, change; the study's own world comes first."""
    return worlds(study, {name: declared()[name] for name in study.profile.assumptions})


def in_words(value: Any) -> str:
    """A value as a figure has it."""
    return "/".join(map(in_words, value)) if isinstance(value, list | tuple) else str(value)


def joined(parts: Sequence[Arrays]) -> Arrays:
    """Arrays of points, one after the other: what all of them have, but what was noted of the points."""
    of_points = [name for name in parts[0] if name.split("/")[0] in (AGENTS, RULE)]
    return {name: np.concatenate([part[name] for part in parts]) for name in of_points}


def about(every: Sequence[tuple[str, str, Change]], levels: Sequence[str]) -> Arrays:
    """What the points are: all levels of a world side by side."""
    return {
        LEVEL: np.array([*levels] * len(every)),
        WHAT: np.repeat([what for what, _, _ in every], len(levels)),
        VALUE: np.repeat([value for _, value, _ in every], len(levels)),
    }


def assumptions(study: Study) -> Arrays:
    """`rule/<metric>` [points, 1, episodes] at every level of knowledge, in each of the worlds."""
    every, found = varied(study), []
    for i, (_, _, change) in enumerate(every):
        points: list[Point] = [(level, change) for level in LADDER]
        found.append(named({RULE: ruled(study, points, worlds_of(study, points), study.looking)}))
        study.tick((i + 1) / len(every))
    return joined(found) | about(every, LADDER)


def part_of(names: Sequence[str]) -> list[Part]:
    """The part of a profile that varies these; none without any."""
    if not names:
        return []
    varied = {name: declared()[name] for name in names}
    work = 30.0 + 15.0 * sum(map(len, varied.values()))
    return [Part(NAME, "worlds that differ in one assumption", work, assumptions, ("rules",), varies=varied)]
