"""What the paper claims, and what this project claims, each put to the numbers: measured, interval, verdict.

`claims.toml` is what is claimed, and is written down before it is judged; `measures.py` is how each is measured.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from eco_jax.agent.algorithms import A2C
from eco_jax.report.measures import MEASURES, Context, Done, Kind
from eco_jax.study.statistics import Interval

Verdict = Literal["holds", "does not hold", "not decidable", "exploratory"]

SEEDS = 10
"""Agents behind a verdict, at least; with fewer a claim is exploratory."""


@dataclass(frozen=True)
class Claim:
    """A sentence that can be false, and what was found."""

    id: str
    text: str
    measured: float
    lo: float
    hi: float
    unit: str
    verdict: Verdict
    note: str
    seeds: int
    """agents behind it"""
    key: int | str
    """of the episodes; of what training itself shows, "training" """
    size: float
    """how far beyond the claimed number, in smallest effects of interest; negative on the other side"""


@dataclass(frozen=True)
class Judging:
    """On which episodes claims are measured."""

    key: int = -1
    once: bool = False
    """they were kept for this, and nothing was ever tuned or looked at on them"""


@cache
def declared() -> tuple[Mapping[str, Any], ...]:
    """The claims of `claims.toml`."""
    return tuple(tomllib.loads(as_written())["claim"])


def as_written() -> str:
    """`claims.toml` as it is."""
    return resources.files("eco_jax.report").joinpath("claims.toml").read_text("utf-8")


def verdict(found: Interval, above: float | None = None, below: float | None = None) -> Verdict:
    """Holds where the whole interval lies on the claimed side, does not where it lies on the other."""
    if not all(np.isfinite(found)):
        return "not decidable"
    if above is not None:
        return "holds" if found.lo > above else "does not hold" if found.hi <= above else "not decidable"
    assert below is not None
    return "holds" if found.hi < below else "does not hold" if found.lo >= below else "not decidable"


def all_claims(done: Done, per_episode: int, algorithm: Kind = A2C, judging: Judging = Judging()) -> list[Claim]:
    """Every claim for which there are numbers.

    Args:
        done: finished parts of a study.
        per_episode: updates of training in an episode.
        algorithm: of the agents.
        judging: the episodes. There are verdicts only on those that were kept for them.
    """
    context, claims = Context(done, per_episode, algorithm), []
    for row in declared():
        found = MEASURES[row["id"]](context)
        if found is None:
            continue
        bound = {side: row[side] for side in ("above", "below") if side in row}
        beyond = found.interval.mean - row["above"] if "above" in row else row["below"] - found.interval.mean
        sound = judging.once and found.seeds >= SEEDS
        claims.append(
            Claim(
                row["id"], row["text"].format(agent=algorithm.__name__), *found.interval, row.get("unit", ""),
                verdict(found.interval, **bound) if sound else "exploratory",
                "; ".join(filter(None, (row.get("note", ""), found.note))), found.seeds,
                judging.key if found.played else "training", beyond / row["smallest"],
            )
        )  # fmt: skip
    return claims
