"""What a sweep found: one table, a leaderboard, and two figures."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from eco_jax.env.parts.cost import objectives
from eco_jax.files import whole
from eco_jax.metrics import REWARD
from eco_jax.report.figures.style import WIDTH, drawing, save
from eco_jax.sweep.results import LATE, ranked, summary
from eco_jax.sweep.search import Sweep
from eco_jax.sweep.space import Axis, Range

SHOWN = 10
"""Rows of the leaderboard."""
ENOUGH = 8
"""Trials from which an importance can be told."""


def write_tables(sweep: Sweep) -> None:
    """`results.parquet` and `leaderboard.csv`, into the sweep's folder; each whole or not at all."""
    frame = sweep.results()
    if frame.is_empty():
        return
    with whole(sweep.out / "results.parquet") as part:
        frame.write_parquet(part)
    if REWARD.column in frame.columns:
        with whole(sweep.out / "leaderboard.csv") as part:
            ranked(summary(frame), sweep.plan.objective).write_csv(part)


def draw(sweep: Sweep, warn: Callable[[str], None]) -> list[str]:
    """The figures, into the sweep's folder, once everything else is there.

    Returns:
        The files that were drawn. What cannot be drawn is left out, and `warn` told.
    """
    best = ranked(summary(sweep.results()), sweep.plan.objective)
    objective, drawn = sweep.plan.objective, []

    def bars_of(found: dict[str, float]) -> Any:
        return bars(found, objective, best.height) if found else None

    for name, figure in (
        ("parallel", lambda: parallel(best, sweep.space.axes, objective) if best.height >= 2 else None),
        ("importance", lambda: bars_of(importances(sweep))),
    ):
        try:
            with drawing():
                made = figure()
                if made is not None:
                    save(made, sweep.out / name)
                    drawn.append(f"{name}.png")
        except (OSError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, ImportError) as error:
            warn(f"{sweep.out / name}.png: could not be drawn: {(str(error) or type(error).__name__).splitlines()[0]}")
    return drawn


def leaderboard(sweep: Sweep) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows of the best trials."""
    every = summary(sweep.results())
    objective = sweep.plan.objective
    best = ranked(every, objective)
    axes = list(sweep.space.axes)
    others = [m for m in objectives().values() if m != objective and m.column in every.columns]
    head = ["trial", f"{objective} (± sd)", *(m.head for m in others), *(a.split(".")[-1] for a in axes)]
    rows = []
    for row in best.head(SHOWN).iter_rows(named=True) if "seeds" in best.columns else ():
        column = objectives()[objective].column
        rows.append(
            [
                str(row["trial"]),
                f"{row[column]:.4f} ± {row[f'{column}_sd']:.4f}",
                *("-" if row[m.column] is None else f"{row[m.column]:.3f}" for m in others),
                *(_short(row.get(name)) for name in axes),
            ]
        )
    counts = dict(every["status"].value_counts().iter_rows()) if every.height else {}
    other = "".join(f", {counts[name]} {name}" for name in ("pruned", "failed", "refused") if counts.get(name))
    title = f"Best of {counts.get('done', 0)} trained to the end x {sweep.plan.seeds} seeds{other}; {LATE}"
    return title, head, rows


def parallel(best: pl.DataFrame, axes: dict[str, Axis] | Any, objective: str) -> Any:
    """Every trial as a line over its settings, coloured by what it reached; the best one drawn thick."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    metric = objectives()[objective]
    score = best[metric.column].to_numpy()
    scale = mpl.colors.Normalize(*np.percentile(score, [5, 95])) if len(set(score)) > 1 else mpl.colors.Normalize()
    colours = mpl.colormaps["viridis" if metric.better > 0 else "viridis_r"]
    names = [*axes, metric.column]
    figure = Figure(figsize=(max(WIDTH, 1.15 * len(names)), 3.2), layout="constrained")
    ax = figure.add_subplot()
    columns = []
    for i, name in enumerate(names):
        values, ticks, labels = _positions(
            best[name].to_list() if name in best.columns else [None] * best.height, axes.get(name)
        )
        columns.append(values)
        ax.axvline(i, color="black", linewidth=0.8)
        for at, label in zip(ticks, labels, strict=True):
            ax.annotate(
                label, (i, at), xytext=(3, 0), textcoords="offset points", va="center", fontsize=7,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}, zorder=5,
            )  # fmt: skip
    lines = np.stack(columns, axis=1)
    thin = 0.7 if len(lines) <= 64 else 0.4
    for which in reversed(range(len(lines))):  # the best last, above all
        first = which == 0
        ax.plot(
            lines[which], color=colours(scale(score[which])), linewidth=2.6 if first else thin,
            alpha=1.0 if first else 0.55, zorder=4 if first else 2,
        )  # fmt: skip
    ax.set_xticks(range(len(names)), [n.split(".")[-1].replace("_", " ") for n in axes] + [metric.titled])
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xlim(-0.1, len(names) - 0.55)
    bar = figure.colorbar(mpl.cm.ScalarMappable(scale, colours), ax=ax, pad=0.01, aspect=30)
    bar.set_label(f"{metric.titled} ({LATE})")
    figure.suptitle(f"{len(best)} configurations; the best one thick")
    return figure


def _positions(values: list[Any], axis: Axis | None) -> tuple[np.ndarray, list[float], list[str]]:
    """Heights in [0, 1], NaN where there is no value, and the ticks with their labels."""
    if axis is None or isinstance(axis, Range):
        numbers = np.array(values, float)
        low, high = (axis.low, axis.high) if isinstance(axis, Range) else (np.nanmin(numbers), np.nanmax(numbers))
        at = np.linspace(low, high, 4)
        labels = [_short(float(tick)) for tick in at]
        if isinstance(axis, Range) and axis.log:
            powers = range(math.ceil(math.log10(low) + 1e-6), math.ceil(math.log10(high) - 1e-6))
            inner = [10.0**power for power in powers][:: max(1, len(powers) // 4)]
            labels = [_short(tick) for tick in (low, *inner, high)]
            at, numbers, low, high = np.log([low, *inner, high]), np.log(numbers), np.log(low), np.log(high)
        span = high - low or 1.0
        return (numbers - low) / span, ((at - low) / span).tolist(), labels
    order = [v if isinstance(v, bool | int | float | str) else json.dumps(v) for v in axis.values]
    if all(isinstance(v, int | float) for v in order):
        order = sorted(order)
        if any(v is not None and v not in order for v in values):  # population-based training moved them
            return _positions(values, None)
    heights = np.linspace(0, 1, len(order)) if len(order) > 1 else np.array([0.5])
    return (
        np.array([np.nan if v is None else heights[order.index(v)] for v in values]),
        heights.tolist(),
        [_short(v) for v in order],
    )


def importances(sweep: Sweep) -> dict[str, float]:
    """Setting -> its share in what tells the best tenth of trials from all (PED-ANOVA, Watanabe et al. 2023).

    Empty with fewer than `ENOUGH` trials, and where the trials moved on from the settings that they were given.
    """
    import optuna

    if sweep.plan.strategy == "pbt":
        return {}
    done = [t for t in sweep.study.get_trials(deepcopy=False) if t.state == optuna.trial.TrialState.COMPLETE]
    if len(done) < ENOUGH or len({t.value for t in done}) < 2:
        return {}
    return dict(
        optuna.importance.get_param_importances(
            sweep.study, evaluator=optuna.importance.PedAnovaImportanceEvaluator(evaluate_on_local=False)
        )
    )


def bars(found: dict[str, float], objective: str, trials: int) -> Any:
    """The importances, the largest on top."""
    from matplotlib.figure import Figure

    names = sorted(found, key=lambda name: found[name])
    figure = Figure(figsize=(WIDTH, 1.0 + 0.28 * len(names)), layout="constrained")
    ax = figure.add_subplot()
    ax.barh([n.replace("_", " ") for n in names], [found[name] for name in names], color="#0072B2", height=0.65)
    ax.set_xlabel("importance (PED-ANOVA; the sum is 1)")
    ax.set_xlim(0, max(1.0, *found.values()))
    ax.grid(axis="y", visible=False)
    figure.suptitle(f"Which setting decides the {objectives()[objective].label}, from {trials} configurations")
    return figure


def _short(value: Any) -> str:
    if value is None:  # a setting without a place beside the others
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
