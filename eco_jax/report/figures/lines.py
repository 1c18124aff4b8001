"""A metric over a number: points with intervals, a line a series."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.env.config import KNOWLEDGE
from eco_jax.metrics import Metric
from eco_jax.report.figures.column import SERIES, axis_label, label_x, legend_below, panels, scale_of
from eco_jax.report.figures.figure import Columns, spread, table
from eco_jax.report.figures.style import STYLES, points
from eco_jax.study.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


class Series(NamedTuple):
    """One line."""

    label: str
    x: Sequence[float]
    found: Mapping[str, Sequence[Interval]]
    """metric -> an interval at each x"""


def looks(labels: Sequence[str]) -> list[dict[str, Any]]:
    """A style for each series: that of the report where all of them are levels of knowledge."""
    if all(label in KNOWLEDGE for label in labels):
        return [STYLES[label] for label in labels]
    return list(SERIES[: len(labels)])


def beside(series: Sequence[Series], log: bool) -> list[NDArray[np.floating]]:
    """Where the points of each series are drawn: a little beside one another, so that no interval hides another."""
    every = np.concatenate([np.asarray(line.x, float) for line in series])
    every = np.log(every) if log else every
    shifts = 0.01 * float(np.ptp(every)) * (np.arange(len(series)) - (len(series) - 1) / 2)
    where = [(np.log(line.x) if log else np.asarray(line.x, float)) + s for line, s in zip(series, shifts, strict=True)]
    return [np.exp(x) if log else x for x in where]


def over(
    series: Sequence[Series], metrics: Sequence[Metric], x_label: str, width: float, height: float | None = None,
    log: bool = False,
) -> tuple["Drawing", Columns]:  # fmt: skip
    """A panel a metric, a line a series.

    Args:
        series: at most as many as there are styles.
        metrics: that all of them have.
        x_label: of the axis.
        width: inches.
        height: inches; None for a fitting one.
        log: whether x is on a logarithmic axis.

    Returns:
        The figure, and its numbers.
    """
    made, axes = panels(len(metrics), width, height, 1.75, 0.25 + 0.16 * len(series), sharex=True)
    rows, apart = [], beside(series, log)
    for ax, metric in zip(axes, metrics, strict=True):
        scale, label = scale_of(metric, np.array([f.mean for line in series for f in line.found[metric]]))
        for i, (line, style) in enumerate(zip(series, looks([line.label for line in series]), strict=True)):
            points(ax, apart[i], line.found[metric], scale, label=line.label, markersize=3.8, **style)
            rows += [
                {"series": line.label, "metric": str(metric), "x": x, **spread(f)}
                for x, f in zip(line.x, line.found[metric], strict=True)
            ]
        ax.set_ylabel(axis_label(label, 1.5))
        if log:
            ax.set_xscale("log")
    label_x(axes, axis_label(x_label, width / axes[0].get_subplotspec().get_gridspec().ncols - 0.6))
    if len(series) > 1:
        legend_below(made, *axes[0].get_legend_handles_labels())
    return made, table(rows)
