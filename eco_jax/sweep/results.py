"""Results of a sweep: the rows of all its trials and seeds, a summary by trial, the ranking, the best settings."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from eco_jax.env.parts.cost import objectives
from eco_jax.metrics import REWARD
from eco_jax.run.config import RunConfig
from eco_jax.sweep.batch import finished
from eco_jax.sweep.space import Choice, Space

LATE = "last tenth of training, in whole chunks"
"""What the numbers of a trial are means over."""


def read_results(batches: Iterable[Path], refused: Mapping[int, Mapping[str, Any]]) -> pl.DataFrame:
    """The results of all finished batches, and the refused trials.

    Args:
        batches: folders of batches; one that is not finished has no rows yet.
        refused: trials whose settings do not go together: number -> `values` (of the settings) and `cause`.

    Returns:
        One row for each trial and seed, in this order: `trial`, `seed`, `status` (done, pruned, failed or refused),
        `cause`, the metrics and the settings. A refused trial has one row, without a seed.
    """
    frames = [pl.read_parquet(folder / "results.parquet") for folder in batches if finished(folder)]
    rows = [
        {"trial": number, "seed": None, "status": "refused", "cause": row["cause"]}
        | {name: cell(value) for name, value in row["values"].items()}
        for number, row in refused.items()
    ]
    if rows:
        frames.append(pl.DataFrame(rows, infer_schema_length=None))
    if not frames:
        return pl.DataFrame(schema={"trial": pl.Int64, "status": pl.String})
    return pl.concat(frames, how="diagonal_relaxed").sort("trial", "seed", nulls_last=True)


def cell(value: Any) -> Any:
    """A setting's value as it stands in a table: lists as JSON."""
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, default=str)


def summary(frame: pl.DataFrame) -> pl.DataFrame:
    """One row for each trial: means and standard deviations over its seeds.

    The status is the worst of the seeds': refused, failed, pruned, done, from the worst to the best.
    """
    if frame.is_empty() or REWARD.column not in frame.columns:
        return pl.DataFrame(schema={"trial": pl.Int64, "status": pl.String})
    order = ["refused", "failed", "pruned", "done"]
    worst = pl.col("status").replace_strict(order, range(4), return_dtype=pl.Int64).min()
    numbers = [metric.column for metric in objectives().values() if metric.column in frame.columns]
    kept = [name for name in frame.columns if name not in ("seed", "status", "params_sha256", *numbers)]
    return (
        frame.group_by("trial", maintain_order=True)
        .agg(
            worst.replace_strict(range(4), order, return_dtype=pl.String).alias("status"),
            pl.len().alias("seeds"),
            *(pl.col(name).mean() for name in numbers),
            *(pl.col(name).std().fill_null(0.0).alias(f"{name}_sd") for name in numbers),
            *(pl.col(name).drop_nulls().first() for name in kept if name != "trial"),
        )
        .sort("trial")
    )


def ranked(frame: pl.DataFrame, objective: str) -> pl.DataFrame:
    """The rows of a summary whose trials were trained to the end, the best by the objective first."""
    metric = objectives()[objective]
    if metric.column not in frame.columns:
        return frame
    return frame.filter(pl.col("status") == "done").sort(metric.column, descending=metric.better > 0)


def best_config(frame: pl.DataFrame, space: Space, objective: str) -> tuple[RunConfig, dict[str, Any]] | None:
    """The settings of the best trial, and its row of the summary.

    Args:
        frame: what `read_results` gives.
        space: the search space of the sweep.
        objective: metric to rank by, one of `objectives()`.

    Returns:
        None where no trial was trained to the end.
    """
    best = ranked(summary(frame), objective)
    if best.is_empty() or "status" not in best.columns:
        return None
    row = best.row(0, named=True)
    values = {}
    for name, axis in space.axes.items():
        value = row.get(name)
        if value is None:  # it had no place beside the other values
            continue
        listed = isinstance(axis, Choice) and isinstance(value, str) and value not in axis.values
        values[name] = json.loads(value) if listed else value  # lists stand in the table as JSON
    return space.configure(values), row
