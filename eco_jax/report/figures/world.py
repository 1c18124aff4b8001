"""Other worlds: slower CPUs, more users, sparser positions, other weights, other physics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eco_jax import metrics as m
from eco_jax.env.config import TELEMETRY, TWIN, WITHOUT_TWIN
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.report.figures.figure import (
    FEW,
    Columns,
    Figure,
    MissingError,
    Results,
    Sweep,
    difference,
    interval,
    relative,
    spread,
    table,
)
from eco_jax.report.figures.style import NAMES, ORDER, STYLES, THIN, canvas, evenly, legend, points, reach, side_by_side
from eco_jax.study import names
from eco_jax.study.names import AGENTS, LEVEL, POINT, RULE, at, of
from eco_jax.study.play import by_policy
from eco_jax.study.profile import LADDER
from eco_jax.study.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


class Shown(NamedTuple):
    """A metric in a figure, in a unit of its own."""

    metric: m.Metric
    unit: str
    scale: float
    """units in one of the metric's"""
    ending: str
    """of its name in the CSV"""
    less: str = ""
    """the level whose own value is taken off, paired on the same episodes; the levels above it are shown"""
    linear: float = 0.0
    """in the unit: beyond it the axis is logarithmic; 0: nowhere"""

    @property
    def label(self) -> str:
        """In words, as an axis has it."""
        words = f"{self.metric.label} over {self.less}" if self.less else self.metric.label
        return f"{words}, {self.unit}" if self.unit else words

    @property
    def column(self) -> str:
        """Name in the CSV."""
        return f"{self.metric}{self.ending}"


ENERGY = Shown(m.ENERGY, "mJ", 1e3, "_mj")
LATENCY = Shown(m.LATENCY, "ms", 1e3, "_ms")
QOE = Shown(m.QOE, "%", 100.0, "_percent")
REWARD = Shown(m.REWARD, "", 1.0, "")
GAINED = Shown(m.REWARD, "‰", 1e3, f"_over_{TELEMETRY}_1e-3", TELEMETRY, linear=30.0)
MIGRATIONS = Shown(m.MIGRATIONS, "%", 100.0, "_per_100_tasks")


def _along(
    results: Results, part: str, field: str, xlabel: str, shown: Sequence[Shown], even: bool
) -> tuple["Drawing", Columns]:
    """Metrics of agents (points with intervals) and of the rule (thin lines) along a field, a panel a metric."""
    sweep = results.sweep(part)
    levels = [level for level in ORDER if level in sweep.levels]
    if not levels:
        raise MissingError("no level")
    every = sorted({value for level in levels for value in sweep.values(field, level)})
    shown = [what for what in shown if not what.less or what.less in levels]
    wide = len(shown) <= 2
    drawing, axes = canvas(2.9 if wide else 1.0 + 1.5 * len(shown), *((1, len(shown)) if wide else (len(shown), 1)))
    shifts = side_by_side(len(levels), 0.15 * (1.0 if even else np.diff([*every, every[-1] + 1.0]).min()))
    rows = []
    for ax, what in zip(axes.flat, shown, strict=True):
        if what.less:
            ax.axhline(0.0, color="black", linewidth=1.0, zorder=1)
        for level, shift in zip(levels, shifts, strict=True):
            if what.less and level not in LADDER[: LADDER.index(what.less)]:
                continue
            values = sweep.values(field, level)
            x = np.array([every.index(value) if even else value for value in values]) + shift
            for who in (RULE, AGENTS):
                found = [measured(sweep, of(who, what.metric), level, field, value, what.less) for value in values]
                if who == AGENTS:
                    points(ax, x, found, what.scale, label=NAMES[level], markersize=3.5, **STYLES[level])
                else:
                    ax.plot(x - shift, [what.scale * f.mean for f in found], alpha=0.8, **(STYLES[level] | THIN))
                rows += [
                    {"metric": what.column, "level": level, field: value, "policy": results.who(who)}
                    | spread(f, what.scale)
                    for value, f in zip(values, found, strict=True)
                ]
        if even:
            evenly(ax, every)
        else:
            ax.set_xticks(every)
        ax.set_ylabel(what.label)
        if what.linear:
            _cramped_above(ax, what.linear)
        if wide or ax is axes[-1, 0]:
            ax.set_xlabel(xlabel)
    axes.flat[0].errorbar(
        [], [], color="black", linewidth=0.9, marker="x", markersize=3.5, label=f"thin: rule {FORESIGHT}"
    )
    drawing.align_ylabels()
    legend(drawing, axes.flat[0])
    return drawing, table(rows)


def _cramped_above(ax: "Axes", linear: float) -> None:
    """Linear in the middle and logarithmic beyond, where single points are many times as large as all others."""
    ax.set_yscale("symlog", linthresh=linear, linscale=2.0)
    low, high = ax.dataLim.intervaly
    low, high = min(1.3 * low, -0.1 * linear), max(1.3 * high, linear)
    ax.set_ylim(low, high)
    ticks = linear * np.array([-30, -10, -3, -1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1, 3, 10, 30])
    ax.set_yticks([tick for tick in ticks if low <= tick <= high])
    ax.set_yticks([], minor=True)
    ax.yaxis.set_major_formatter("{x:g}")


def measured(sweep: Sweep, name: str, level: str, field: str, value: float, less: str) -> Interval:
    """A metric of a level at a point, or what it has more than another level there."""
    own = sweep.at(name, level, field, value)
    return difference(own, sweep.at(name, less, field, value)) if less else interval(own)


def slowdown(results: Results) -> tuple["Drawing", Columns]:
    """Energy and QoE over the mean slowdown."""
    return _along(results, "slowdown", "slowdown_mean", "mean slowdown", (ENERGY, QOE), even=False)


def users(results: Results) -> tuple["Drawing", Columns]:
    """Energy, QoE, and what is earned over telemetry, over the number of users."""
    return _along(results, "users", "users", "users", (ENERGY, QOE, GAINED), even=True)


def fixes(results: Results) -> tuple["Drawing", Columns]:
    """Reward and migrations over the gap between position fixes."""
    return _along(results, "fixes", "fix_every", "slots between fixes", (REWARD, MIGRATIONS), even=True)


WEIGHTED = (("#0072B2", "o"), ("#D55E00", "^"), ("#009E73", "s"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"))
"""Colour and marker of each choice of weights."""


def weights(results: Results) -> tuple["Drawing", Columns]:
    """Latency and QoE against energy, agents trained for other weights."""
    part = results.done["weights"]
    drawing, axes = canvas(3.0, 1, 2)
    rows = []
    for i in np.flatnonzero(part[LEVEL] == TWIN):
        name = ":".join(f"{part[of(POINT, f'w{k}')][i]:g}" for k in (1, 2, 3))
        color, marker = WEIGHTED[i % len(WEIGHTED)]
        for who in (AGENTS, RULE):
            found = {what: interval(part[of(who, what.metric)][i]) for what in (ENERGY, LATENCY, QOE)}
            energy = found[ENERGY]
            for ax, what in zip(axes[0], (LATENCY, QOE), strict=True):
                ax.errorbar(
                    1e3 * energy.mean, what.scale * found[what].mean, xerr=reach([energy], 1e3),
                    yerr=reach([found[what]], what.scale), color=color, marker=marker, linestyle="",
                    elinewidth=0.9, capsize=2.0, markerfacecolor=color if who == AGENTS else "white",
                    label=name if who == AGENTS else None,
                )  # fmt: skip
            rows += [
                {"weights": name, "policy": results.who(who), "metric": what.column, **spread(f, what.scale)}
                for what, f in found.items()
            ]
    if not rows:
        raise MissingError("no twin")
    for ax, what in zip(axes[0], (LATENCY, QOE), strict=True):
        ax.set_xlabel(ENERGY.label)
        ax.set_ylabel(what.label)
    axes[0, 0].errorbar(
        [], [], color="black", marker="o", linestyle="", markerfacecolor="white", label=f"hollow: rule {FORESIGHT}"
    )
    legend(drawing, axes[0, 0], 3)
    drawing.legends[0].set_title(f"weights {m.LATENCY.head} : {m.ENERGY.head} : {m.QOE.head}")
    return drawing, table(rows)


CLAIMED = (m.ENERGY, m.QOE)
"""Of which the paper claims that a twin betters them."""


def compared(results: Results) -> dict[str, dict[str, dict[str, Any]]]:
    """World -> level -> metric -> values of the agents there; the study's own first."""
    worlds: dict[str, dict[str, dict[str, Any]]] = {}
    if "evaluation" in results.done:
        played = by_policy(dict(results.done["evaluation"]))
        worlds["usual world"] = {
            level: played[results.agent(level)] for level in ORDER if results.agent(level) in played
        }
    for part, arrays in results.done.items():
        if part.startswith(at(names.CHECK, "")):
            where = {str(level): i for i, level in enumerate(arrays[LEVEL])}
            worlds[part.removeprefix(at(names.CHECK, "")).replace("-", " ")] = {
                level: {metric: arrays[of(AGENTS, metric)][i] for metric in CLAIMED} for level, i in where.items()
            }
    return worlds


def checks(results: Results) -> tuple["Drawing", Columns]:
    """Energy and QoE of the twin against the other levels, in every world."""
    worlds = compared(results)
    against = [level for level in ORDER if level in WITHOUT_TWIN]
    drawing, axes = canvas(1.5 + 0.42 * len(worlds), 1, 2, sharey=True)
    rows = []
    for ax, metric in zip(axes[0], CLAIMED, strict=True):
        ax.axvline(0.0, color="black", linewidth=1.0, zorder=1)
        for level, shift in zip(against, side_by_side(len(against), 0.22), strict=True):
            found = {
                world: relative(there[TWIN][metric], there[level][metric])
                for world, there in worlds.items()
                if TWIN in there and level in there
            }
            if not found:
                continue
            y = [list(worlds).index(world) + shift for world in found]
            style = {name: value for name, value in STYLES[level].items() if name != "linestyle"}
            ax.errorbar(
                [100.0 * f.mean for f in found.values()], y, xerr=reach(list(found.values()), 100.0), linestyle="",
                elinewidth=0.9, capsize=2.0, markersize=3.5, label=f"against {level}", **style,
            )  # fmt: skip
            rows += [
                {"world": world, "metric": metric, "against": level, **spread(f, 100.0)} for world, f in found.items()
            ]
        ax.set_xlabel(f"{metric.head}, % more")
        ax.grid(axis="y", visible=False)
    if not rows:
        raise MissingError("no world with and without a twin")
    axes[0, 0].set_yticks(range(len(worlds)), list(worlds))
    axes[0, 0].set_ylim(len(worlds) - 0.5, -0.5)
    legend(drawing, axes[0, 0])
    return drawing, table(rows)


SLOWDOWN = Figure(
    "slowdown",
    "Energy and QoE over the CPUs' slowdown",
    "Energy per task and quality of experience where CPUs are slowed down more or less on average (0.5: half of the "
    "nominal rate is lost). Points: the agents of the table taken there as they are, with 95 % intervals; thin lines: "
    f"the rule `{FORESIGHT}`. Look whether the order of the levels stays.",
    ("slowdown",),
    slowdown,
)
USERS = Figure(
    "users",
    "From few users to many",
    "Energy per task and quality of experience with other numbers of users on the same servers, and below what agents "
    f"and rule earn more than those of `{TELEMETRY}`, in thousandths of reward, paired on the same episodes. Points: "
    f"the table's agents, taken there as they are, with 95 % intervals; thin lines: the rule `{FORESIGHT}`. "
    f"Lower is better in the first panel, higher in the others; beyond {GAINED.linear:g} thousandths the last one is "
    "logarithmic. Values are evenly spaced.",
    ("users",),
    users,
)
FIXES = Figure(
    "fixes",
    "Sparser position fixes",
    "Reward and migrations where a user's position is known only every few slots. Points: the agents of the table "
    f"taken there as they are, with 95 % intervals; thin lines: the rule `{FORESIGHT}`. A flat line says that fresh "
    "positions matter little. Values are evenly spaced.",
    ("fixes",),
    fixes,
)
WEIGHTS = Figure(
    "weights",
    "What other weights buy (agents with a twin)",
    "Latency (left, lower is better) and quality of experience (right, higher is better) against energy per task. One "
    "colour and marker for each choice of weights of latency, energy and QoE in the reward: agents trained for them "
    f"(full), and the rule `{FORESIGHT}` with them (hollow); with 95 % intervals. {FEW}",
    ("weights",),
    weights,
)
CHECKS = Figure(
    "checks",
    "Do the claims survive in other worlds?",
    "Energy (left, below 0 is better) and quality of experience (right, above 0 is better) of agents with a twin, in % "
    "of those of agents without one, trained anew in each world; with 95 % intervals. A claim holds in a world where "
    "the whole interval lies on its side of the zero line.",
    (),
    checks,
    one_of=(at(names.CHECK, "*"),),
)
