"""The host's side of training: compile once, run chunk after chunk, report, stop where something is wrong."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from eco_jax.agent.algorithms import Algorithm
from eco_jax.agent.algorithms.base import check_learns
from eco_jax.errors import UserError
from eco_jax.train.devices import default
from eco_jax.train.loop import Learner, TrainState
from eco_jax.train.program import Members, begin, compile_program, join, place, split, spread, together

LEARNT = "what was learnt"
"""Named as a cause where an agent was not finite, though all that was reported of the update was."""


class NotFiniteError(RuntimeError):
    """All members of a training met a NaN or an infinity: the message names the first's update and terms.

    `state` is the last good one: the update that would have used the bad number was not taken.
    """

    def __init__(self, message: str, state: TrainState) -> None:
        super().__init__(message)
        self.state = state


@dataclass(frozen=True)
class Chunk:
    """What the host learns after each chunk of updates."""

    start: int
    """number of its first update"""
    metrics: dict[str, np.ndarray]
    """name -> [updates in the chunk, members]"""
    wall_s: float
    """since the end of compilation"""
    total: int
    """updates in the whole run"""
    whole: Callable[[], TrainState]
    """gives the state after it"""

    @property
    def state(self) -> TrainState:
        """After it, of all members."""
        return self.whole()

    @property
    def done(self) -> int:
        """Updates done so far."""
        return self.start + len(next(iter(self.metrics.values())))


@dataclass(frozen=True)
class Fit:
    """A finished training."""

    state: TrainState
    """of all members: every leaf has a leading axis"""
    metrics: dict[str, np.ndarray]
    """name -> [updates, members], from the first update of this call on"""
    compile_s: float
    wall_s: float
    """training, without compilation"""
    failed: dict[int, str]
    """member -> which update and terms were not finite; what it did from there on counts for nothing"""


def stack(trees: Sequence[Any]) -> Any:
    """Members' pytrees as one, with a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def stack_algorithms(algorithms: Sequence[Algorithm]) -> Algorithm:
    """Members' algorithms as one, whose traced numbers have a leading axis of members.

    Raises:
        UserError: they differ in more than traced numbers, so they are no members of one program.
    """
    first: Any = jax.tree.structure(algorithms[0])
    for which, algorithm in enumerate(algorithms):
        if jax.tree.structure(algorithm) != first:
            raise UserError(
                f"member {which}: its algorithm, network or one of their static settings is not that of member 0, so "
                "one program cannot train both"
            )
    stacked: Algorithm = stack(algorithms)
    return stacked


def member(tree: Any, index: int) -> Any:
    """One member of a stacked pytree."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def stack_params(members: Sequence[Any], own: Sequence[str] = ()) -> tuple[Any, Any]:
    """Members' environment parameters as one pytree, and their vmap axes.

    A leaf that is the same in all members, to the last bit, is shared (axis None); any other gets a leading axis of
    members (axis 0). Which leaves are shared decides the shape of the compiled program.

    Args:
        members: parameters of one structure.
        own: fields that get an axis even where all members are equal: the batches of a sweep are then one program,
            whichever values were drawn for them.
    """
    structure: Any
    named, structure = jax.tree_util.tree_flatten_with_path(members[0])
    columns = zip(*(structure.flatten_up_to(params) for params in members), strict=True)
    stacked: list[Any] = []
    axes: list[Any] = []
    for (path, first), leaves in zip(named, columns, strict=True):
        shared = getattr(path[0], "name", None) not in own and all(same(first, leaf) for leaf in leaves)
        stacked.append(first if shared else jnp.stack(leaves))
        axes.append(None if shared else 0)
    return structure.unflatten(stacked), structure.unflatten(axes)


def same(one: Any, other: Any) -> bool:
    """Whether two leaves are equal to the last bit."""
    if one is other:
        return True
    first, second = np.asarray(one), np.asarray(other)
    return first.shape == second.shape and first.dtype == second.dtype and first.tobytes() == second.tobytes()


def of_member(stacked: Any, axes: Any, index: Any) -> Any:
    """What `stack_params` was given for one member; `index` may be traced."""
    return jax.tree.map(
        lambda axis, leaf: leaf if axis is None else leaf[index], axes, stacked, is_leaf=lambda axis: axis is None
    )


def chunk_length(updates: int, wish: int) -> int:
    """The longest chunk up to `wish` that divides the run: another length would be another compilation."""
    return next(n for n in range(min(wish, updates), 0, -1) if updates % n == 0)


def fit(
    learner: Learner,
    env_params: Any,
    algorithms: Sequence[Algorithm],
    keys: Sequence[PRNGKeyArray],
    *,
    axes: Any = None,
    mesh: Mesh | None = None,
    devices: Sequence[Any] = (),
    resume: Callable[[Any], tuple[int, TrainState] | None] = lambda like: None,
    on_compiled: Callable[[float], None] | None = None,
    on_chunk: Callable[[Chunk], None] | None = None,
    on_failed: Callable[[int, str], None] = lambda member, cause: None,
    failed_before: Callable[[], Mapping[int, str]] = dict,
) -> Fit:
    """Train all members in one program.

    Args:
        learner: environment and settings of the loop.
        env_params: parameters of the environment; leaves that `axes` marks 0 have a leading axis of members.
        algorithms: one for each member; they may differ in traced numbers.
        keys: one for each member.
        axes: see `Learner.chunk`; None shares all of `env_params`.
        mesh: devices that share the environments of each member.
        devices: without a mesh, devices that share the members; the default one where none is given.
        resume: given the state before the first update, says (updates done, state after them), or None to start there.
        on_compiled: called with the seconds of compilation.
        on_chunk: called after each chunk; may raise to stop.
        on_failed: told the member and the cause when a loss, gradient or metric of it is NaN or infinite. The others
            train on.
        failed_before: asked after `resume`: member -> cause, of those that had failed by then.

    Raises:
        NotFiniteError: all members have failed.
        UserError: the algorithms differ in more than traced numbers, or one does not go with the learner's settings;
            or what `resume` gives is no state that this run comes to.
    """
    total = learner.config.updates
    length = chunk_length(total, learner.config.chunk)
    if axes is None:
        axes = jax.tree.map(lambda _: None, env_params)
    algorithm = stack_algorithms(algorithms)
    check_learns(algorithms[0], learner.config, learner.env, env_params)

    started = time.perf_counter()
    state = begin(learner, axes, algorithm, jnp.stack(list(keys)), env_params, mesh)
    first, state = resume(state) or (0, state)
    if mesh is not None and first:
        state = place(state, mesh)
    if first > total:
        raise UserError(f"{first} updates done: more than the {total} of this run")
    if first % length and first < total:
        raise UserError(f"{first} updates done: not a multiple of {length}, the updates between two looks")
    members = len(algorithms)
    there = () if mesh is not None else devices or [default()]
    share = -(-members // max(1, len(there)))
    parts = split(Members(state, algorithm, env_params), axes, together(share, mesh, there), there)
    program = compile_program(learner, axes, parts[0], length, mesh, there[0] if there else None)
    program = spread(program, learner, axes, parts[0], there[: len(parts)])
    del state  # the parts are all that is needed of it: on an accelerator it would keep its memory
    compile_s = time.perf_counter() - started
    if on_compiled is not None:
        on_compiled(compile_s)

    history: list[dict[str, np.ndarray]] = []
    failed = dict(failed_before())
    began = time.perf_counter()
    for start in range(first, total, length):
        parts, metrics = program.advance(parts, start)
        history.append(metrics)
        for which, cause in not_finite(metrics, start).items():
            if failed.setdefault(which, cause) is cause:
                on_failed(which, cause)
        if len(failed) == members:
            which, cause = min(failed.items())
            raise NotFiniteError(f"member {which}, {cause}; the parameters before it are kept", join(parts, members))
        if on_chunk is not None:
            on_chunk(Chunk(start, metrics, time.perf_counter() - began, total, partial(join, parts, members)))
    wall_s = time.perf_counter() - began
    metrics = {name: np.concatenate([h[name] for h in history]) for name in history[0]} if history else {}
    return Fit(join(parts, members), metrics, compile_s, wall_s, failed)


def not_finite(metrics: dict[str, np.ndarray], start: int) -> dict[int, str]:
    """Member -> its first update that was not finite, and the terms that were not."""
    found = {}
    for which in np.flatnonzero(~metrics["finite"].astype(bool).all(axis=0)):
        update = int(np.argmin(metrics["finite"][:, which]))
        terms = [name for name, value in metrics.items() if not np.isfinite(value[update, which])]
        found[int(which)] = f"update {start + update}: {', '.join(terms) or LEARNT} not finite"
    return found
