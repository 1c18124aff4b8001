"""A training compiled: once for a number of members, then run chunk by chunk, on one device or on many."""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Key

from eco_jax.errors import UserError
from eco_jax.train.loop import Learner, TrainState


@dataclass(frozen=True)
class Program:
    """`Learner.chunk`, compiled for `members` members."""

    compiled: Any
    members: int
    length: int
    """updates of one call"""
    total: int
    """updates of a whole run"""
    compile_s: float

    def run(
        self, state: TrainState, hyper: dict[str, Array], env_params: Any, start: int
    ) -> tuple[TrainState, dict[str, Array]]:
        """`length` updates from `start` on, in the place of `state`; metrics [length, members]."""
        return self.compiled(state, hyper, env_params, jnp.int32(start), jnp.int32(self.total))

    @property
    def memory(self) -> int:
        """What a call takes of the device's memory, by XLA's own count, bytes; 0 where it does not say."""
        counted = self.compiled.memory_analysis()
        if counted is None:
            return 0
        sizes = ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes")
        return int(sum(getattr(counted, size) for size in sizes) - counted.alias_size_in_bytes)


def side_by_side(members: int) -> int:
    """Members to compute at once: all on an accelerator, on a CPU one for every two cores.

    One run keeps two cores busy, and its activations in their caches: there, 32 members at once ran at 0.6 times the
    steps/s of one alone, and one after the other at the same.
    """
    most = max(1, (os.cpu_count() or 1) // 2) if jax.default_backend() == "cpu" else members
    return next(n for n in range(min(most, members), 0, -1) if members % n == 0)


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
    return Mesh(devices, ("envs",))


def shardings(mesh: Mesh) -> TrainState:
    """Where a state lies on a mesh: each device has its environments, and all have the same parameters."""
    everywhere, by_env = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(None, "envs"))
    return TrainState(everywhere, everywhere, by_env, by_env, everywhere)  # type: ignore[arg-type]


def place(state: TrainState, mesh: Mesh) -> TrainState:
    """A state, from wherever it is, on a mesh."""
    where = shardings(mesh)
    return TrainState(*(jax.device_put(part, sharding) for part, sharding in zip(state, where, strict=True)))


def begin(
    learner: Learner, axes: Any, keys: Key[Array, " members"], env_params: Any, mesh: Mesh | None = None
) -> TrainState:
    """The state of all members before the first update."""
    out = {} if mesh is None else {"out_shardings": shardings(mesh)}
    return jax.jit(partial(learner.init, axes), **out)(keys, env_params)


def compile_program(
    learner: Learner,
    axes: Any,
    state: TrainState,
    hyper: dict[str, Array],
    env_params: Any,
    length: int,
    mesh: Mesh | None = None,
) -> Program:
    """Compile `length` updates for members like these (only shapes matter)."""
    started = time.perf_counter()
    members = math.prod(state.key.shape)
    options: dict[str, Any] = {}
    beside = side_by_side(members)
    if mesh is not None:
        everywhere = NamedSharding(mesh, PartitionSpec())
        options["in_shardings"] = (shardings(mesh), everywhere, everywhere, everywhere, everywhere)
        options["out_shardings"] = (shardings(mesh), everywhere)
    run = jax.jit(partial(learner.chunk, length, beside, axes), donate_argnums=0, **options)
    total = learner.config.updates
    compiled = run.lower(state, hyper, env_params, jnp.int32(0), jnp.int32(total)).compile()
    return Program(compiled, members, length, total, time.perf_counter() - started)
