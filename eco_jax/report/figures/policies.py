"""All policies on the same episodes, in the study's own world."""

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from eco_jax.agent.algorithms import Algorithm
from eco_jax.env.config import FORECAST, NONE, TELEMETRY, TRUTH, TWIN
from eco_jax.env.policies.rules import FORESIGHT, GREEDY, LOCAL, NEAREST, RANDOM, own
from eco_jax.metrics import ENERGY, LATENCY, LATENCY_QUANTILES, REWARD, Metric, energy_term
from eco_jax.model import energy
from eco_jax.report.figures.figure import Columns, Figure, MissingError, Results, interval, spread, table
from eco_jax.report.figures.style import (
    NAMES,
    ORDER,
    POLICIES,
    STYLES,
    canvas,
    legend,
    policy_name,
    reach,
    side_by_side,
    split,
)
from eco_jax.study import names
from eco_jax.study.learners import declared
from eco_jax.study.play import cost_terms
from eco_jax.study.profile import LEVELS
from eco_jax.study.statistics import Interval
from eco_jax.train.evaluate import QUANTILES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

BLIND: dict[str, Any] = {"color": "black", "marker": "x"}
"""Of rules that use no knowledge."""


def group(kind: str, learns: str) -> int:
    """0: references and what decides for all users at once; 1: agents; 2: rules."""
    if kind in (*names.KNOWS_TRUTH, *names.MEASURES_ALL, names.CENTRAL):
        return 0
    return 1 if kind == learns or kind in declared() else 2


def kind_name(kind: str, algorithm: type[Algorithm]) -> str:
    """A kind in words."""
    words = {algorithm.name: f"{algorithm.__name__} agents", names.CENTRAL: f"{names.CENTRAL} rule", **POLICIES}
    return words.get(kind, kind)


Found = dict[str, dict[str, Interval]]
"""Kind of policy -> level -> interval."""


def ladder(results: Results) -> tuple["Drawing", Columns]:
    """Reward of every policy, and below it each cost term of the world: a row a kind, a marker a level."""
    played = {name: results.played[name] for name in names.plain(results.played)}
    panels: dict[Metric, Found] = {}
    for metric in (REWARD, *cost_terms(played)):
        panels[metric] = {}
        for name, values in played.items():
            if metric in values:
                kind, level = split(name)
                panels[metric].setdefault(kind, {})[level] = interval(values[metric])
    kinds, learns = panels[REWARD], results.algorithm.name
    few = min(values[REWARD].shape[1] for values in played.values())
    first = {split(name): interval(values[REWARD][:, :few]).mean for name, values in played.items()}
    rows = sorted(kinds, key=lambda kind: (group(kind, learns), -max(first[kind, level] for level in kinds[kind])))
    drawing, axes = canvas(1.3 + 0.3 * len(rows) * len(panels) + 0.5 * (len(panels) - 1), len(panels))
    for (ax,), (metric, found) in zip(axes, panels.items(), strict=True):
        _levels(ax, rows, found)
        ax.set_yticks(range(len(rows)), [kind_name(kind, results.algorithm) for kind in rows])
        ax.set_ylim(len(rows) - 0.4, -0.6)
        for i in range(1, len(rows)):
            if group(rows[i], learns) != group(rows[i - 1], learns):
                ax.axhline(i - 0.5, color="black", linewidth=0.7)
        ax.set_xlabel(metric.titled)
    way = _second_axis(axes[0, 0], first)
    legend(drawing, axes[0, 0])
    costs = [metric for metric in panels if metric != REWARD]
    return drawing, table(
        {"policy": kind, "knows": level or "-", **spread(f), "share_of_way_percent": way(first[kind, level])}
        | {f"{m}_{end}": v for m in costs for end, v in spread(panels[m].get(kind, {}).get(level, UNKNOWN)).items()}
        for kind in rows
        for level, f in kinds[kind].items()
    )


UNKNOWN = Interval(np.nan, np.nan, np.nan)


def _levels(axes: "Axes", rows: list[str], kinds: Found) -> None:
    """A marker with its interval for every level of each row's kind."""
    shifts = dict(zip(ORDER, side_by_side(len(ORDER), 0.18), strict=True))
    for level in (
        level for level in (*ORDER, names.FULL_MEASUREMENT, "") if any(level in levels for levels in kinds.values())
    ):
        style = BLIND if level == "" else {k: v for k, v in STYLES[level].items() if k != "linestyle"}
        mine = [(i, kinds[kind][level]) for i, kind in enumerate(rows) if level in kinds.get(kind, {})]
        shift = shifts.get(level, 0.0)
        y = [i + (shift if len(kinds[rows[i]]) > 1 else 0.0) for i, _ in mine]
        found = [f for _, f in mine]
        axes.errorbar(
            [f.mean for f in found], y, xerr=reach(found), linestyle="", elinewidth=0.9, markersize=3.5,
            label=NAMES.get(level, "uses no knowledge"), **style,
        )  # fmt: skip


def _second_axis(axes: "Axes", first: dict[tuple[str, str], float]) -> Any:
    """An axis above: share of the way from random to the slot-reference, where both are there. Returns it."""
    if (RANDOM, "") not in first or (names.SLOT_REFERENCE, TRUTH) not in first:
        return lambda reward: np.nan
    start, end = first[RANDOM, ""], first[names.SLOT_REFERENCE, TRUTH]

    def there(reward: Any) -> Any:
        return 100.0 * (reward - start) / (end - start)

    def back(way: Any) -> Any:
        return start + way * (end - start) / 100.0

    above = axes.secondary_xaxis("top", functions=(there, back))
    above.set_xlabel(f"% of the way to {names.SLOT_REFERENCE}")
    return there


def latency_cdf(results: Results) -> tuple["Drawing", Columns]:
    """Distribution of the latencies of all tasks."""
    played = results.played
    drawing, axes = canvas(3.2)
    ax, rows = axes[0, 0], []
    shares = 100.0 * np.array(QUANTILES)
    local: dict[str, Any] = {"color": "black", "linestyle": (0, (1, 3)), "label": f"{POLICIES[LOCAL]} (rule)"}
    lines = {results.agent(level): STYLES[level] | {"label": NAMES[level]} for level in ORDER} | {LOCAL: local}
    for name, style in lines.items():
        if LATENCY_QUANTILES not in played.get(name, {}):
            continue
        quantiles = 1e3 * played[name][LATENCY_QUANTILES].mean(axis=1)  # [seeds, 99]
        mean = quantiles.mean(axis=0)
        thin = name in (results.agent(TRUTH), LOCAL)
        ax.plot(mean, shares, linewidth=1.0 if thin else 1.6, **{k: v for k, v in style.items() if k != "marker"})
        rows.append((name, mean))
    if not rows:
        raise MissingError("no quantiles")
    ax.set_ylim(0.0, 100.0)
    ax.set_xlim(0.0, 1.05 * max([mean.max() for name, mean in rows if name != LOCAL] or [rows[0][1].max()]))
    ax.set_xlabel(f"{LATENCY.label}, ms")
    ax.set_ylabel("tasks that are done by then, %")
    legend(drawing, ax)
    return drawing, {"share_percent": shares} | {f"{name}_ms": mean for name, mean in rows}


LOOKS = (
    ("#0072B2", ""), ("#56B4E9", ""), ("#E69F00", "///"), ("#CC79A7", "..."), ("#000000", ""), ("#009E73", "xxx"),
    ("#D55E00", "---"), ("#F0E442", "ooo"), ("#999999", ""),
)  # fmt: skip
"""Colour and hatching of the energy terms that are shown together, in the order of `energy.LABELS`."""
TERM = energy_term("")
"""What the names of the energy's terms begin with."""


def bars(results: Results) -> list[str]:
    """Policies of the figure, as far as they were played: agents, references, rules, and those of one's own."""
    blind = (NEAREST, LOCAL, RANDOM)
    of_levels = (names.at(rule, level) for rule in (FORESIGHT, *own()) for level in LEVELS)
    references = (names.SLOT_REFERENCE, names.FULL_MEASUREMENT)
    wanted = (*map(results.agent, LEVELS), *references, *of_levels, *blind, *own())
    return [name for name in dict.fromkeys(wanted) if name in results.played]


def terms_of(metrics: Iterable[str]) -> dict[str, list[str]]:
    """Words -> the energy terms that they stand for: every term `energy/<term>` among the names of metrics."""
    there = {name.removeprefix(TERM) for name in metrics if name.startswith(TERM)}
    order = dict.fromkeys([*energy.LABELS, *energy.EnergyTerms._fields, *sorted(there)])
    shown: dict[str, list[str]] = {}
    for term in order:
        if term in there:
            shown.setdefault(energy.LABELS.get(term, term), []).append(term)
    return shown


def energy_terms(results: Results) -> tuple["Drawing", Columns]:
    """Energy by term; the number behind a bar is the metric `energy` itself."""
    played = results.played
    shown = terms_of(metric for name in bars(results) for metric in played[name])
    terms = [term for together in shown.values() for term in together]
    policies = [name for name in bars(results) if any(energy_term(term) in played[name] for term in terms)]
    if not policies:
        raise MissingError("no terms")
    means = {
        name: {term: 1e3 * float(np.mean(played[name].get(energy_term(term), 0.0))) for term in terms}
        for name in policies
    }
    drawing, axes = canvas(1.3 + 0.24 * len(policies))
    ax, y = axes[0, 0], np.arange(len(policies))
    left = np.zeros(len(policies))
    looks = dict(zip(dict.fromkeys([*energy.LABELS.values(), *shown]), cycle(LOOKS), strict=False))
    for label, together in shown.items():
        color, hatch = looks[label]
        width = np.array([sum(means[name][term] for term in together) for name in policies])
        ax.barh(
            y, width, left=left, height=0.7, color=color, hatch=hatch, edgecolor="white", linewidth=0.4, label=label
        )
        left += width
    for i, name in enumerate(policies):
        ax.text(left[i], i, f" {1e3 * played[name][ENERGY].mean():.0f}", va="center")
    ax.set_yticks(y, [policy_name(name, results.algorithm.name) for name in policies])
    ax.set_ylim(len(policies) - 0.4, -0.6)
    ax.set_xlabel(f"{ENERGY.label}, mJ")
    ax.margins(x=0.08)
    ax.grid(axis="y", visible=False)
    legend(drawing, ax)
    return drawing, table({"policy": name, **{f"{t}_mj": v for t, v in means[name].items()}} for name in policies)


MISLED = {
    TWIN: TWIN, f"{TWIN}{names.MISLED}": f"{TWIN},\nmisled", FORECAST: FORECAST, TELEMETRY: TELEMETRY, NONE: NONE,
}  # fmt: skip
"""End of a policy's name -> what it has, in words."""


def misleading(results: Results) -> tuple["Drawing", Columns]:
    """Reward with a twin, with a misleading one, and without."""
    played = results.played
    drawing, axes = canvas(3.0)
    ax, rows = axes[0, 0], []
    for shift, kind, label, color, hatch in (
        (-0.22, results.algorithm.name, "agents", "#555555", ""), (0.22, GREEDY, f"rule {GREEDY}", "#BBBBBB", "///"),
    ):  # fmt: skip
        there = [(i, level) for i, level in enumerate(MISLED) if names.at(kind, level) in played]
        if not there:
            continue
        found = [interval(played[names.at(kind, level)][REWARD]) for _, level in there]
        x = np.array([i for i, _ in there]) + shift
        look: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": "white", "label": label}
        ax.bar(x, [f.mean for f in found], width=0.42, linewidth=0.4, **look)
        ax.errorbar(x, [f.mean for f in found], yerr=reach(found), linestyle="", color="black", capsize=2.0)
        for at, f, length in zip(x, found, reach(found).T, strict=True):
            down = f.mean < 0.0
            ax.annotate(
                f"{f.mean:.3f}".replace("-", "−"), (at, f.mean - length[0] if down else f.mean + length[1]),
                (0, -3 if down else 3), textcoords="offset points", ha="center", va="top" if down else "bottom",
                rotation=90,
            )  # fmt: skip
        rows += [{"policy": kind, TWIN: level, **spread(f)} for (_, level), f in zip(there, found, strict=True)]
    ax.axhline(0.0, color="black", linewidth=1.0)
    ax.margins(y=0.2)
    ax.set_xticks(range(len(MISLED)), list(MISLED.values()))
    ax.set_ylabel(REWARD.label)
    ax.grid(axis="x", visible=False)
    legend(drawing, ax)
    return drawing, table(rows)


LADDER = Figure(
    "ladder",
    "Reward of every policy, by what it knows",
    "A row for each kind of policy, a marker for each level of knowledge, with 95 % intervals; further right is "
    "better. Above: references that know the truth or have every CPU measured for nothing, and rules that decide for "
    "all users at once; middle: trained agents; below: rules, also those of one's own. Only policies with the same "
    "marker know the same. "
    "The axis above counts from the random "
    "rule (0 %) to the slot-reference (100 %); references and central rules play the first of the episodes only, and "
    "by these the rows are ordered and the ends of that axis taken. "
    "Further panels, where there are any, show the cost terms of the world, "
    "where less is better.",
    ("evaluation",),
    ladder,
)
LATENCY_CDF = Figure(
    "latency_cdf",
    "Distribution of latency",
    "Share of all tasks, local ones too, that are done within a latency; further left is better. Quantiles from 1 % to "
    "99 % of an episode's tasks, averaged over episodes and seeds. The axis ends where agents do; "
    f"`{LOCAL}` goes on beyond it.",
    ("evaluation",),
    latency_cdf,
)
ENERGY_TERMS = Figure(
    "energy_terms",
    "Where the energy goes",
    "Energy per task by the terms of Eq. (8), means over episodes and seeds; the number behind a bar is all of it. "
    "What a twin costs is the black part; what it saves is the difference of the others. The name says what the policy "
    "knows.",
    ("evaluation",),
    energy_terms,
)
MISLEADING = Figure(
    "misleading",
    "A misleading twin",
    "Reward with a twin, with a twin whose every mirror shows another device or server, and without one; with "
    "95 % intervals. The agents were trained with the true twin and then misled. A bar below `none` says that "
    "believing a wrong twin is worse than having none.",
    ("evaluation", "misleading"),
    misleading,
)
