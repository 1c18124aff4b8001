"""What other libraries' interfaces cost: steps/s of each door beside those of the environment alone."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax

from eco_jax.bench import programs
from eco_jax.bench.measure import Contender, Peers, take_turns, timed
from eco_jax.bench.record import Record, Size
from eco_jax.env import EcoEnv, make
from eco_jax.errors import UserError

ALONE, ALONE_ONE = "environment alone", "environment alone, one"
ONE = (ALONE_ONE, "doors.gymnasium", "doors.pettingzoo")
"""What plays one environment."""


def _actions(env: EcoEnv, envs: int) -> np.ndarray:
    """Random choices of the heads, [8, envs, users, 4]: the same ones again and again."""
    return np.random.default_rng(0).integers(0, env.heads, (8, envs, env.agents, len(env.heads)))


def _gymnasium(env: EcoEnv, slots: int) -> Callable[[], int]:
    from eco_jax.adapters.gymnasium import EcoGymnasium

    door = EcoGymnasium()
    actions = _actions(env, 1).reshape(8, -1)

    def run() -> int:
        door.reset(seed=0)
        for slot in range(slots):
            if door.step(actions[slot % 8])[3]:
                door.reset()
        return slots

    return run


def _gymnasium_vector(env: EcoEnv, envs: int, slots: int) -> Callable[[], int]:
    from eco_jax.adapters.gymnasium import EcoVector

    door = EcoVector(envs, autoreset_mode="SameStep")
    actions = _actions(env, envs).reshape(8, envs, -1)

    def run() -> int:
        door.reset(seed=0)
        for slot in range(slots):
            door.step(actions[slot % 8])
        return slots * envs

    return run


def _sb3(env: EcoEnv, envs: int, slots: int) -> Callable[[], int]:
    from eco_jax.adapters.sb3 import EcoVecEnv

    door = EcoVecEnv(envs)
    actions = _actions(env, envs).reshape(8, envs * env.agents, -1)

    def run() -> int:
        door.reset()
        for slot in range(slots):
            door.step(actions[slot % 8])
        return slots * envs

    return run


def _pettingzoo(env: EcoEnv, slots: int) -> Callable[[], int]:
    from eco_jax.adapters.pettingzoo import parallel_env

    door = parallel_env()
    actions = [dict(zip(door.possible_agents, one[0], strict=True)) for one in _actions(env, 1)]

    def run() -> int:
        door.reset(seed=0)
        for slot in range(slots):
            door.step(actions[slot % 8])
            if not door.agents:
                door.reset()
        return slots

    return run


def _gymnax(envs: int, slots: int) -> Callable[[], int]:
    from eco_jax.adapters.to_gymnax import eco_gymnax

    door, params = eco_gymnax()

    def slot(carry: tuple[Any, Any], key: Any) -> tuple[Any, Any]:
        keys = jax.random.split(key, envs + 1)
        actions = jax.random.randint(keys[0], (envs,), 0, door.num_actions)
        _, state, reward, *_ = jax.vmap(door.step, in_axes=(0, 0, 0, None))(keys[1:], carry, actions, params)
        return state, reward.mean()

    start = jax.jit(jax.vmap(door.reset, in_axes=(0, None)))(jax.random.split(jax.random.key(0), envs), params)[1]
    rolled = jax.jit(lambda start, keys: lax.scan(slot, start, keys))
    keys = jax.random.split(jax.random.key(1), slots)

    def run() -> int:
        jax.block_until_ready(rolled(start, keys))
        return slots * envs

    return run


def doors(record: Record, size: Size, peers: Peers, say: Callable[[str], None]) -> None:
    """Every door that is installed here, under random actions and without learning."""
    env, params = make()
    envs, slots, few = size.envs[2], max(2, size.steps // 4 // size.envs[2]), max(2, size.steps // 100)
    say(f"doors: compiling {envs} environments and one")
    made: dict[str, Contender] = {
        ALONE: timed(programs.environment(env, params, envs, slots).run),
        ALONE_ONE: timed(programs.environment(env, params, 1, few).run),
    }
    wanted: dict[str, Callable[[], Callable[[], int]]] = {
        "doors.gymnasium": lambda: _gymnasium(env, few),
        "doors.gymnasium_vector": lambda: _gymnasium_vector(env, envs, slots),
        "doors.sb3": lambda: _sb3(env, envs, slots),
        "doors.pettingzoo": lambda: _pettingzoo(env, few),
        "doors.gymnax": lambda: _gymnax(envs, slots),
    }
    for name, begin in wanted.items():
        try:
            made[name] = timed(begin())
        except UserError as error:  # not installed
            record.missing[name] = str(error)
    say(f"doors: timing {', '.join(name for name in wanted if name in made)}")
    speeds = take_turns(made, size.repeats)
    for name in wanted:
        if name in made:
            record.ratio(name, speeds[name], speeds[ALONE_ONE if name in ONE else ALONE])
    record.details["doors"] = {
        name: speed.row(env.agents) | {"envs": 1 if name in ONE else envs} for name, speed in speeds.items()
    }
