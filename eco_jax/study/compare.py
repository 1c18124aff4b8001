"""Policies against a baseline on the same episodes: differences, what could have been shown, and a verdict."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eco_jax.metrics import Metric
from eco_jax.study.statistics import Interval, Values, difference, interval, relative
from eco_jax.study.store import Arrays

POWER = (1.959964 + 0.841621) / 1.959964
"""Size of an effect that is shown in four of five tries, over half of its 95 % interval (normal quantiles)."""
BETTER, WORSE, UNDECIDED = "better", "worse", "not decidable"
ENOUGH = 10
"""Seeds behind a number that carries a verdict; with fewer it is exploratory."""


class Difference(NamedTuple):
    """A policy against the baseline, by one metric."""

    policy: str
    metric: Metric
    own: Interval
    base: Interval
    difference: Interval
    """of the interquartile means, in the metric's unit"""
    percent: float
    """of the baseline's absolute value; NaN where that is 0"""
    detectable: float
    """the smallest difference that so many seeds and episodes show in four of five tries, in the metric's unit"""
    verdict: str
    """`better` or `worse` where 0 lies outside the interval, by the metric's direction"""


def paired(own: Values, base: Values) -> tuple[Values, Values]:
    """Both with as many seeds: the first ones of the one that has more, but a rule's single row stays."""
    seeds = min((len(v) for v in (own, base) if len(v) > 1), default=1)
    return own[:seeds], base[:seeds]


def verdict(found: Interval, better: int) -> str:
    """What an interval of a difference says."""
    if found.lo <= 0.0 <= found.hi or not np.isfinite([found.lo, found.hi]).all():
        return UNDECIDED
    return BETTER if np.sign(found.mean) == better else WORSE


def against(played: Mapping[str, Arrays], baseline: str, metrics: Sequence[Metric]) -> list[Difference]:
    """Every policy against the baseline by every metric.

    Args:
        played: policy -> metric -> [seeds, episodes], one row for a rule.
        baseline: one of them.
        metrics: that all of them have, and that have a direction.
    """
    found = []
    for name, values in played.items():
        for metric in metrics if name != baseline else ():
            own, base = paired(values[metric], played[baseline][metric])
            apart = difference(own, base)
            start = interval(base)
            found.append(
                Difference(
                    name, metric, interval(own), start, apart,
                    100.0 * relative(own, base).mean if start.mean else float("nan"),
                    POWER * (apart.hi - apart.lo) / 2.0, verdict(apart, metric.better),
                )
            )  # fmt: skip
    return found


def remarks(played: Mapping[str, Arrays], metric: Metric, baseline: str, compared: int) -> list[str]:
    """What to know of these numbers, a line each.

    Args:
        played: as in `against`.
        metric: any that all have.
        baseline: one of them.
        compared: how many differences there are.
    """
    seeds = {name: len(values[metric]) for name, values in played.items()}
    trained = {name: count for name, count in seeds.items() if count > 1}
    lines = []
    if len(set(trained.values())) > 1:
        fewest = min(trained.values())
        lines.append(
            f"seeds are compared in pairs: where one has {fewest}, the others' first {fewest} stand against it"
        )
    few = min(trained.values(), default=0)
    if 0 < few < ENOUGH:
        lines.append(f"exploratory: {few} seeds; a published verdict needs {ENOUGH}")
    lone = [name for name, count in seeds.items() if count == 1]
    if lone:
        lines.append(f"one row of episodes: {', '.join(lone)} (a rule, or a single seed: that agent, not its training)")
    if compared > 1:
        lines.append(f"{compared} comparisons, each with a 95 % interval of its own")
    return lines
