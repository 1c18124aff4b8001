"""A training compiled, and run on what there is: cores, an accelerator, or many devices.

On a CPU a program holds one member, and the members' calls run in as many threads as there are cores: small arrays do
not keep two cores busy (1.5 to 1.8 times the speed on two), a member's activations stay in its core's cache (32 members
in one program ran at 0.6 times the speed), and a member is to the last bit what it is alone. An accelerator takes all
members at once, as far as its memory goes.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Key

from eco_jax.agent.algorithms import Algorithm
from eco_jax.errors import UserError
from eco_jax.train.loop import Learner, TrainState


class Members(NamedTuple):
    """Members that go through a program together; every leaf has a leading axis of them, but what all share."""

    state: TrainState
    algorithm: Algorithm
    env_params: Any


@dataclass(frozen=True)
class Program:
    """`Learner.chunk`, compiled for `size` members."""

    compiled: Any
    size: int
    length: int
    """updates of one call"""
    total: int
    """updates of a whole run"""
    compile_s: float

    def run(self, part: Members, start: int) -> tuple[Members, dict[str, np.ndarray]]:
        """`length` updates from `start` on; metrics [length, members]."""
        state, metrics = self.compiled(*part, jnp.int32(start), jnp.int32(self.total))
        return part._replace(state=state), {name: np.asarray(value) for name, value in metrics.items()}

    def advance(
        self, parts: Sequence[Members], start: int, check: Callable[[], None] = lambda: None
    ) -> tuple[list[Members], dict[str, np.ndarray]]:
        """All parts, on a CPU in as many threads as there are cores; `check`, called before each, may raise."""

        def one(part: Members) -> tuple[Members, dict[str, np.ndarray]]:
            check()
            return self.run(part, start)

        if len(parts) == 1:
            done = [one(parts[0])]
        else:
            with ThreadPoolExecutor(cores() if jax.default_backend() == "cpu" else 1) as threads:
                done = list(threads.map(one, parts))
        metrics = {name: np.concatenate([out[name] for _, out in done], axis=1) for name in done[0][1]}
        return [part for part, _ in done], metrics

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


def together(members: int, mesh: Mesh | None = None) -> int:
    """Members of one program: see the module."""
    return members if mesh is not None or jax.default_backend() != "cpu" else 1


def compile_program(learner: Learner, axes: Any, part: Members, length: int, mesh: Mesh | None = None) -> Program:
    """Compile `length` updates for members like these, a part of `split` (only shapes matter).

    A program that was compiled before in this process is there at once.
    """
    started = time.perf_counter()
    if len(part.state.key) == 1:
        axes = jax.tree.map(lambda _: None, part.env_params)
    structure: Any = jax.tree.structure(part.env_params)
    total = learner.config.updates
    run = _chunk(_of_any_length(learner), length, structure, tuple(structure.flatten_up_to(axes)), mesh)
    compiled = run.lower(*part, jnp.int32(0), jnp.int32(total)).compile()
    return Program(compiled, len(part.state.key), length, total, time.perf_counter() - started)


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
    """The state of all members before the first update. `algorithm`: of all members, as `keys`."""
    structure: Any = jax.tree.structure(env_params)
    start = _init(_of_any_length(learner), structure, tuple(structure.flatten_up_to(axes)), mesh)
    return start(algorithm, keys, env_params)


@lru_cache(16)
def _init(learner: Learner, structure: Any, axes: tuple[Any, ...], mesh: Mesh | None) -> Callable[..., TrainState]:
    """Compiled once for batches of one shape. `axes`: one for each leaf of the `structure`."""
    out: dict[str, Any] = {} if mesh is None else {"out_shardings": shardings(mesh)}
    return jax.jit(partial(learner.init, structure.unflatten(axes)), **out)


def split(whole: Members, axes: Any, size: int) -> list[Members]:
    """Parts of `size` members; the last is filled up with its own last member.

    A part of one member has its environment's parameters without an axis: whatever else may vary, it is the program of
    one that trains alone, and so are its bits.
    """
    members = len(whole.state.key)
    if size == members > 1:
        return [whole]
    if members == 1:
        return [whole._replace(env_params=_of_part(whole.env_params, axes, np.arange(1)))]
    like = whole.state, whole.algorithm
    own = _host(like)
    parts = []
    for first in range(0, members, size):
        ids = np.minimum(np.arange(first, first + size), members - 1)
        state, algorithm = _device(jax.tree.map(lambda leaf, ids=ids: leaf[ids], own), like)
        parts.append(Members(state, algorithm, _of_part(whole.env_params, axes, ids)))
    return parts


def shapes(whole: Members, axes: Any, size: int) -> Members:
    """Shapes and types of a part of `size` members."""
    ids = np.zeros(size, int)
    own = whole.state, whole.algorithm
    state, algorithm = jax.eval_shape(lambda tree: jax.tree.map(lambda leaf: leaf[ids], tree), own)
    return Members(state, algorithm, _of_part(whole.env_params, axes, ids))


def _of_part(env_params: Any, axes: Any, ids: np.ndarray) -> Any:
    return pick(env_params, axes, ids if len(ids) > 1 else ids[0])


def take(tree: Any, ids: np.ndarray) -> Any:
    """Some members of a stacked tree."""
    return _device(jax.tree.map(lambda leaf: leaf[ids], _host(tree)), tree)


def put(tree: Any, ids: np.ndarray, new: Any) -> Any:
    """A stacked tree with some members replaced."""

    def replaced(leaf: np.ndarray, piece: np.ndarray) -> np.ndarray:
        leaf = leaf.copy()
        leaf[ids] = piece
        return leaf

    return _device(jax.tree.map(replaced, _host(tree), _host(new)), tree)


def pick(env_params: Any, axes: Any, ids: np.ndarray | np.integer) -> Any:
    """Parameters of the environments of some members; of one, by its number, without an axis."""
    return jax.tree.map(
        lambda axis, leaf: leaf if axis is None else jnp.asarray(np.asarray(leaf)[ids]),
        axes, env_params, is_leaf=lambda axis: axis is None,
    )  # fmt: skip


def join(parts: Sequence[Members], members: int) -> TrainState:
    """The state of all members, from their parts."""
    first = parts[0].state
    if len(parts) == 1 and len(first.key) == members:
        return first
    hosts = [_host(part.state) for part in parts]
    return _device(jax.tree.map(lambda *leaves: np.concatenate(leaves)[:members], *hosts), first)


def _host(tree: Any) -> Any:
    """The same in NumPy; keys as their data."""
    return jax.tree.map(lambda leaf: np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf), tree)


def _device(tree: Any, like: Any) -> Any:
    """The inverse of `_host`: as arrays on the device, keys where `like` has keys."""
    return jax.tree.map(
        lambda leaf, as_leaf: jax.random.wrap_key_data(jnp.asarray(leaf)) if _is_key(as_leaf) else jnp.asarray(leaf),
        tree, like,
    )  # fmt: skip


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


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
