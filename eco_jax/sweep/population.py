"""Many configurations of one shape, trained by one compiled program.

A member is a configuration with a seed. All members advance together from look to look (`TrainConfig.chunk` updates);
between two looks some may end early or go on from another one's parameters (`sweep.strategies`). A program holds as
many members as memory allows; what is more goes through it in slices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.run.settings import RunConfig
from eco_jax.train.fit import chunk_length, not_finite, stack, stack_params
from eco_jax.train.loop import Learner, TrainState
from eco_jax.train.program import Program, begin, compile_program

SHOWN = ("reward", "energy", "latency", "qoe")
"""Metrics that are kept of every member and look."""
MEMORY_SHARE = 0.7
"""Of the device's memory, what a program may take by XLA's own count: it does not count everything."""
CALL = {"cpu": 6e5, "gpu": 3e7, "tpu": 3e7}
"""User-slots (members x updates x environments x slots x users) in one call: about 2 s. Signals are heard between two."""


class State(NamedTuple):
    """Everything that a population carries from look to look; every leaf has a leading axis of members."""

    params: Any
    rest: Any
    """`TrainState` without its parameters"""
    hyper: dict[str, Any]
    alive: Any
    """whether it is still trained, bool [members]"""
    curves: Any
    """means of `SHOWN` over each look, [members, looks, metrics]; NaN where there was none"""


@dataclass(frozen=True)
class Group:
    """Members that one program can train: equal but for numbers that are traced."""

    learner: Learner
    worlds: Sequence[Any]
    """environment parameters, one for each member"""
    vary: tuple[str, ...]
    """fields of them that differ between members"""
    hyper: Sequence[Any]
    seeds: Sequence[int]

    @property
    def looks(self) -> int:
        """Looks in a whole run."""
        return self.learner.config.updates // self.look

    @property
    def look(self) -> int:
        """Updates between two looks."""
        return chunk_length(self.learner.config.updates, self.learner.config.chunk)

    @property
    def call_share(self) -> float:
        """Updates of one member that fit in a call."""
        config = self.learner.config
        return CALL.get(jax.default_backend(), 3e7) / (config.envs * config.rollout * self.learner.env.agents)


def static_key(config: RunConfig) -> Any:
    """What two configurations must share to be trained by one program."""
    return config.env, config.train, config.trace, config.sites


class Population:
    """The members of a group: compiled for as many as fit, advanced look by look."""

    def __init__(
        self,
        group: Group,
        warn: Callable[[str], None],
        said: Callable[[str], None] = lambda text: None,
        programs: dict[Any, Program] | None = None,
    ) -> None:
        """Ready to begin; nothing is compiled yet.

        Args:
            group: the members.
            warn: told what is done about memory.
            said: told what is compiled.
            programs: compiled before, to be used again and added to.
        """
        self.group, self.warn, self.said = group, warn, said
        self.members = len(group.seeds)
        self.params, self.axes = stack_params(group.worlds, group.vary)
        # A CPU trains members one after the other anyway: slices cost nothing there, and signals are heard sooner.
        self.most = self.members
        if jax.default_backend() == "cpu":
            self.most = max(1, min(self.members, int(group.call_share)))
        self.programs: dict[Any, Program] = {} if programs is None else programs
        self.failed: dict[int, str] = {}

    def begin(self) -> State:
        """The state before the first update."""
        keys = jnp.stack([jax.random.key(seed) for seed in self.group.seeds])
        state = begin(self.group.learner, self.axes, keys, self.params)
        looks = (self.members, self.group.looks, len(SHOWN))
        return State(
            state.params,
            tuple(state[1:]),
            stack([h.arrays() for h in self.group.hyper]),
            jnp.ones(self.members, bool),
            jnp.full(looks, jnp.nan, jnp.float32),
        )

    def like(self) -> State:
        """Shapes and types of a state."""
        return jax.eval_shape(self.begin)

    def advance(self, state: State, look: int, check: Callable[[], None] = lambda: None) -> State:
        """Every living member through look number `look`.

        Args:
            state: after the look before.
            look: its number, from 0.
            check: called between two calls of the device; may raise.
        """
        left = np.flatnonzero(np.asarray(state.alive))
        while len(left):
            program = self._fitting(state, len(left))
            ids, rest = left[: program.members], left[program.members :]
            try:
                state = self._through(program, state, ids, look, check)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error) or program.members == 1:
                    raise
                self._at_most(program.members // 2, f"out of memory with {program.members} members in one program")
                continue
            left = rest
        return state

    def _through(
        self, program: Program, state: State, ids: np.ndarray, look: int, check: Callable[[], None]
    ) -> State:
        """Some members through a look; a program that is not full repeats the first, and forgets what that did."""
        picked = jnp.asarray(np.concatenate([ids, np.full(program.members - len(ids), ids[0])]))
        part, hyper, params = self._pick(state, self.params, picked)
        collected = []
        for start in range(look * self.group.look, (look + 1) * self.group.look, program.length):
            part, metrics = program.run(part, hyper, params, start)
            collected.append({name: np.asarray(value) for name, value in metrics.items()})
            check()
        metrics = {name: np.concatenate([c[name] for c in collected])[:, : len(ids)] for name in collected[0]}
        for which, cause in not_finite(metrics, look * self.group.look).items():
            self.failed.setdefault(int(ids[which]), cause)
        row = np.stack([metrics[n].mean(0) if n in metrics else np.full(len(ids), np.nan) for n in SHOWN], -1)

        def put(whole: Any, piece: Any) -> Any:
            return piece if len(ids) == self.members else whole.at[jnp.asarray(ids)].set(piece[: len(ids)])

        params, rest = jax.tree.map(put, (state.params, state.rest), (part.params, tuple(part[1:])))
        return state._replace(params=params, rest=rest, curves=state.curves.at[jnp.asarray(ids), look].set(row))

    def _pick(self, state: State, params: Any, picked: Any) -> tuple[TrainState, dict[str, Any], Any]:
        """What a program takes of these members."""

        def take(leaf: Any) -> Any:
            return leaf[picked]

        worlds = jax.tree.map(
            lambda axis, leaf: leaf if axis is None else take(leaf), self.axes, params, is_leaf=lambda axis: axis is None
        )
        own = jax.tree.map(take, (state.params, *state.rest))
        return TrainState(*own), jax.tree.map(take, state.hyper), worlds

    def _fitting(self, state: State, wanted: int) -> Program:
        """A program for as many of the wanted members as fit, in slices of one size."""
        while True:
            size = -(-wanted // -(-wanted // self.most))
            alike = (self.group.learner, self.group.vary)
            # A program that is a little too large costs less than the compilation of another.
            there = [n for *key, n in self.programs if tuple(key) == alike and size <= n < min(2 * size, self.most + 1)]
            if there:
                return self.programs[*alike, min(there)]
            shapes = jax.eval_shape(self._pick, state, self.params, jnp.arange(size))
            length = chunk_length(self.group.look, max(1, int(self.group.call_share / size)))
            self.said(f"compiling for {size} members")
            program = compile_program(self.group.learner, self.axes, *shapes, length)
            self.said(f"compiled for {size} members in {program.compile_s:.1f} s")
            limit = MEMORY_SHARE * memory_bytes()
            if program.memory <= limit or size == 1:
                self.programs[*alike, size] = program
                return program
            self._at_most(
                min(size - 1, int(size * limit / program.memory)),
                f"{size} members take {program.memory / 1e9:.2f} GB of {limit / 1e9:.2f} GB that a program may take",
            )

    def _at_most(self, members: int, why: str) -> None:
        """Members of one program from here on."""
        self.most = max(1, members)
        self.warn(f"{why}: {self.most} at a time from here on")


def memory_bytes() -> float:
    """The device's memory that a program may ask for, bytes."""
    stats = jax.devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats and "bytes_limit" in stats:
        return float(stats["bytes_limit"])
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []:
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return float("inf")


def changed(state: State, alive: np.ndarray, source: np.ndarray, hyper: dict[str, np.ndarray]) -> State:
    """Members after a strategy's decision: each goes on from the parameters of its `source`, with its new `hyper`.

    The environments and keys stay a member's own.
    """
    order = jnp.asarray(source)
    optimizer, *others = state.rest
    params, optimizer = jax.tree.map(lambda leaf: leaf[order], (state.params, optimizer))
    new = {name: jnp.asarray(value, jnp.float32) for name, value in hyper.items()}
    return State(params, (optimizer, *others), new, jnp.asarray(alive), state.curves)
