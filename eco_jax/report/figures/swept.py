"""The results of a sweep as lines over one of its settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from eco_jax.env.config import KNOWLEDGE
from eco_jax.env.parts.cost import objectives
from eco_jax.errors import UserError, quoted
from eco_jax.metrics import Metric
from eco_jax.report.figures.column import SERIES
from eco_jax.report.figures.lines import Series
from eco_jax.settings import similar
from eco_jax.study.statistics import Interval, over_seeds
from eco_jax.sweep.batch import finished
from eco_jax.sweep.results import read_results
from eco_jax.sweep.state import batches as batches_of

OTHERS = ("trial", "seed", "status", "cause", "updates", "params_sha256")
"""Columns of the results that are neither a metric nor a setting."""


def results_of(folder: Path) -> pl.DataFrame:
    """What a sweep has trained to the end: the rows of its finished batches, or of `results.parquet` without these.

    Raises:
        UserError: there are none yet.
    """
    path, batches = folder / "results.parquet", [batch for batch in batches_of(folder) if finished(batch)]
    if not batches and not path.is_file():
        raise UserError(f"{folder}: no batch of the sweep has finished yet")
    try:
        frame = read_results(batches, {}) if batches else pl.read_parquet(path)
        frame = frame.filter(pl.col("status") == "done")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    if frame.is_empty():
        raise UserError(f"{folder}: no trial was trained to its end")
    return frame


def metrics_in(frame: pl.DataFrame, names: Sequence[str]) -> list[Metric]:
    """The metrics of these names.

    Raises:
        UserError: the sweep has no such metric.
    """
    there = {name: metric for name, metric in objectives().items() if metric.column in frame.columns}
    for name in names:
        if name not in there:
            raise UserError(f"--metric {quoted(name)}: the sweep reports {', '.join(there)}")
    return [there[name] for name in names]


def lines_of(
    frame: pl.DataFrame, x: str, group: Sequence[str] | None, metrics: Sequence[Metric]
) -> tuple[list[Series], list[str]]:
    """A line for each combination of the other settings, with intervals over seeds.

    Args:
        frame: of `results_of`.
        x: setting of the axis.
        group: settings that tell the lines apart; None for all others that vary.
        metrics: of `metrics_in`.

    Returns:
        The lines, and what to know of them.

    Raises:
        UserError: the sweep does not vary such a setting, x is no number, or there are too many lines.
    """
    columns = {metric.column for metric in objectives().values()}
    varied = [n for n in frame.columns if n not in (*OTHERS, *columns) and frame[n].n_unique() > 1]
    for flag, name in (("--x", x), *(("--group", name) for name in group or ())):
        if name not in varied:
            raise UserError(
                f"{flag} {quoted(name)}: the sweep varies {', '.join(varied) or 'nothing'}{_hint(name, varied)}"
            )
    if not frame[x].dtype.is_numeric():
        raise UserError(f"--x {x}: holds no numbers; tell lines apart by it (--group {x})")
    others = [name for name in varied if name != x]
    by = others if group is None else list(group)
    pooled = [name for name in others if name not in by]
    remarks = [f"pooled over {', '.join(pooled)}: intervals hold these, too"] if pooled else []
    series = []
    frame = frame.drop_nulls(x).sort(x)
    parts = frame.partition_by(by, as_dict=True, maintain_order=True) if by else {(): frame}
    if len(parts) > len(SERIES):
        raise UserError(
            f"{len(parts)} lines, more than {len(SERIES)}, of {', '.join(by)}: name with --group those to tell apart"
        )
    for values, rows in sorted(parts.items(), key=lambda item: [_place(v) for v in item[0]]):
        points = rows.partition_by(x, maintain_order=True)
        found: dict[str, list[Interval]] = {m: [_interval(at[m.column]) for at in points] for m in metrics}
        series.append(Series(_label(by, values), [float(at[x][0]) for at in points], found))
    return series, remarks


def _hint(name: str, varied: Sequence[str]) -> str:
    return similar(name, varied) if varied else ""


def _interval(column: pl.Series) -> Interval:
    figure, lo, hi = over_seeds(column.drop_nulls().to_numpy()[None])
    return Interval(float(figure[0]), float(lo[0]), float(hi[0]))


def _place(value: Any) -> tuple[int, float, str]:
    """Where a line stands among the others: levels of knowledge from the top, numbers by size, words by letters."""
    if value in KNOWLEDGE:
        return 0, -float(KNOWLEDGE.index(value)), ""
    number = isinstance(value, int | float) and bool(np.isfinite(value))
    return (1, float(value), "") if number else (2, 0.0, str(value))


def _label(by: Sequence[str], values: Sequence[Any]) -> str:
    def one(name: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        return f"{name.rpartition('.')[2].replace('_', ' ')} = {value:g}" if value is not None else f"no {name}"

    return ", ".join(one(name, value) for name, value in zip(by, values, strict=True))
