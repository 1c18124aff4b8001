"""The tables of a finished batch: what became of each trial and seed, and their learning curves."""

from typing import Any

import numpy as np
import polars as pl

from eco_jax.env.parts.cost import objectives
from eco_jax.parts import numbers_of
from eco_jax.settings import from_si, specs
from eco_jax.sweep.batch import Batch
from eco_jax.sweep.population import Population, State
from eco_jax.sweep.results import cell
from eco_jax.train.fit import member


def curves(batch: Batch, population: Population, state: State) -> pl.DataFrame:
    """Means over each look of each member: trial, seed, updates done, metrics."""
    values, columns = np.asarray(state.curves), columns_of(population)
    members, looks, _ = values.shape
    done = (np.arange(looks) + 1) * population.group.look
    frame = pl.DataFrame(
        {
            "trial": np.repeat([batch.trials[place]["trial"] for place, _ in batch.members], looks),
            "seed": np.repeat([seed for _, seed in batch.members], looks),
            "update": np.tile(done, members),
            **{column: values[:, :, i].ravel() for i, column in enumerate(columns)},
        }
    )
    ran = np.cumsum(np.isfinite(values).any(-1)[:, ::-1], axis=1)[:, ::-1] > 0  # up to a member's last look
    return frame.filter(pl.Series(ran.ravel())).with_columns(pl.col(columns).fill_nan(None))


def results(batch: Batch, population: Population, state: State) -> pl.DataFrame:
    """One row for each trial and seed: what became of it, its last tenth's means, and its settings."""
    from eco_jax.train.checkpoint import params_sha256

    values, alive, columns = np.asarray(state.curves), np.asarray(state.alive), columns_of(population)
    configs = [config.values for config in batch.configs()]
    params, numbers = _on_host((state.agent.params, numbers_of(state.algorithm)))
    section, known = population.algorithm.kind, specs(type(population.algorithm))
    rows = []
    for i, (place, seed) in enumerate(batch.members):
        ran = np.isfinite(values[i]).any(-1)
        looks = int(np.flatnonzero(ran)[-1]) + 1 if ran.any() else 0  # what went on from another may have a gap
        failed = population.failed.get(i)
        tenth = slice(looks - max(1, looks // 10), looks)
        last = values[i, tenth][ran[tenth]].mean(0) if looks else np.full(len(columns), np.nan)
        own = {name: configs[place][name] for name in batch.trials[place]["values"]}
        own |= {f"{section}.{name}": from_si(known[name], float(numbers[name][i])) for name in batch.ranges}
        rows.append(
            {
                "trial": batch.trials[place]["trial"],
                "seed": seed,
                "status": "failed" if failed else "done" if alive[i] else "pruned",
                "cause": failed,
                "updates": looks * population.group.look,
                **{c: None if failed else float(v) for c, v in zip(columns, last.tolist(), strict=True)},
                "params_sha256": params_sha256(member(params, i)),
                **{name: cell(value) for name, value in own.items()},
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides={"cause": pl.String})


def columns_of(population: Population) -> list[str]:
    """Columns of the metrics that are kept of every member."""
    known = objectives()
    return [known[name].column for name in population.group.shown]


def _on_host(tree: Any) -> Any:
    import jax

    return jax.tree.map(np.asarray, tree)
