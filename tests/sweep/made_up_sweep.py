"""Sweeps whose batches are made up: nothing is trained."""

import json
from pathlib import Path

import polars as pl

from eco_jax.sweep.batch import Batch, finish
from eco_jax.sweep.plan import Plan
from eco_jax.sweep.search import Sweep
from eco_jax.sweep.space import Choice, Range, Space

BASE = {"preset": "tiny", "train": {"rollout": 6}}
AXES = {"algorithm.actor_lr": Range(1e-4, 1e-1, log=True), "knowledge": Choice(("twin", "none"))}
SPACE = Space(BASE, AXES, "space.toml")


def rate(values):
    return values.get("algorithm.actor_lr", 0.1)


def made_up(folder: Path, failed=(), pruned=(), worth=rate):
    """Results as if the batch were trained: the larger the learning rate (or what else is worth it) the better."""
    batch = Batch.read(folder)
    rows = [
        {
            "trial": t["trial"], "seed": seed,
            "status": "failed" if t["trial"] in failed else "pruned" if t["trial"] in pruned else "done",
            "cause": "update 3: reward not finite" if t["trial"] in failed else None, "updates": 10,
            "reward": worth(t["values"]) + 0.001 * seed, "energy_j": 0.1, "latency_s": 0.1, "qoe": 0.5,
            "params_sha256": f"{t['trial']}-{seed}",
            **{name: json.dumps(v) if isinstance(v, list) else v for name, v in t["values"].items()},
        }
        for t in batch.trials for seed in batch.seeds
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema_overrides={"cause": pl.String})
    finish(folder, {"results.parquet": table}, batch.sweep["id"])


def launch(folders):
    for folder in folders:
        made_up(folder)


FOUR = Plan(4)


def sweep(out, plan=FOUR, space=SPACE, storage=None, study=None, warn=lambda text: None):
    out.mkdir(exist_ok=True)
    return Sweep(out, space, plan, storage, study, warn)
