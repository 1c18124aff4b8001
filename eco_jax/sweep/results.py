"""What became of a sweep's trials: one table, a row a trial, the best."""

import json
from typing import TYPE_CHECKING, Any

import polars as pl

from eco_jax.run.settings import RunConfig
from eco_jax.sweep.batch import OBJECTIVES, UNITS, finished
from eco_jax.sweep.space import Choice

if TYPE_CHECKING:
    from eco_jax.sweep.search import Sweep


def results(sweep: "Sweep") -> pl.DataFrame:
    """All trials and seeds of finished batches, and the refused trials."""
    frames = [pl.read_parquet(folder / "results.parquet") for folder in sweep.batches if finished(folder)]
    rows = [
        {"trial": number, "seed": None, "status": "refused", "cause": row["cause"], **row["values"]}
        for number, row in sweep.refused.items()
    ]
    if rows:
        frames.append(pl.DataFrame(rows, infer_schema_length=None))
    if not frames:
        return pl.DataFrame(schema={"trial": pl.Int64, "status": pl.String})
    return pl.concat(frames, how="diagonal_relaxed").sort("trial", "seed", nulls_last=True)


def summary(frame: pl.DataFrame) -> pl.DataFrame:
    """One row a trial: means over its seeds, and `done` only where every seed is."""
    if frame.is_empty() or "reward" not in frame.columns:
        return pl.DataFrame(schema={"trial": pl.Int64, "status": pl.String})
    order = ["refused", "failed", "pruned", "done"]
    worst = pl.col("status").replace_strict(order, range(4), return_dtype=pl.Int64).min()
    numbers = list(UNITS.values())
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
    """The summary of trials that were trained to the end, the best first."""
    column = UNITS[objective]
    if column not in frame.columns:
        return frame
    return frame.filter(pl.col("status") == "done").sort(column, descending=OBJECTIVES[objective] > 0)


def best_config(sweep: "Sweep") -> tuple[RunConfig, dict[str, Any]] | None:
    """The best trial's settings and its row; None where none was trained to the end."""
    best = ranked(summary(results(sweep)), sweep.plan.objective)
    if best.is_empty() or "status" not in best.columns:
        return None
    row = best.row(0, named=True)
    values = {}
    for name, axis in sweep.space.axes.items():
        value = row[name]
        plain = not isinstance(axis, Choice) or value in axis.values
        values[name] = value if plain else json.loads(value)
    return sweep.space.configure(values), row
