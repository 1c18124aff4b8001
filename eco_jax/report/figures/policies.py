"""All policies on the same episodes, in the study's own world."""

from collections.abc import Iterable
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from eco_jax.metrics import LATENCY_QUANTILES, REWARD
from eco_jax.model import energy
from eco_jax.report.figures.figure import Columns, Figure, MissingError, Results, interval, spread, table
from eco_jax.report.figures.style import NAMES, ORDER, POLICIES, STYLES, canvas, legend, policy_name, reach
from eco_jax.study.profile import LEVELS
from eco_jax.study.statistics import Interval
from eco_jax.train.evaluate import QUANTILES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

KNOWS_TRUTH = ("slot-reference", "slot-reference-caching", "upper-bound")
BLIND: dict[str, Any] = {"color": "black", "marker": "x"}
"""Of rules that use no knowledge."""


def split(name: str) -> tuple[str, str]:
    """A policy's kind, and the level that it knows ("" for those that use none)."""
    if name in KNOWS_TRUTH:
        return name, "truth"
    kind, _, level = name.rpartition("-")
    return (kind, level) if level in LEVELS else (name, "")


def group(kind: str) -> int:
    """0: references and what decides for all users at once; 1: agents; 2: rules."""
    return 0 if kind in (*KNOWS_TRUTH, "central") else 1 if kind == "a2c" else 2


def kind_name(kind: str) -> str:
    """A kind in words."""
    return {"a2c": "A2C agents", "central": "central rule", **POLICIES}.get(kind, kind)


def ladder(results: Results) -> tuple["Drawing", Columns]:
    """Reward of every policy: a row a kind, a marker a level."""
    kinds: dict[str, dict[str, Interval]] = {}
    for name, values in results.played.items():
        if not name.endswith(("-sampled", "-misled")):
            kind, level = split(name)
            kinds.setdefault(kind, {})[level] = interval(values[REWARD])
    rows = sorted(kinds, key=lambda kind: (group(kind), -max(f.mean for f in kinds[kind].values())))
    drawing, axes = canvas(1.3 + 0.24 * len(rows))
    ax = axes[0, 0]
    seen = [level for level in (*ORDER, "") if any(level in levels for levels in kinds.values())]
    for level in seen:
        style = BLIND if level == "" else {k: v for k, v in STYLES[level].items() if k != "linestyle"}
        mine = [(i, kinds[kind][level]) for i, kind in enumerate(rows) if level in kinds[kind]]
        shift = 0.0 if level == "" else 0.11 * (ORDER.index(level) - 1.5)
        y = [i + (shift if len(kinds[rows[i]]) > 1 else 0.0) for i, _ in mine]
        found = [f for _, f in mine]
        ax.errorbar(
            [f.mean for f in found], y, xerr=reach(found), linestyle="none", elinewidth=0.9, markersize=4,
            label=NAMES.get(level, "uses no knowledge"), **style,
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), [kind_name(kind) for kind in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    for i in range(1, len(rows)):
        if group(rows[i]) != group(rows[i - 1]):
            ax.axhline(i - 0.5, color="black", linewidth=0.7)
    ax.set_xlabel("reward")
    way = _second_axis(ax, kinds)
    legend(drawing, ax)
    return drawing, table(
        {"policy": kind, "knows": level or "-", **spread(f), "share_of_way_percent": way(f.mean)}
        for kind in rows
        for level, f in kinds[kind].items()
    )


def _second_axis(axes: "Axes", kinds: dict[str, dict[str, Interval]]) -> Any:
    """An axis above: share of the way from `random` to the slot-reference, where both are there. Returns it."""
    if "random" not in kinds or "slot-reference" not in kinds:
        return lambda reward: np.nan
    start, end = kinds["random"][""].mean, kinds["slot-reference"]["truth"].mean

    def there(reward: Any) -> Any:
        return 100.0 * (reward - start) / (end - start)

    def back(way: Any) -> Any:
        return start + way * (end - start) / 100.0

    above = axes.secondary_xaxis("top", functions=(there, back))
    above.set_xlabel("share of the way from random to slot-reference, %")
    return there


def latency_cdf(results: Results) -> tuple["Drawing", Columns]:
    """Distribution of the latencies of all tasks."""
    played = results.played
    drawing, axes = canvas(3.2)
    ax, rows = axes[0, 0], []
    shares = 100.0 * np.array(QUANTILES)
    for name in [f"a2c-{level}" for level in ORDER] + ["local"]:
        if name not in played or "latency_quantiles" not in played[name]:
            continue
        quantiles = 1e3 * played[name][LATENCY_QUANTILES].mean(axis=1)  # [seeds, 99]
        level = name.removeprefix("a2c-")
        style = {"color": "black", "linestyle": (0, (1, 3))} if name == "local" else dict(STYLES[level])
        style.pop("marker", None)
        label = "local only (rule)" if name == "local" else NAMES[level]
        mean = quantiles.mean(axis=0)
        ax.plot(mean, shares, linewidth=1.0 if level in ("truth", "local") else 1.6, label=label, **style)
        rows.append((name, mean))
    if not rows:
        raise MissingError("no quantiles")
    ax.set_ylim(0.0, 100.0)
    ax.set_xlim(left=0.0)
    ax.set_xlabel("latency, ms")
    ax.set_ylabel("tasks that are done by then, %")
    legend(drawing, ax)
    return drawing, {"share_percent": shares} | {f"{name}_ms": mean for name, mean in rows}


LOOKS = (
    ("#0072B2", ""), ("#56B4E9", ""), ("#E69F00", "///"), ("#CC79A7", "..."), ("#000000", ""), ("#009E73", "xxx"),
    ("#D55E00", "---"), ("#F0E442", "ooo"), ("#999999", ""),
)  # fmt: skip
"""Colour and hatching of the energy terms that are shown together, in the order of `energy.LABELS`."""
BARS = (
    *(f"a2c-{level}" for level in LEVELS), "slot-reference", *(f"foresight-{level}" for level in LEVELS),
    "nearest-full", "local", "random",
)  # fmt: skip


def terms_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Words -> the energy terms that they stand for: every term `energy/<term>` among the names of metrics."""
    there = {name.removeprefix("energy/") for name in names if name.startswith("energy/")}
    order = dict.fromkeys([*energy.LABELS, *energy.EnergyTerms._fields, *sorted(there)])
    shown: dict[str, list[str]] = {}
    for term in order:
        if term in there:
            shown.setdefault(energy.LABELS.get(term, term), []).append(term)
    return shown


def energy_terms(results: Results) -> tuple["Drawing", Columns]:
    """Energy by term; the number behind a bar is the metric `energy` itself."""
    played = results.played
    shown = terms_of(metric for name in BARS if name in played for metric in played[name])
    terms = [term for together in shown.values() for term in together]
    names = [name for name in BARS if name in played and any(f"energy/{term}" in played[name] for term in terms)]
    if not names:
        raise MissingError("no terms")
    means = {
        name: {term: 1e3 * float(np.mean(played[name].get(f"energy/{term}", 0.0))) for term in terms} for name in names
    }
    drawing, axes = canvas(1.3 + 0.24 * len(names))
    ax, y = axes[0, 0], np.arange(len(names))
    left = np.zeros(len(names))
    looks = dict(zip(dict.fromkeys([*energy.LABELS.values(), *shown]), cycle(LOOKS), strict=False))
    for label, together in shown.items():
        color, hatch = looks[label]
        width = np.array([sum(means[name][term] for term in together) for name in names])
        ax.barh(
            y, width, left=left, height=0.7, color=color, hatch=hatch, edgecolor="white", linewidth=0.4, label=label
        )
        left += width
    for i, name in enumerate(names):
        ax.text(left[i], i, f" {1e3 * played[name]['energy'].mean():.0f}", va="center")
    ax.set_yticks(y, [policy_name(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("energy, mJ per task")
    ax.margins(x=0.08)
    ax.grid(axis="y", visible=False)
    legend(drawing, ax)
    return drawing, table({"policy": name, **{f"{t}_mj": v for t, v in means[name].items()}} for name in names)


MISLED = ("twin", "twin-misled", "telemetry", "none")
MISLED_NAMES = {"twin-misled": "misleading twin", "telemetry": "telemetry,\nno twin", "none": "none\n(benchmark)"}


def misleading(results: Results) -> tuple["Drawing", Columns]:
    """Reward with a twin, with a misleading one, and without."""
    played = results.played
    drawing, axes = canvas(3.0)
    ax, rows = axes[0, 0], []
    for shift, kind, label, color, hatch in (
        (-0.19, "a2c", "agents", "#0072B2", ""), (0.19, "greedy", "rule greedy", "#E69F00", "///"),
    ):  # fmt: skip
        there = [(i, level) for i, level in enumerate(MISLED) if f"{kind}-{level}" in played]
        if not there:
            continue
        found = [interval(played[f"{kind}-{level}"][REWARD]) for _, level in there]
        x = np.array([i for i, _ in there]) + shift
        look: dict[str, Any] = {"color": color, "hatch": hatch, "edgecolor": "white", "label": label}
        ax.bar(x, [f.mean for f in found], width=0.36, linewidth=0.4, **look)
        ax.errorbar(x, [f.mean for f in found], yerr=reach(found), linestyle="none", color="black", capsize=2.0)
        for at, f, length in zip(x, found, reach(found).T, strict=True):
            down = f.mean < 0.0
            ax.annotate(
                f"{f.mean:.3f}".replace("-", "−"), (at, f.mean - length[0] if down else f.mean + length[1]),
                (0, -3 if down else 3), textcoords="offset points", ha="center", va="top" if down else "bottom",
            )  # fmt: skip
        rows += [{"policy": kind, "twin": level, **spread(f)} for (_, level), f in zip(there, found, strict=True)]
    ax.axhline(0.0, color="black", linewidth=1.0)
    ax.margins(y=0.12)
    ax.set_xticks(range(len(MISLED)), [MISLED_NAMES.get(level, level) for level in MISLED])
    ax.set_ylabel("reward")
    ax.grid(axis="x", visible=False)
    legend(drawing, ax)
    return drawing, table(rows)


LADDER = Figure(
    "ladder",
    "Reward of every policy, by what it knows",
    "A row for each kind of policy, a marker for each level of knowledge, with 95 % intervals; further right is "
    "better. Above: references that know the truth, and rules that decide for all users at once; middle: trained "
    "agents; below: rules. Only policies with the same marker know the same. The axis above counts from the random "
    "rule (0 %) to the slot-reference (100 %); references and central rules play the first of the episodes only.",
    ("evaluation",),
    ladder,
)
LATENCY_CDF = Figure(
    "latency_cdf",
    "Distribution of latency",
    "Share of all tasks, local ones too, that are done within a latency; further left is better. Quantiles from 1 % to "
    "99 % of an episode's tasks, averaged over episodes and seeds.",
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
    "Reward with a twin, with a twin whose every mirror shows another server, and without one; with 95 % intervals. "
    "The agents were trained with the true twin and then misled. A bar below `none` says that believing a wrong twin "
    "is worse than having none.",
    ("evaluation", "misleading"),
    misleading,
)
