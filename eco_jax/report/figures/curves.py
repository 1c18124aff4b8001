"""Learning curves of runs: one line a run, a band over its seeds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.metrics import Metric
from eco_jax.report.figures.column import SERIES, axis_label, label_x, legend_below, panels, scale_of
from eco_jax.report.figures.figure import Columns, Values
from eco_jax.study.statistics import interquartile_mean, over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

BANDS = {
    "ci": "95 % bootstrap intervals over the seeds",
    "minmax": "from the lowest to the highest seed",
    "seeds": "thin lines are the single seeds",
}
"""What is drawn around a line -> in words."""


class Curve(NamedTuple):
    """A run while it is trained."""

    label: str
    x: NDArray[np.floating]
    """[updates]"""
    values: Mapping[str, Values]
    """metric -> [updates, seeds]"""


def smoothed(values: Values, updates: int) -> Values:
    """Means over a window of so many updates around each; at both ends over what there is of it.

    Args:
        values: [updates, seeds].
        updates: of the window.
    """
    if updates <= 1 or not len(values):
        return values
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    at = np.arange(len(values))
    first = np.maximum(at - (updates - 1) // 2, 0)
    last = np.minimum(at + updates // 2 + 1, len(values))
    return (sums[last] - sums[first]) / (last - first)[:, None]


def learning_curves(
    runs: Sequence[Curve], metrics: Sequence[Metric], x_label: str, width: float, height: float | None = None,
    band: str = "ci", smooth: int = 1,
) -> tuple["Drawing", Columns]:  # fmt: skip
    """A panel a metric, a line a run.

    Args:
        runs: at most as many as there are styles.
        metrics: that all of them have.
        x_label: of the axis.
        width: inches.
        height: inches; None for a fitting one.
        band: one of `BANDS`.
        smooth: updates of the running mean.

    Returns:
        The figure, and its numbers: run, metric, x, mean, low, high.
    """
    made, axes = panels(len(metrics), width, height, 1.75, 0.25 + 0.16 * len(runs), sharex=True)
    rows: list[Columns] = []
    for ax, metric in zip(axes, metrics, strict=True):
        every = np.concatenate([run.values[metric].ravel() for run in runs])
        scale, label = scale_of(metric, every)
        for i, (run, style) in enumerate(zip(runs, SERIES, strict=False)):
            curve = scale * smoothed(run.values[metric], smooth)
            rows.append(
                _line(ax, run, curve, band, style, i / len(runs)) | {"metric": np.full(len(curve), str(metric))}
            )
        ax.set_ylabel(axis_label(label, 1.5))
        ax.margins(x=0.01)
        ax.set_xlim(left=0.0)
    label_x(axes, x_label)
    if len(runs) > 1:
        legend_below(made, *axes[0].get_legend_handles_labels())
    names = ("run", "metric", "x", "mean", "low", "high")
    return made, {name: np.concatenate([row[name] for row in rows]) for name in names}


def _line(axes: "Axes", run: Curve, curve: Values, band: str, style: dict[str, Any], shift: float) -> Columns:
    """The interquartile mean over the seeds, and what is around it. Returns the numbers."""
    lone = curve.shape[1] == 1
    mean, low, high = over_seeds(curve) if band == "ci" else (interquartile_mean(curve, axis=1), *_ends(curve))
    if band == "seeds" and not lone:
        axes.plot(run.x, curve, color=style["color"], linewidth=0.5, alpha=0.45)
    elif not lone:
        axes.fill_between(run.x, low, high, color=style["color"], alpha=0.2, linewidth=0)
    apart = max(1, len(curve) // 6)
    marks = (int(shift * apart), apart)
    axes.plot(run.x, mean, linewidth=1.3, label=run.label, markevery=marks, **style)
    found = {"x": run.x, "mean": mean, "low": low, "high": high}
    return {"run": np.full(len(curve), run.label), **found}


def _ends(curve: Values) -> tuple[Values, Values]:
    return (curve.min(axis=1), curve.max(axis=1)) if curve.size else (curve[:, 0], curve[:, 0])
