"""Learning curves of two precisions from the same seeds, and the difference between them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from eco_jax.agent.algorithms import Algorithm
from eco_jax.env import EcoEnv, EnvParams
from eco_jax.metrics import REWARD
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import chunk_length, stack_algorithms
from eco_jax.train.loop import Learner
from eco_jax.train.program import begin

POINTS = 100
"""Of a curve that is kept, at the most."""


def rewards(
    env: EcoEnv, params: EnvParams, algorithm: Algorithm, config: TrainConfig, seeds: int, go_on: Callable[[], bool]
) -> NDArray[np.floating]:
    """Mean reward of every update, [updates, seeds], of a population whose members differ in their seed alone.

    Args:
        env: environment.
        params: of it.
        algorithm: of all members.
        config: of the loop.
        seeds: members.
        go_on: asked before each chunk of updates; where it says no the curve ends.
    """
    learner = Learner(env, config)
    axes = jax.tree.map(lambda _: None, params)
    several = stack_algorithms([algorithm] * seeds)
    keys = jnp.stack([jax.random.key(seed) for seed in range(seeds)])
    with jax.default_device(jax.devices("cpu")[0]):  # a card solves the networks' small decompositions one by one
        on_host = begin(learner, axes, several, keys, params)
    state = jax.device_put(on_host, jax.devices()[0])
    length = chunk_length(config.updates, config.chunk)
    run = jax.jit(lambda *given: learner.chunk(length, axes, *given), donate_argnums=0)
    found: list[NDArray[np.floating]] = []
    for first in range(0, config.updates, length):
        if found and not go_on():
            break
        state, metrics = run(state, several, params, jnp.int32(first), jnp.int32(config.updates))
        found.append(np.asarray(metrics[REWARD]))
    return np.concatenate(found)


def curve(reward: NDArray[np.floating], steps: int) -> dict[str, Any]:
    """A learning curve to keep: the mean and the deviation over seeds at up to `POINTS` points.

    Args:
        reward: [updates, seeds].
        steps: environment steps of an update.
    """
    points = min(POINTS, len(reward))
    pieces = np.array_split(reward, points)
    ends = np.cumsum([len(piece) for piece in pieces]) * steps
    seeds = np.array([piece.mean(axis=0) for piece in pieces])
    return {
        "env_steps": ends.tolist(),
        "mean": seeds.mean(axis=1).round(6).tolist(),
        "deviation": seeds.std(axis=1, ddof=1).round(6).tolist(),
    }


def paired(new: NDArray[np.floating], old: NDArray[np.floating]) -> dict[str, Any]:
    """Difference of the last tenth of the updates, seed by seed, with its 95 % interval by Student's t.

    Args:
        new: [updates, seeds].
        old: likewise; the longer one is cut.
    """
    from scipy.stats import t

    updates = min(len(new), len(old))
    tail = slice(updates - max(1, updates // 10), updates)
    ends = [values[tail].mean(axis=0) for values in (new, old)]
    gaps = ends[0] - ends[1]
    half = t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / len(gaps) ** 0.5
    return {
        "updates": updates,
        "seeds": len(gaps),
        "new": ends[0].tolist(),
        "old": ends[1].tolist(),
        "difference": float(gaps.mean()),
        "lo": float(gaps.mean() - half),
        "hi": float(gaps.mean() + half),
    }
