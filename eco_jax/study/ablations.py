"""What the agents' own design is worth: agents trained at `twin` where one choice of it differs."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from eco_jax.env.config import TWIN
from eco_jax.study.assumptions import about, joined, worlds
from eco_jax.study.core import Part, Study
from eco_jax.study.profile import Profile
from eco_jax.study.store import Arrays
from eco_jax.study.sweeps import Change, retrained

NAME = "ablations"
"""Of the part."""


@cache
def declared() -> Mapping[str, Sequence[Change]]:
    """Choice, in words -> the changes that vary it."""
    text = resources.files("eco_jax.study").joinpath("ablations.toml").read_text("utf-8")
    found: Mapping[str, Sequence[Change]] = tomllib.loads(text)["ablations"]
    return found


def worlds_of(study: Study) -> list[tuple[str, str, Change]]:
    """Choice, value in words, change; the study's own world comes first."""
    return worlds(study, {name: declared()[name] for name in study.profile.ablations})


def ablations(study: Study) -> Arrays:
    """`agents/<metric>` [points, seeds, episodes] and the rule's: the study's own world and each with one change."""
    every, found = worlds_of(study), []
    tick = study.tick
    for i, (_, _, change) in enumerate(every):
        study.tick = lambda share, i=i: tick((i + share) / len(every))  # type: ignore[misc]
        found.append(retrained(study, [(TWIN, change)]))
    study.tick = tick
    return joined(found) | about(every, (TWIN,))


def part_of(p: Profile) -> list[Part]:
    """The part of a profile that varies something; none without."""
    if not p.ablations:
        return []
    varied = {name: declared()[name] for name in p.ablations}
    work = (1 + sum(map(len, varied.values()))) * (40 + p.side_seeds * p.side_updates * 160 / 8000)
    return [Part(NAME, "agents of another design", work, ablations, ("rules",), varies=varied)]
