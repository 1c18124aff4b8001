"""What a twin is worth in worlds that differ in one assumption each."""

from typing import TYPE_CHECKING

import numpy as np

from eco_jax.env.config import STEPS
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.metrics import REWARD
from eco_jax.report.figures.figure import Columns, Figure, Results, difference, spread, table
from eco_jax.report.figures.style import STYLES, canvas, reach
from eco_jax.study.assumptions import NAME, USUAL, VALUE, WHAT
from eco_jax.study.names import LEVEL, RULE, of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


SHORT = 11
"""Letters that a title has room for."""


def assumptions(results: Results) -> tuple["Drawing", Columns]:
    """The three parts of the twin's worth in each world: a rule, paired on the same episodes."""
    part = results.done[NAME]
    worlds = list(dict.fromkeys(zip(part[WHAT].tolist(), part[VALUE].tolist(), strict=True)))
    names = [USUAL if what == USUAL else f"{what}: {value}" for what, value in worlds]
    drawing, axes = canvas(0.9 + 0.17 * len(worlds), 1, len(STEPS), sharey=True)
    y = np.arange(len(worlds))
    rows = []
    for ax, (step, (level, below)) in zip(axes[0], STEPS.items(), strict=True):
        found = []
        for what, value in worlds:
            here = (part[WHAT] == what) & (part[VALUE] == value)
            new, old = (part[of(RULE, REWARD)][here & (part[LEVEL] == at)][0] for at in (level, below))
            found.append(difference(new, old))
            rows.append({"what": what, "value": value, "part": step, **spread(found[-1])})
        look = {"color": STYLES[level]["color"], "marker": STYLES[level]["marker"], "linestyle": ""}
        ax.axvline(0.0, color="black", linewidth=1.0, zorder=1)
        ax.axvline(1e3 * found[0].mean, color=look["color"], linewidth=0.8, linestyle=":", zorder=1)
        ax.errorbar(
            [1e3 * f.mean for f in found],
            y,
            xerr=reach(found, 1e3),
            capsize=1.5,
            elinewidth=0.8,
            markersize=3.5,
            **look,
        )
        ax.set_title(step if len(step) < SHORT else f"{step[: SHORT - 6]}.")
        ax.locator_params(axis="x", nbins=2)
    axes[0, 0].set_yticks(y, names)
    axes[0, 0].set_ylim(len(worlds) - 0.4, -0.6)
    axes[0, 1].set_xlabel(f"{REWARD.label} gained, thousandths")
    return drawing, table(rows)


ASSUMPTIONS = Figure(
    NAME,
    "What a twin is worth under other assumptions",
    f"What the rule `{FORESIGHT}` gains by each step of the ladder, with 95 % intervals over paired episodes, in "
    "worlds that differ from the study's in one assumption each; the dotted line is the study's own world. Each panel "
    "has a scale of its own. When the rule synchronises is tuned in each world, its other numbers in the study's.",
    (NAME,),
    assumptions,
)
