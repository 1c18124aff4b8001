"""Whether what is found hangs on an assumption: a rule at every level, in worlds that differ in one of them each."""

import contextlib
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from eco_jax.errors import UserError
from eco_jax.study.core import Part, Study
from eco_jax.study.names import LEVEL, POINT, RULE, of
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


def worlds(study: Study) -> list[tuple[str, str, Change]]:
    """Assumption, value in words, change; the world as it is comes first. What this world decides is left out."""
    changes = [(name, change) for name in study.profile.assumptions for change in declared()[name]]
    found: list[tuple[str, str, Change]] = [(USUAL, "", {})]
    for name, change in changes:
        with contextlib.suppress(UserError):  # the equations, a trace or a table of sites say it already
            study.make(**change)
            found.append((name, ", ".join(map(str, change.values())), change))
    return found


def assumptions(study: Study) -> Arrays:
    """`rule/<metric>` [points, 1, episodes] at every level of knowledge, in each of the worlds."""
    every, found = worlds(study), []
    for i, (_, _, change) in enumerate(every):
        points: list[Point] = [(level, change) for level in LADDER]
        found.append(ruled(study, points, worlds_of(study, points), study.looking))
        study.tick((i + 1) / len(every))
    joined = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    about: Any = {
        LEVEL: np.array(LADDER * len(every)),
        WHAT: np.repeat([what for what, _, _ in every], len(LADDER)),
        VALUE: np.repeat([value for _, value, _ in every], len(LADDER)),
    }
    return named({RULE: joined}) | about


def part_of(names: Sequence[str]) -> list[Part]:
    """The part of a profile that varies these; none without any."""
    if not names:
        return []
    work = 30.0 + 15.0 * sum(len(declared()[name]) for name in names)
    return [Part(NAME, "worlds that differ in one assumption", work, assumptions, ("rules",))]
