"""How figures look: readable in print, in grey, and with every common colour blindness."""

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.env.config import FORECAST, NONE, TELEMETRY, TRUTH, TWIN
from eco_jax.env.policies.rules import LOCAL, NEAREST, NEAREST_HALF
from eco_jax.files import whole, write_whole
from eco_jax.study import names
from eco_jax.study.profile import LADDER, LEVELS
from eco_jax.study.statistics import Interval, interquartile_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

WIDTH = 3.5
"""inches: one column of a journal, where 8 pt are 8 pt"""
RC: Any = {
    "font.size": 8, "axes.labelsize": 8, "axes.titlesize": 8, "legend.fontsize": 8, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "figure.titlesize": 9.5, "legend.title_fontsize": 8,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.7, "axes.grid": True, "grid.alpha": 0.3, "grid.linewidth": 0.5, "axes.axisbelow": True,
    "legend.frameon": False, "lines.markersize": 4.5, "pdf.fonttype": 42, "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
}  # fmt: skip

NAMES: dict[str, str] = {
    TRUTH: f"{TRUTH} (ref.)",
    TWIN: f"{TWIN} (EcoEdgeTwin)",
    FORECAST: f"{FORECAST}, no twin",
    TELEMETRY: f"{TELEMETRY}, no twin",
    NONE: f"{NONE} (benchmark)",
    names.FULL_MEASUREMENT: "all measured (ref.)",
}
"""Levels of knowledge, and what the references of `names.MEASURES_ALL` know, in words."""
# Okabe-Ito colours; line styles and markers tell them apart in grey.
STYLES: dict[str, dict[str, Any]] = {
    TRUTH: {"color": "#555555", "linestyle": ":", "marker": "D"},
    TWIN: {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    FORECAST: {"color": "#CC79A7", "linestyle": (0, (4, 1, 1, 1, 1, 1)), "marker": "v"},
    TELEMETRY: {"color": "#009E73", "linestyle": "--", "marker": "s"},
    NONE: {"color": "#D55E00", "linestyle": "-.", "marker": "^"},
    names.FULL_MEASUREMENT: {"color": "#E69F00", "linestyle": (0, (1, 3)), "marker": "P"},
}
ORDER = (*LADDER, *(level for level in LEVELS if level not in LADDER))
"""In legends."""
POLICIES = {
    LOCAL: "local only",
    NEAREST: "nearest, all",
    NEAREST_HALF: "nearest, half",
    names.SLOT_REFERENCE_CACHING: f"{names.SLOT_REFERENCE}, replicas",
    names.UPPER_BOUND: "upper bound",
    names.FULL_MEASUREMENT: "full measurement",
    names.BOUND_BELIEF: "bound, fully measured",
}
"""Policies without a level of knowledge in their names that have other words."""
THIN: dict[str, Any] = {"linewidth": 0.9, "marker": "x", "markersize": 3.5}
"""What sets a rule apart from an agent of the same level."""


@contextmanager
def drawing(rc: Mapping[str, Any] = RC) -> Iterator[None]:
    """Matplotlib's own defaults and `rc` over them, whatever the user's settings are. Needs no screen.

    To be drawn and saved within: a `matplotlib.figure.Figure`, never pyplot, which would ask for a backend.
    """
    backend = os.environ.pop("MPLBACKEND", None)  # the import fails where it names none that is there
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    plain: Any = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with matplotlib.rc_context(plain | dict(rc)):
        yield


def canvas(height: float, rows: int = 1, columns: int = 1, **settings: Any) -> tuple["Drawing", NDArray[Any]]:
    """A figure `height` inches high, and its axes [rows, columns]."""
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(WIDTH, height), layout="constrained")
    return drawing, drawing.subplots(rows, columns, squeeze=False, **settings)


def legend(drawing: "Drawing", axes: "Axes", columns: int = 2) -> None:
    """The legend of `axes`, below the figure: never over data."""
    handles, labels = axes.get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=columns)


def band(axes: "Axes", x: NDArray[Any], curve: NDArray[np.floating], label: str, style: dict[str, Any]) -> None:
    """A line, the interquartile mean over seeds, and a band from their 10 % to their 90 % quantile [x, seeds]."""
    line = {"linewidth": 1.6} | {name: value for name, value in style.items() if name != "marker"}
    axes.plot(x, interquartile_mean(curve, axis=1), label=label, **line)
    low, high = np.quantile(curve, (0.1, 0.9), axis=1)
    axes.fill_between(x, low, high, color=style["color"], alpha=0.18, linewidth=0)


def reach(found: Sequence[Interval], scale: float = 1.0) -> NDArray[np.floating]:
    """Lengths of error bars [2, points], nothing where an interval has no end."""
    sides = scale * np.array([(f.mean - f.lo, f.hi - f.mean) for f in found]).T
    return np.where(np.isfinite(sides), np.maximum(sides, 0.0), 0.0)


def points(
    axes: "Axes", x: Sequence[float] | NDArray[Any], found: Sequence[Interval], scale: float = 1.0, **style: Any
) -> None:
    """Points over x with their intervals, joined by a line."""
    bars = {"capsize": 2.0, "elinewidth": 0.9, "linewidth": 1.4} | style
    axes.errorbar(x, [scale * f.mean for f in found], yerr=reach(found, scale), **bars)


def side_by_side(count: int, step: float) -> NDArray[np.floating]:
    """Shifts `step` apart around 0, so that levels do not hide one another."""
    return step * (np.arange(count) - (count - 1) / 2)


def evenly(axes: "Axes", values: Sequence[float]) -> None:
    """Label the positions 0, 1, 2, ... with these values: evenly spaced whatever they are."""
    labels = [f"{value:g}".replace("0.", ".", 1) if 0.0 < value < 1.0 else f"{value:g}" for value in values]
    grid = axes.get_gridspec()
    every = 2 if grid and grid.ncols > 1 and len(values) > 5 else 1  # two panels side by side have no room for more
    axes.set_xticks(range(len(values)), [label if (i + 1) % every == 0 else "" for i, label in enumerate(labels)])
    axes.set_xlim(-0.45, max(len(values), 2) - 0.55)


def split(name: str) -> tuple[str, str]:
    """A policy's kind, and the level that it knows ("" for those that use none), or what else it does (`NAMES`)."""
    if name in names.KNOWS_TRUTH:
        return name, TRUTH
    if name in names.MEASURES_ALL:
        return name, names.FULL_MEASUREMENT
    kind, _, level = name.rpartition("-")
    return (kind, level) if level in LEVELS else (name, "")


def policy_name(name: str, algorithm: str) -> str:
    """A policy of the study in words, where agents learn by this algorithm."""
    kind, level = split(name)
    words = "agent" if kind == algorithm else POLICIES.get(kind, kind)
    return f"{words}, {level}" if level and name not in (*names.KNOWS_TRUTH, *names.MEASURES_ALL) else words


def save(drawing: "Drawing", path: Path) -> None:
    """PNG and PDF at `path` with these endings, each whole or not at all."""
    with whole(path.with_suffix(".png")) as part:
        drawing.savefig(part, dpi=160, format="png")
    drawing.set_layout_engine("none")  # the PDF keeps the layout: finding it again takes most of the time
    with whole(path.with_suffix(".pdf")) as part:
        # Without a date in it, the same data make the same bytes.
        drawing.savefig(part, dpi=300, format="pdf", metadata={"CreationDate": None})


def save_columns(columns: dict[str, NDArray[Any]], path: Path) -> None:
    """The columns as CSV, six digits of every number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_cells(column) for column in columns.values()), strict=True))
    write_whole(path, text.getvalue())


def _cells(column: NDArray[Any]) -> Iterable[str]:
    return (f"{x:.6g}" for x in column.tolist()) if column.dtype.kind == "f" else map(str, column.tolist())
