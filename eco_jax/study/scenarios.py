"""eco-bench: frozen worlds, episodes and references, so that scores of different people compare.

A score is how much of the way a policy goes from random actions (0 %) to the best reference (100 %), which knows the
true slowdowns and which nobody can have: the same episodes for all.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from eco_jax.errors import UserError, quoted
from eco_jax.run.config import RunConfig, default
from eco_jax.run.settings import by_flags
from eco_jax.settings import similar
from eco_jax.study import statistics
from eco_jax.study.core import changed
from eco_jax.study.folders import NOT_OF_THE_WORLD
from eco_jax.study.statistics import Interval, Values

NAME = "eco-bench-v1"
PRESET = "preset"
FILES = (f"{NAME}.toml", f"{NAME}.json")
"""What is declared, and what was found of it (`experiments/freeze.py`)."""


@dataclass(frozen=True)
class Scenario:
    """One world."""

    name: str
    about: str
    settings: Mapping[str, Any]
    """what differs from the default"""

    def config(self, knowledge: str | None = None) -> RunConfig:
        """Its settings, at a level of knowledge."""
        return changed(default(), {**self.settings, **({"knowledge": knowledge} if knowledge else {})})

    @property
    def flags(self) -> str:
        """The flags of `eco-jax train` that make it."""
        own = {name: value for name, value in self.settings.items() if name != PRESET}
        given = {**{n: v for n, v in self.settings.items() if n == PRESET}, **by_flags(own, default().values)}
        return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items())

    @property
    def sha256(self) -> str:
        """Of every setting of the world."""
        world = {n: v for n, v in self.config().values.items() if n.split(".")[0] not in NOT_OF_THE_WORLD}
        return hashlib.sha256(json.dumps(world, sort_keys=True, default=str).encode()).hexdigest()


@cache
def declared() -> Mapping[str, Any]:
    """The file of the scenarios: version, budget, episodes, splits, worlds."""
    return tomllib.loads(resources.files("eco_jax.study").joinpath(FILES[0]).read_text("utf-8"))


@cache
def frozen() -> Mapping[str, Any]:
    """World -> its hash, and of each split the rewards of the random policy and of the reference, and its name."""
    found: Mapping[str, Any] = json.loads(resources.files("eco_jax.study").joinpath(FILES[1]).read_text("utf-8"))
    return found


def scenarios() -> dict[str, Scenario]:
    """All of them, by name."""
    return {
        name: Scenario(name, world["about"], world.get("settings", {})) for name, world in declared()["worlds"].items()
    }


def chosen(names: str) -> list[Scenario]:
    """The scenarios of these names, with commas between them; all of an empty text.

    Raises:
        UserError: there is no such scenario, or it is no longer what was frozen.
    """
    known = scenarios()
    wanted = [name.strip() for name in names.split(",")] if names else list(known)
    for name in wanted:
        if name not in known:
            raise UserError(f"--worlds {quoted(name)}: must be among {', '.join(known)}{similar(name, known)}")
        if known[name].sha256 != frozen()[name]["sha256"]:
            raise UserError(f"{NAME}: the world {name!r} is no longer what was frozen; scores would not compare")
    return [known[name] for name in dict.fromkeys(wanted)]


def score(rewards: Values, world: str, split: str) -> Interval:
    """How much of the way from the random policy to the reference, %.

    Args:
        rewards: [seeds, episodes] on the episodes of the split.
        world: by name.
        split: `dev` or `test`.
    """
    ends = frozen()[world][split]
    low, high = (np.asarray(ends[who])[None] for who in ("random", "reference"))
    return Interval(*(100.0 * v for v in statistics.share_of_way(rewards, low, high)))
