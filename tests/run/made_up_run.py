"""A run's folder without a training."""

import contextlib
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.agent.algorithms import Agent
from eco_jax.files import write_whole
from eco_jax.run import settings
from eco_jax.run.folder import about
from eco_jax.run.keeper import Keeper, Saving
from eco_jax.run.summary import means_of
from eco_jax.train.fit import Chunk
from eco_jax.train.interrupt import Stop

SEEDS = [3, 4]
UPDATES = 6
CONFIG = settings.from_mapping({"preset": "tiny", "train": {"updates": UPDATES, "rollout": 6, "chunk": 2}}, "made up")
MEANS = means_of(CONFIG)


class State(NamedTuple):
    """As small as a training's state can be."""

    agent: Any
    key: Any


def state(update=0):
    return State(Agent({"actor": jnp.full((2, 3), float(update))}), jax.random.split(jax.random.key(update), 2))


def chunk(start, length=2):
    values = np.arange(start, start + length)[:, None] + np.array([0.0, 0.5])
    metrics = dict.fromkeys(MEANS.values(), values) | {"finite": np.ones_like(values)}
    return Chunk(start, metrics, 1.0, UPDATES, lambda: state(start + length))


def go_on(out, chunks=3, every_updates=0, run="this run"):
    """Keep a run's chunks, from where it stands; returns the update that it went on from."""
    out.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as opened:
        keeper = Keeper(out, run, SEEDS, 2, Saving(1e9, every_updates), Stop(), opened)
        found = keeper.begin(state())
        for start in range(found[0] if found else 0, 2 * chunks, 2):
            keeper.chunk(chunk(start))
        return found[0] if found else 0


def finished(out, config=CONFIG):
    """A run that came to its end."""
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / "config.toml", settings.to_toml(config, about(config, SEEDS)))
    go_on(out)
    numbers = dict.fromkeys(MEANS, 0.5)
    members = [{"seed": seed, "params_sha256": "ab", **numbers} for seed in SEEDS]
    summary = {"params_sha256": "cd", "updates": UPDATES, "env_steps": 1, "train_s": 1.0, "compile_s": 1.0, **numbers}
    write_whole(out / "summary.json", json.dumps(summary | {"members": members}))
    return out


def contents(folder):
    """Every file of a folder and what it holds, but the lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
