"""Agents of other algorithms, networks and designs beside the study's own, at `twin`."""

from typing import TYPE_CHECKING, Any

import numpy as np

from eco_jax.env.config import TWIN
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.metrics import REWARD
from eco_jax.report.figures.column import SERIES
from eco_jax.report.figures.figure import FEW, Columns, Figure, Results, difference, learner_curve, spread, table
from eco_jax.report.figures.style import canvas, legend, reach
from eco_jax.study import ablations, names
from eco_jax.study.assumptions import VALUE, WHAT
from eco_jax.study.learners import declared
from eco_jax.study.names import AGENTS, RULE, at, of
from eco_jax.study.statistics import Interval, interquartile_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

OF_INTEREST = 0.005
"""The smallest difference of reward that `claims.toml` takes an interest in."""
SMOOTH = 40
"""Points of a curve."""


def learners(results: Results) -> tuple["Drawing", Columns]:
    """Reward while training, and what each earns more than the study's own agents on the same episodes."""
    played, per_episode = results.played, max(1, results.horizon // results.rollout)
    there = [name for name in declared() if at(name, TWIN) in played]
    curves = {results.algorithm.name: results.curve(TWIN, REWARD)} | {
        name: learner_curve(results.done, name, per_episode) for name in there
    }
    drawing, axes = canvas(2.5 + 0.2 * len(there), 2, height_ratios=[2.2, 0.35 + 0.25 * len(there)])
    learning, ax = axes[:, 0]
    looks = dict(zip(curves, SERIES, strict=False))
    for name, curve in curves.items():
        parts = np.array_split(np.arange(len(curve)), min(SMOOTH, len(curve)))
        line = [interquartile_mean(curve[part].mean(axis=0)) for part in parts]
        learning.plot([part.mean() + 1 for part in parts], line, label=name, markevery=8, linewidth=1.2, **looks[name])
    learning.set(xlabel=f"episode ({results.horizon} slots in every environment)", ylabel=f"{REWARD.label}, training")
    learning.margins(x=0.01)
    learning.set_ylim(bottom=min(0.15, max(float(curve[-1].min()) for curve in curves.values()) - 0.1))
    own = played[results.agent(TWIN)][REWARD]
    found = {name: difference(played[at(name, TWIN)][REWARD], own) for name in there}
    for row, (name, f) in enumerate(found.items()):
        _point(ax, row, f, looks[name])
    _rows(ax, there)
    ax.set_xlabel(f"{REWARD.label} less {results.algorithm.name}'s, thousandths")
    legend(drawing, learning, columns=3)
    return drawing, table({"agents": name, **spread(f)} for name, f in found.items())


def _point(axes: "Axes", row: float, found: Interval, look: dict[str, Any], **more: Any) -> None:
    """A difference with its interval, in thousandths."""
    style = {name: value for name, value in look.items() if name != "linestyle"} | more
    axes.errorbar(
        [1e3 * found.mean], [row], xerr=reach([found], 1e3), linestyle="", capsize=2.0, elinewidth=0.9, **style
    )


def _rows(axes: "Axes", labels: list[str]) -> None:
    """Rows from the top; the band is what no one takes an interest in."""
    axes.axvspan(-1e3 * OF_INTEREST, 1e3 * OF_INTEREST, color="#000000", alpha=0.08, linewidth=0)
    axes.axvline(0.0, color="black", linewidth=1.0, zorder=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def designs(results: Results) -> tuple["Drawing", Columns]:
    """What another design of the agents changes, and what it changes for a rule."""
    part = results.done[ablations.NAME]
    worlds = list(zip(part[WHAT].tolist(), part[VALUE].tolist(), strict=True))
    labels = [f"{what}: {value}" for what, value in worlds[1:]]
    drawing, axes = canvas(1.1 + 0.22 * len(labels))
    ax, rows = axes[0, 0], []
    for (who, label, shift), look in zip(
        ((AGENTS, "agents, trained so", -0.12), (RULE, f"rule {FORESIGHT}", 0.12)), SERIES, strict=False
    ):
        reward = part[of(who, REWARD)]
        for row, (what, value) in enumerate(worlds[1:]):
            found = difference(reward[row + 1], reward[0])
            hollow: dict[str, Any] = {} if who == AGENTS else {"markerfacecolor": "white"}
            _point(ax, row + shift, found, look, label=label if row == 0 else None, **hollow)
            rows.append({"what": what, "value": value, "who": results.who(who), **spread(found)})
    _rows(ax, labels)
    ax.set_xlabel(f"{REWARD.label} more than as it is, thousandths")
    legend(drawing, ax)
    return drawing, table(rows)


LEARNERS = Figure(
    "learners",
    f"Other algorithms and networks at {TWIN}",
    "Above: reward while training, sampled actions, interquartile mean over the seeds; its axis does not begin at 0. "
    "Below: what the trained agents earn more than the study's own, with their most likely actions, paired on the same "
    "episodes, with 95 % intervals. "
    f"Grey: differences below {1e3 * OF_INTEREST:g} thousandths, which are of no interest. All learn from as many "
    "steps and are tuned with as many trials; the time that a step takes differs.",
    (),
    learners,
    (names.played("*"),),
)
DESIGNS = Figure(
    ablations.NAME,
    "What the agents' design is worth",
    "What agents earn more where one choice is another one, paired on the same episodes, with 95 % intervals: how many "
    "of the nearest servers they choose among, whose reward they learn from (as it is: the difference that a user "
    f"makes to all), and into which shares a task may be cut. Hollow: the rule `{FORESIGHT}` there, which learns "
    f"from no reward. Grey: below {1e3 * OF_INTEREST:g} thousandths. {FEW}",
    (ablations.NAME,),
    designs,
)
