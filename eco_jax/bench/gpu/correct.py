"""Whether a device computes what the CPU of the same process does: integers exactly, floats to rounding."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from eco_jax.agent.algorithms import Algorithm
from eco_jax.bench import cases
from eco_jax.env import EcoEnv, EnvParams
from eco_jax.metrics import REWARD
from eco_jax.random import uniform
from eco_jax.train.config import TrainConfig
from eco_jax.train.loop import Learner

STEP, LOSS = 1e-4, 1e-2
"""Largest difference that passes, as a share of the largest number of its kind: of a whole episode, of updates."""


def leaves(tree: Any) -> dict[str, np.ndarray]:
    """Path -> array, of keys their data."""
    named = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(_plain(leaf)) for path, leaf in named}


def _plain(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def differences(ours: Any, theirs: Any) -> dict[str, Any]:
    """How two trees of one structure differ.

    Returns:
        `unequal`: path -> elements that differ, of integers and booleans; `floats`: path -> largest difference over the
        size of the leaf's largest number (infinite where only one side is finite), largest first; `worst`: the first.
    """
    unequal: dict[str, int] = {}
    floats: dict[str, float] = {}
    exact = 0
    other = leaves(theirs)
    for path, mine in leaves(ours).items():
        its = other[path]
        if np.issubdtype(mine.dtype, np.inexact):
            floats[path] = _relative(mine.astype(np.float64), its.astype(np.float64))
        elif (mine == its).all():
            exact += 1
        else:
            unequal[path] = int((mine != its).sum())
    floats = dict(sorted(floats.items(), key=lambda item: -item[1]))
    return {"equal_leaves": exact, "unequal": unequal, "worst": max(floats.values(), default=0.0), "floats": floats}


def _relative(mine: np.ndarray, its: np.ndarray) -> float:
    finite = np.isfinite(its)
    if (np.isfinite(mine) != finite).any() or not np.array_equal(mine[~finite], its[~finite], equal_nan=True):
        return float("inf")
    size = np.abs(its[finite]).max(initial=0.0)
    return float(np.abs(mine[finite] - its[finite]).max(initial=0.0) / size) if size else float(np.abs(mine).max())


def episode(env: EcoEnv, slots: int, envs: int) -> Any:
    """A function of keys [1 + slots] and parameters: what every slot shows and reports, and the last state."""
    heads = jnp.asarray(env.heads)

    def run(keys: Array, params: EnvParams) -> Any:
        begun, state = jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(keys[0], envs), params)

        def slot(state: Any, key: Array) -> tuple[Any, Any]:
            own = jax.random.split(key, envs + 1)
            numbers = uniform(own[0], envs * env.agents * len(env.heads)).reshape(envs, env.agents, -1)
            action = jnp.floor(numbers * heads).astype(jnp.int32)
            seen, state, reward, _, _, info = jax.vmap(env.step, in_axes=(0, 0, 0, None))(
                own[1:], state, action, params
            )
            return state, (seen, reward, info["metrics"], state.place.candidates, state.replica)

        last, out = lax.scan(slot, state, keys[1:])
        observation, reward, metrics, candidates, replica = out
        return {
            "first": begun, "observation": observation, REWARD: reward, "metrics": metrics, "candidates": candidates,
            "replica": replica, "state": last,
        }  # fmt: skip

    return run


def _on_both(function: Any, given: Any, devices: tuple[Any, Any]) -> list[tuple[Any, Any]]:
    """(device, program) for each, both compiled at once."""
    lowered = [jax.jit(function).lower(*jax.device_put(given, where)) for where in devices]
    with ThreadPoolExecutor(2) as pool:
        return list(zip(devices, pool.map(lambda one: one.compile(), lowered), strict=True))


def compare_episode(env: EcoEnv, params: EnvParams, levels: tuple[str, ...], envs: int, device: Any, cpu: Any) -> Any:
    """An episode of random actions on both devices, level by level of knowledge."""
    slots = env.fixed_horizon or 60
    keys = jax.random.split(jax.random.key(2), 1 + slots)
    programs = _on_both(episode(env, slots, envs), (keys, params), (device, cpu))
    found = {}
    for level in levels:
        given = keys, params.with_knowledge(level)
        mine, its = (run(*jax.device_put(given, where)) for where, run in programs)
        found[level] = differences(mine, its)
    rows = list(found.values())
    worst = max(row["worst"] for row in rows)
    return {
        "slots": slots, "envs": envs, "tolerance": STEP, "worst": worst,
        "passed": worst <= STEP and not any(row["unequal"] for row in rows), "levels": found,
    }  # fmt: skip


def compare_training(
    env: EcoEnv, params: EnvParams, algorithm: Algorithm, config: TrainConfig, device: Any, cpu: Any
) -> Any:
    """A few updates on both devices from the same agent: what is reported of them, and the parameters after them."""
    case = cases.training(Learner(env, config), algorithm, params, 1, config.updates)
    with jax.default_device(cpu):
        given = case.start(), *case.arguments(0)
    programs = _on_both(case.function, given, (device, cpu))
    (mine, reported), (its, other) = (run(*jax.device_put(given, where)) for where, run in programs)
    losses = differences(reported, other)
    learnt = differences(mine.agent.params, its.agent.params)
    return {
        "updates": config.updates, "envs": config.envs, "rollout": config.rollout, "tolerance": LOSS,
        "worst": losses["worst"], "passed": losses["worst"] <= LOSS, "reported": losses["floats"],
        "params": learnt["floats"],
    }  # fmt: skip
