"""Figures of one's own, as wide as a column of a journal: what is 8 pt here is 8 pt in the file."""

import shutil
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.env.parts import COST
from eco_jax.errors import UserError, shown
from eco_jax.files import check_output, whole
from eco_jax.metrics import Metric
from eco_jax.parts import registered
from eco_jax.report.figures.style import RC, drawing
from eco_jax.run.config import FIXED
from eco_jax.settings import specs

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure as Drawing

COLUMN, PAGE = 3.5, 7.16
"""Inches: one column, and both, of an IEEE journal."""
WIDTHS = (1.5, 40.0)
"""Inches that are allowed."""
SUFFIXES = (".pdf", ".png", ".svg", ".pgf")
MARK = "eco-jax plot"
"""Stands in every file that is written here."""
TEX = ("lualatex", "xelatex", "pdflatex")
"""Programs by which PGF measures its texts: one of them."""
PRINT: Any = RC | {
    "figure.titlesize": 8, "axes.titlelocation": "left", "svg.hashsalt": MARK, "ps.fonttype": 42,
    "hatch.linewidth": 0.6, "pgf.rcfonts": False, "legend.handlelength": 2.6, "legend.columnspacing": 1.2,
    "lines.markersize": 3.8,
}  # fmt: skip
SERIES: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": (0, (5, 1.5)), "marker": "s"},
    {"color": "#009E73", "linestyle": (0, (4, 1, 1, 1)), "marker": "^"},
    {"color": "#CC79A7", "linestyle": (0, (1, 1)), "marker": "v"},
    {"color": "#000000", "linestyle": (0, (4, 1, 1, 1, 1, 1)), "marker": "D"},
    {"color": "#E69F00", "linestyle": (0, (8, 2)), "marker": "P"},
    {"color": "#56B4E9", "linestyle": (0, (2, 1)), "marker": "X"},
    {"color": "#555555", "linestyle": (0, (1, 3)), "marker": "*"},
)
"""Okabe-Ito colours; dashes and markers tell the series apart in grey."""


def check_width(width: float) -> None:
    """Whether a figure may be so wide, in inches."""
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise UserError(
            f"--width {width:g}: must lie in [{WIDTHS[0]:g}, {WIDTHS[1]:g}] inches; {COLUMN} is a column, {PAGE} both"
        )


def check_out(out: Path, reads: Sequence[Path] = ()) -> None:
    """Whether a figure may be written there: before any work is done.

    Args:
        out: the file.
        reads: what the command reads.

    Raises:
        UserError: it may not, or its ending is none of `SUFFIXES`, or PGF has no LaTeX.
    """
    name = shown(out, 300)
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"--out {name}: must end in one of {', '.join(SUFFIXES)}")
    if out.suffix.lower() == ".pgf" and not any(map(shutil.which, TEX)):
        raise UserError(f"--out {name}: PGF needs a LaTeX, one of {', '.join(TEX)}, and none is installed")
    check_folder(out, "--out")
    check_output(out, _ours, reads)


def check_folder(out: Path, flag: str) -> None:
    """Whether the folder of an output is there."""
    if not out.absolute().parent.is_dir():
        raise UserError(f"{flag} {shown(out, 300)}: its folder does not exist")


def _ours(path: Path) -> bool:
    """Whether a file is a figure that was written here."""
    try:
        return MARK.encode() in path.read_bytes()
    except OSError:
        return False


def printing(out: Path) -> AbstractContextManager[None]:
    """The style of these figures, to draw and save within."""
    tex = next(filter(shutil.which, TEX), TEX[0])
    return drawing(PRINT | ({"pgf.texsystem": tex} if out.suffix.lower() == ".pgf" else {}))


def panels(
    count: int, width: float, height: float | None, row: float, below: float, **settings: Any
) -> tuple["Drawing", list[Any]]:
    """A figure, and the axes of so many panels: side by side where each has two inches and more.

    Args:
        count: of panels.
        width: of the figure, inches.
        height: of the figure, inches; None for `row` inches a row of panels and `below` for the legend.
        row: inches.
        below: inches.
        settings: of `subplots`.
    """
    from matplotlib.figure import Figure as Drawing

    columns = max(1, min(count, int(width // 2.2)))
    rows = -(-count // columns)
    columns = -(-count // rows)  # 2 and 2 rather than 3 and 1
    made = Drawing(figsize=(width, height or rows * row + below), layout="constrained")
    axes = made.subplots(rows, columns, squeeze=False, **settings).ravel().tolist()
    for ax in axes[count:]:
        ax.remove()
    for i, ax in enumerate(axes[:count] if count > 1 else ()):
        ax.set_title(f"({chr(ord('a') + i)})")
    return made, axes[:count]


def label_x(axes: Sequence[Any], text: str) -> None:
    """Label the x axis of the panels that have none below them."""
    for i, ax in enumerate(axes):
        if i + ax.get_subplotspec().get_gridspec().ncols >= len(axes):
            ax.set_xlabel(text)
            ax.tick_params(labelbottom=True)


def legend_below(made: "Drawing", handles: Sequence["Artist"], labels: Sequence[str]) -> None:
    """A legend below all panels, in as few rows as the figure's width has room for, all about equally long."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(made).get_renderer()
    for rows in range(1, len(labels) + 1):
        columns = -(-len(labels) // rows)
        legend = made.legend(list(handles), list(labels), loc="outside lower center", ncols=columns)
        if columns == 1 or legend.get_window_extent(renderer).width <= 0.98 * made.bbox.width:
            return
        legend.remove()


def axis_label(text: str, inches: float) -> str:
    """A label on as many lines as an axis of this length needs: a letter of 8 pt is about 0.065 inches wide."""
    return textwrap.fill(text, max(12, int(inches / 0.065)))


def setting_label(name: str) -> str:
    """A setting by its own name, with its unit, as an axis has it; its whole name where nobody declares it."""
    section, _, own = name.rpartition(".")
    kinds = [FIXED[section]] if section in FIXED else registered(section.removeprefix(f"{COST}.")).values()
    kinds = registered(COST).values() if section.startswith(f"{COST}.") else kinds
    for spec in (specs(kind)[own] for kind in kinds if own in specs(kind)):
        words = own.replace("_", " ")
        return words if spec.unit == "-" else f"{words}, {spec.unit}"
    return name


def metric_label(metric: Metric, milli: bool = False) -> str:
    """A metric with its unit, in thousandths of it where that is asked for."""
    return f"{metric.label}, m{metric.unit}" if milli else metric.titled


def scale_of(metric: Metric, values: NDArray[Any]) -> tuple[float, str]:
    """What to multiply a metric with for an axis, and the axis's label: mJ and ms where all values are below 1."""
    finite = np.abs(values[np.isfinite(values)])
    milli = metric.unit in ("J", "s") and finite.size > 0 and float(finite.max()) < 1.0
    return (1e3 if milli else 1.0), metric_label(metric, milli)


def save_as(made: "Drawing", out: Path) -> None:
    """The figure at `out`, in the format of its ending, whole or not at all. Never cut: the size stays what it is.

    Raises:
        UserError: PGF could not be made, as its LaTeX lacks something.
        OSError: it could not be written.
    """
    kind = out.suffix.lower().removeprefix(".")
    about: Any = {
        "pdf": {"metadata": {"Creator": MARK, "CreationDate": None}}, "png": {"metadata": {"Software": MARK}},
        "svg": {"metadata": {"Creator": MARK, "Date": None}}, "pgf": {},
    }[kind]  # fmt: skip
    try:
        with whole(out) as part:
            made.savefig(part, dpi=300, format=kind, **about)
            if kind == "pgf":
                part.write_bytes(f"%% {MARK}\n".encode() + part.read_bytes())
    except (RuntimeError, ValueError) as error:
        if kind != "pgf":
            raise
        raise UserError(f"{shown(out, 300)}: LaTeX failed: {str(error).splitlines()[0]}") from error
