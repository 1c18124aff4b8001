"""A training compiled, and run on what there is: cores, an accelerator, or many devices.

On a CPU a program holds one member, and the members' calls run in as many threads as there are cores: small arrays do
not keep two cores busy (1.5 to 1.8 times the speed on two), a member's activations stay in its core's cache (32 members
in one program ran at 0.6 times the speed), and a member is to the last bit what it is alone. An accelerator takes all
members at once, as far as its memory goes. Where there are several devices, each has a program of its own and the
parts go round them: nothing passes between devices, and none waits for another within a call.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec, SingleDeviceSharding
from jaxtyping import Key

from eco_jax.agent.algorithms import Algorithm
from eco_jax.errors import UserError
from eco_jax.train.devices import default, host, one_by_one
from eco_jax.train.loop import Learner, TrainState
from eco_jax.train.members import on_device, pick, to_numpy


class Members(NamedTuple):
    """Members that go through a program together; every leaf has a leading axis of them, but what all share."""

    state: TrainState
    algorithm: Algorithm
    env_params: Any


@dataclass(frozen=True)
class Program:
    """`Learner.chunk`, compiled for `size` members."""

    compiled: Any
    """for the first device"""
    size: int
    length: int
    """updates of one call"""
    total: int
    """updates of a whole run"""
    compile_s: float
    others: tuple[Any, ...] = ()
    """`compiled` for the other devices, in their order"""

    @property
    def devices(self) -> int:
        """Devices that it is compiled for; 1 for a mesh of them."""
        return 1 + len(self.others)

    def run(self, part: Members, start: int, number: int = 0) -> tuple[Members, dict[str, np.ndarray]]:
        """`length` updates from `start` on; metrics [length, members]. `number`: of the part, see `split`."""
        compiled = (self.compiled, *self.others)[number % self.devices]
        state, metrics = compiled(*part, np.int32(start), np.int32(self.total))
        found: dict[str, np.ndarray] = jax.device_get(metrics)
        return part._replace(state=state), found

    def advance(
        self, parts: Sequence[Members], start: int, check: Callable[[], None] = lambda: None
    ) -> tuple[list[Members], dict[str, np.ndarray]]:
        """All parts, as `split` gave them; `check`, called before each, may raise.

        On a CPU in as many threads as there are cores. Each accelerator has a thread of its own, which gives it one
        part after the other.
        """

        def some(numbers: Sequence[int]) -> list[tuple[Members, dict[str, np.ndarray]]]:
            done = []
            for number in numbers:
                check()
                done.append(self.run(parts[number], start, number))
            return done

        numbers = range(len(parts))
        if len(parts) == 1:
            found = some(numbers)
        elif one_by_one(next(iter(parts[0].state.key.devices()))):
            with ThreadPoolExecutor(cores()) as threads:
                found = [done for (done,) in threads.map(some, zip(numbers, strict=True))]
        else:
            turns = [numbers[first :: self.devices] for first in range(self.devices)]
            with ThreadPoolExecutor(self.devices) as threads:
                each = list(threads.map(some, turns))
            found = [each[number % self.devices][number // self.devices] for number in numbers]
        metrics = {name: np.concatenate([out[name] for _, out in found], axis=1) for name in found[0][1]}
        return [part for part, _ in found], metrics

    @property
    def memory(self) -> int:
        """What a call takes of the device's memory, by XLA's own count, bytes; 0 where it does not say."""
        counted = self.compiled.memory_analysis()
        if counted is None:
            return 0
        sizes = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return int(sum(getattr(counted, size) for size in sizes) - counted.alias_size_in_bytes)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def together(members: int, mesh: Mesh | None = None, devices: Sequence[Any] = ()) -> int:
    """The most members of one program, before its memory is known. `devices`: the default one where none is given."""
    return members if mesh is not None or not one_by_one(devices[0] if devices else default()) else 1


def compile_program(
    learner: Learner, axes: Any, part: Members, length: int, mesh: Mesh | None = None, device: Any = None
) -> Program:
    """Compile `length` updates for members like these, a part of `split` (only shapes matter).

    A program that was compiled before in this process is there at once.

    Args:
        learner: environment and settings of the loop.
        axes: see `Learner.chunk`.
        part: members, or their shapes.
        length: updates of one call.
        mesh: devices that share the environments.
        device: that it runs on; None for where the part lies, or for the mesh.
    """
    started = time.perf_counter()
    compiled = _lowered(learner, axes, part, length, mesh, device).compile()
    return Program(compiled, len(part.state.key), length, learner.config.updates, time.perf_counter() - started)


def spread(program: Program, learner: Learner, axes: Any, part: Members, devices: Sequence[Any]) -> Program:
    """The program for all these devices, the first of which it was compiled for. Arguments as of `compile_program`."""
    started = time.perf_counter()
    more = [_lowered(learner, axes, part, program.length, None, other) for other in devices[program.devices :]]
    if not more:
        return program
    with ThreadPoolExecutor(cores()) as threads:
        others = tuple(threads.map(lambda lowered: lowered.compile(), more))
    seconds = program.compile_s + time.perf_counter() - started
    return replace(program, others=program.others + others, compile_s=seconds)


def _lowered(learner: Learner, axes: Any, part: Members, length: int, mesh: Mesh | None, device: Any) -> Any:
    """`Learner.chunk`, ready to be compiled."""
    if len(part.state.key) == 1:
        axes = jax.tree.map(lambda _: None, part.env_params)
    structure: Any = jax.tree.structure(part.env_params)
    run = _chunk(_of_any_length(learner), length, structure, tuple(structure.flatten_up_to(axes)), mesh)
    if device is not None:
        there = SingleDeviceSharding(device)
        part = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=there, weak_type=leaf.weak_type),
            jax.eval_shape(lambda tree: tree, part),
        )
    return run.lower(*part, np.int32(0), np.int32(learner.config.updates))


def _of_any_length(learner: Learner) -> Learner:
    """The learner without the length of its run, on which no program depends: a longer run shares it."""
    return replace(learner, config=replace(learner.config, updates=1, chunk=1))


@lru_cache(16)
def _chunk(learner: Learner, length: int, structure: Any, axes: tuple[Any, ...], mesh: Mesh | None) -> Any:
    """`Learner.chunk` to be compiled. `axes`: one for each leaf of the `structure`."""
    options: dict[str, Any] = {}
    if mesh is not None:
        everywhere = NamedSharding(mesh, PartitionSpec())
        options["in_shardings"] = (shardings(mesh), *[everywhere] * 4)
        options["out_shardings"] = (shardings(mesh), everywhere)
    return jax.jit(partial(learner.chunk, length, structure.unflatten(axes)), **options)


def begin(
    learner: Learner,
    axes: Any,
    algorithm: Algorithm,
    keys: Key[Array, " members"],
    env_params: Any,
    mesh: Mesh | None = None,
) -> TrainState:
    """The state of all members before the first update. `algorithm`: of all members, as `keys`.

    Without a mesh it is computed on the host, whatever it then goes to: agents begin one after the other (see
    `Learner.init`), each with a few small decompositions, which an accelerator is slow at; and they begin alike
    everywhere.
    """
    structure: Any = jax.tree.structure(env_params)
    start = _init(_of_any_length(learner), structure, tuple(structure.flatten_up_to(axes)), mesh)
    if mesh is not None:
        return start(algorithm, keys, env_params)
    state: TrainState = jax.device_put(start(*jax.device_put((algorithm, keys, env_params), host())), default())
    return state


@lru_cache(16)
def _init(learner: Learner, structure: Any, axes: tuple[Any, ...], mesh: Mesh | None) -> Callable[..., TrainState]:
    """Compiled once for batches of one shape. `axes`: one for each leaf of the `structure`."""
    out: dict[str, Any] = {} if mesh is None else {"out_shardings": shardings(mesh)}
    return jax.jit(partial(learner.init, structure.unflatten(axes)), **out)


def split(whole: Members, axes: Any, size: int, devices: Sequence[Any] = ()) -> list[Members]:
    """Parts of `size` members; the last is filled up with its own last member.

    A part of one member has its environment's parameters without an axis: whatever else may vary, it is the program of
    one that trains alone, and so are its bits.

    Args:
        whole: all members.
        axes: see `Learner.chunk`.
        size: of a part, members.
        devices: the parts go round them, part `n` on device `n % len(devices)`; without any, on the default device.
    """
    members, usual = len(whole.state.key), default()
    there = [None if device == usual else device for device in devices] or [None]

    def placed(tree: Any, device: Any) -> Any:
        return tree if device is None else jax.device_put(tree, device)

    if size == members:
        world = whole.env_params if size > 1 else _of_part(whole.env_params, axes, np.arange(1))
        return [placed(whole._replace(env_params=world), devices[0] if devices else None)]
    # What all members share goes to each device once.
    worlds = [
        jax.tree.map(
            lambda axis, leaf, device=device: placed(leaf, device) if axis is None else leaf,
            axes, whole.env_params, is_leaf=lambda axis: axis is None,
        )
        for device in there
    ]  # fmt: skip
    like = whole.state, whole.algorithm
    own, parts = to_numpy(like), []
    for number, first in enumerate(range(0, members, size)):
        device = there[number % len(there)]
        ids = np.minimum(np.arange(first, first + size), members - 1)
        state, algorithm = on_device(jax.tree.map(lambda leaf, ids=ids: leaf[ids], own), like, device)
        world = placed(_of_part(worlds[number % len(there)], axes, ids), device)
        parts.append(Members(state, algorithm, world))
    return parts


def shapes(whole: Members, axes: Any, size: int) -> Members:
    """Shapes and types of a part of `size` members."""
    ids = np.zeros(size, int)
    own = whole.state, whole.algorithm
    state, algorithm = jax.eval_shape(lambda tree: jax.tree.map(lambda leaf: leaf[ids], tree), own)
    return Members(state, algorithm, _of_part(whole.env_params, axes, ids))


def _of_part(env_params: Any, axes: Any, ids: np.ndarray) -> Any:
    return pick(env_params, axes, ids if len(ids) > 1 else ids[0])


def join(parts: Sequence[Members], members: int) -> TrainState:
    """The state of all members, from their parts."""
    first = parts[0].state
    if len(parts) == 1 and len(first.key) == members:
        return first
    hosts = [to_numpy(part.state) for part in parts]
    return on_device(jax.tree.map(lambda *leaves: np.concatenate(leaves)[:members], *hosts), first)


def mesh_of(devices: Sequence[Any], envs: int) -> Mesh | None:
    """All these devices in a row, each for an equal share of the environments; None for a single one.

    Raises:
        UserError: the environments cannot be shared out evenly.
    """
    if len(devices) == 1:
        return None
    if envs % len(devices):
        near = envs - envs % len(devices)
        raise UserError(
            f"train.envs = {envs}: must be a multiple of the {len(devices)} devices, "
            f"{' or '.join(str(n) for n in (near, near + len(devices)) if n)}"
        )
    return Mesh(np.array(devices), ("envs",))


def shardings(mesh: Mesh) -> TrainState:
    """Where a state lies on a mesh: each device has its environments, and all have the same agent."""
    everywhere, by_env = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(None, "envs"))
    where: Any = {"agent": everywhere, "carry": by_env, "observation": by_env, "env_state": by_env, "key": everywhere}
    return TrainState(**where)


def place(state: TrainState, mesh: Mesh) -> TrainState:
    """A state, from wherever it is, on a mesh."""
    placed: TrainState = jax.device_put(state, shardings(mesh))
    return placed
