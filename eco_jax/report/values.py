"""The values behind a report, per seed and episode, so that every number in it can be computed anew."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from eco_jax.env.config import BENCHMARK, TWIN
from eco_jax.files import write_whole
from eco_jax.metrics import ENERGY, MAIN, QOE, REWARD
from eco_jax.report.figures import by_episode, learner_curve
from eco_jax.report.figures.paper import latency_of_offloaded
from eco_jax.study import learners, names
from eco_jax.study.names import AGENTS, CURVE, LEVEL, at, of
from eco_jax.study.play import cost_terms, everyone
from eco_jax.study.store import Arrays

FILE = "values.npz"
"""`experiments/results/recompute.py` says how it is read."""


def gather(done: Mapping[str, Arrays], per_episode: int) -> Arrays:
    """Every value that a claim or the table of policies is made of.

    Args:
        done: finished parts of a study.
        per_episode: updates of training in an episode.

    Returns:
        `played/<policy>/<metric>` [seeds, episodes]; `training/<level>/<metric>` [episodes, seeds], and of other
        algorithms and networks `learner/<name>/<metric>`; of the users'
        speeds `speed/km_h` [points] and `speed/latency_ms` [points, seeds, episodes] of the twin's agents;
        `<part>/<level>/<metric>` [seeds, episodes] of agents trained in other worlds.
    """
    played = everyone(done)
    found = {
        f"played/{who}/{metric}": row[metric]
        for who, row in played.items() for metric in (*MAIN, *cost_terms(played)) if metric in row
    }  # fmt: skip
    for level in (TWIN, BENCHMARK):
        curves = done[names.trained(level)]
        for metric in (REWARD, ENERGY, QOE):
            found[f"training/{level}/{metric}"] = by_episode(curves[of(CURVE, metric)], per_episode)
    for name in learners.declared():
        if names.learner(name) in done:
            found[f"learner/{name}/{REWARD}"] = learner_curve(done, name, per_episode)
    if "speed" in done:
        found["speed/km_h"], found["speed/latency_ms"] = latency_of_offloaded(done["speed"], TWIN)
    for part, arrays in done.items():
        if part.startswith(at(names.CHECK, "")):
            for i, level in enumerate(arrays[LEVEL].tolist()):
                found |= {f"{part}/{level}/{metric}": arrays[of(AGENTS, metric)][i] for metric in MAIN}
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def write(out: Path, done: Mapping[str, Arrays], per_episode: int) -> None:
    """Write them to the folder; the same values give the same bytes."""
    packed = io.BytesIO()
    np.savez_compressed(packed, **gather(done, per_episode))  # type: ignore[arg-type]
    write_whole(out / FILE, packed.getvalue())
