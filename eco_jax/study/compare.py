"""Policies against a baseline on the same episodes: differences, what could have been shown, and a verdict."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from eco_jax.metrics import Metric
from eco_jax.study.statistics import Interval, difference, interval, relative
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


Seeds = Mapping[str, Sequence[int]]
"""Policy -> the numbers of its seeds, in the order of its rows; a rule has none."""


def pairs(own: Sequence[int], base: Sequence[int]) -> tuple[list[int], list[int]]:
    """Rows that stand against each other: of the seeds that both have, or in their order where those are not two.

    A single row (of a rule, or of one seed) stands against all.
    """
    if len(own) < 2 or len(base) < 2:
        return [*range(max(1, len(own)))], [*range(max(1, len(base)))]
    both = [seed for seed in own if seed in base]
    if len(both) < 2:
        first = [*range(min(len(own), len(base)))]
        return first, first
    return [list(own).index(seed) for seed in both], [list(base).index(seed) for seed in both]


def verdict(found: Interval, better: int) -> str:
    """What an interval of a difference says."""
    if found.lo <= 0.0 <= found.hi or not np.isfinite([found.lo, found.hi]).all():
        return UNDECIDED
    return BETTER if (found.lo > 0.0) == (better > 0) else WORSE


def against(played: Mapping[str, Arrays], baseline: str, metrics: Sequence[Metric], seeds: Seeds) -> list[Difference]:
    """Every policy against the baseline by every metric.

    Args:
        played: policy -> metric -> [seeds, episodes], one row for a rule.
        baseline: one of them.
        metrics: that all of them have, and that have a direction.
        seeds: of those that have some.
    """
    found = []
    for name, values in played.items():
        mine, its = pairs(seeds.get(name, ()), seeds.get(baseline, ()))
        for metric in metrics if name != baseline else ():
            own, base = values[metric][mine], played[baseline][metric][its]
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


def remarks(played: Iterable[str], baseline: str, compared: int, seeds: Seeds) -> list[str]:
    """What to know of these numbers, a line each.

    Args:
        played: the policies.
        baseline: one of them.
        compared: how many differences there are.
        seeds: as in `against`.
    """
    numbers = {name: seeds.get(name, ()) for name in played}
    trained = {name: own for name, own in numbers.items() if len(own) > 1}
    lines = [_unpaired(name, baseline, trained) for name in trained if baseline in trained]
    lines = [line for line in lines if line]
    few = min(
        (len(pairs(own, trained.get(baseline, ()))[0]) for own in trained.values()),
        default=0,
    )
    if 0 < few < ENOUGH:
        lines.append(f"exploratory: {few} seeds; a published verdict needs {ENOUGH}")
    lone = [name for name in numbers if name not in trained]
    if lone:
        lines.append(f"one row of episodes: {', '.join(lone)} (a rule, or a single seed: that agent, not its training)")
    if compared > 1:
        lines.append(f"{compared} comparisons, each with a 95 % interval of its own")
    return lines


def _unpaired(name: str, baseline: str, seeds: Seeds) -> str:
    """Which seeds of a policy and of the baseline stand against none, in words; nothing where all do."""
    own, base = seeds[name], seeds[baseline]
    mine, its = pairs(own, base)
    if [own[i] for i in mine] != [base[i] for i in its]:
        return f"seeds of {name} and {baseline}: fewer than two in common, the first {len(mine)} of each in their order"
    left = [
        f"{', '.join(str(seed) for seed in numbers if seed not in others)} of {who}"
        for who, numbers, others in ((name, own, base), (baseline, base, own))
        if set(numbers) - set(others)
    ]
    return f"seeds of {name} and {baseline} stand in pairs; left out: {', '.join(left)}" if left else ""
