"""Every figure of the report: in the paper's form where the paper has it, and beyond.

A figure is a `Figure`: what it needs, what it says, and a function that draws it from `Results`. A new one is written
in the file that it belongs to and listed in `FIGURES`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from eco_jax.agent.algorithms import A2C, Algorithm
from eco_jax.report.figures.assumptions import ASSUMPTIONS
from eco_jax.report.figures.figure import Figure, MissingError, Results, by_episode, learner_curve
from eco_jax.report.figures.learners import DESIGNS, LEARNERS
from eco_jax.report.figures.paper import FIG2A, FIG2B, FIG3A, FIG3B
from eco_jax.report.figures.policies import ENERGY_TERMS, LADDER, LATENCY_CDF, MISLEADING
from eco_jax.report.figures.style import drawing, save, save_columns
from eco_jax.report.figures.value import SYNC_RATE, VALUE
from eco_jax.report.figures.world import CHECKS, FIXES, SLOWDOWN, USERS, WEIGHTS

__all__ = ["FIGURES", "Figure", "MissingError", "Results", "by_episode", "learner_curve", "write"]

FIGURES: tuple[Figure, ...] = (
    FIG2A, FIG2B, FIG3A, FIG3B, VALUE, ASSUMPTIONS, LADDER, LEARNERS, DESIGNS, LATENCY_CDF, ENERGY_TERMS, SLOWDOWN,
    USERS, SYNC_RATE, WEIGHTS, MISLEADING, FIXES, CHECKS,
)  # fmt: skip
"""In the order of the report."""


def write(
    out: Path, done: Mapping[str, Mapping[str, NDArray[Any]]], horizon: int, rollout: int,
    algorithm: type[Algorithm] = A2C, correlation: float = Results.correlation,
) -> list[Figure]:  # fmt: skip
    """Draw every figure whose parts are done: `NAME.png`, `NAME.pdf` and `NAME.csv`. The same data, the same bytes.

    Args:
        out: folder, made where it is missing.
        done: finished parts of the study.
        horizon: slots of an episode.
        rollout: slots of an update.
        algorithm: of the agents.
        correlation: of the slowdowns in the study's own world.

    Returns:
        Those drawn, in the order of the report.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = Results(done, horizon, rollout, algorithm, correlation)
    drawn: list[Figure] = []
    for figure in FIGURES:
        if not figure.ready(done):
            continue
        with drawing():
            try:
                drawn_one, columns = figure.draw(results)
            except MissingError:
                continue
            drawn_one.suptitle(figure.title)
            save(drawn_one, out / f"{figure.name}.png")
        save_columns(columns, out / f"{figure.name}.csv")
        drawn.append(figure)
    return drawn
