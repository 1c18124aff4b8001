"""Many configurations of one shape, trained by one compiled program.

A member is a configuration with a seed. All members advance together from look to look (`TrainConfig.chunk` updates);
between two looks some may end early or go on from another one's parameters (`sweep.strategies`). All devices of this
process share them. A program holds as many members as its device's memory allows (on a CPU one, see `train.program`);
what is more goes through it in parts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from eco_jax.agent.algorithms import Algorithm
from eco_jax.agent.algorithms.base import check_learns
from eco_jax.metrics import MAIN
from eco_jax.parts import with_numbers
from eco_jax.train.devices import one_by_one
from eco_jax.train.fit import chunk_length, not_finite, stack_algorithms, stack_params
from eco_jax.train.loop import Learner, TrainState
from eco_jax.train.members import on_device, pick, put, take, to_numpy
from eco_jax.train.program import Members, Program, begin, compile_program, join, shapes, split, spread, together

if TYPE_CHECKING:
    from eco_jax.run.config import RunConfig

MEMORY_SHARE = 0.7
"""Of the device's memory, what a program may take by XLA's own count: it does not count everything."""
CALL = {"cpu": 6e5, "gpu": 3e7, "tpu": 3e7}
"""User-slots (members x updates x environments x slots x users) in a call: about 2 s; signals are heard after it."""


class State(NamedTuple):
    """Everything that a population carries from look to look; every leaf has a leading axis of members."""

    agent: Any
    others: TrainState
    """environments, keys and what else goes with them: the agent's place is empty"""
    algorithm: Algorithm
    """its traced numbers may change from look to look"""
    alive: Any
    """whether it is still trained, bool [members]"""
    curves: Any
    """means of `Group.shown` over each look, [members, looks, metrics]; NaN where there was none"""


@dataclass(frozen=True)
class Group:
    """Members that one program can train: equal but for numbers that are traced."""

    learner: Learner
    worlds: Sequence[Any]
    """environment parameters, one for each member"""
    own: tuple[str, ...]
    """fields of them that are each member's own, even where they are equal: see `stack_params`"""
    algorithms: Sequence[Algorithm]
    """one for each member; they differ in traced numbers only"""
    seeds: Sequence[int]
    shown: Sequence[str] = MAIN
    """metrics that are kept of every member and look"""

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


def static_key(config: "RunConfig") -> Any:
    """What two configurations must share to be trained by one program."""
    return config.static()


class Population:
    """The members of a group, advanced look by look."""

    def __init__(
        self,
        group: Group,
        warn: Callable[[str], None],
        said: Callable[[str], None] = lambda text: None,
        programs: dict[Any, Program] | None = None,
        devices: Sequence[Any] = (),
    ) -> None:
        """Ready to begin; nothing is compiled yet.

        Args:
            group: the members.
            warn: told what is done about memory.
            said: told what is compiled.
            programs: compiled before for these devices, to be used again and added to.
            devices: share the members; all of this process where none is given.

        Raises:
            UserError: the members cannot be trained by one program, or their algorithm not by this loop.
        """
        self.group, self.warn, self.said = group, warn, said
        self.members = len(group.seeds)
        self.algorithm = stack_algorithms(group.algorithms)
        self.params, self.axes = stack_params(group.worlds, group.own)
        check_learns(group.algorithms[0], group.learner.config, group.learner.env, self.params)
        self.world = jax.tree.structure(group.worlds[0])  # the kinds of its parts
        self.world_shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(group.worlds[0]))  # traces: in length
        self.devices = list(devices or jax.local_devices())
        self.most = together(self.members, None, self.devices)
        self.programs: dict[Any, Program] = {} if programs is None else programs
        self.failed: dict[int, str] = {}
        """member -> update and terms that were not finite"""

    def begin(self) -> State:
        """The state before the first update."""
        keys = jnp.stack([jax.random.key(seed) for seed in self.group.seeds])
        state = begin(self.group.learner, self.axes, self.algorithm, keys, self.params)
        looks = (self.members, self.group.looks, len(self.group.shown))
        return State(
            state.agent, state._replace(agent=()), self.algorithm, jnp.ones(self.members, bool),
            jnp.full(looks, jnp.nan, jnp.float32),
        )  # fmt: skip

    def like(self) -> State:
        """Shapes and types of a state."""
        return jax.eval_shape(self.begin)

    def load(self, state: State) -> None:
        """Go on from here."""
        self.home = state
        self.parts: list[Members] = []
        self.order = np.flatnonzero(np.asarray(state.alive))

    def state(self) -> State:
        """After the last whole look."""
        if not self.parts:
            return self.home
        joined, known = join(self.parts, len(self.order)), _trained(self.home)
        trained = on_device(to_numpy(joined), joined)  # no second copy of everything in an accelerator's memory
        if len(self.order) < self.members:
            trained = put(known, self.order, trained)
        return self.home._replace(agent=trained.agent, others=trained._replace(agent=()))

    def advance(self, look: int, check: Callable[[], None] = lambda: None) -> None:
        """Every living member through a look; if it does not come to its end, nothing has changed.

        Args:
            look: its number, from 0.
            check: called between two calls of the device; may raise.
        """
        while True:
            program = self._fitting(len(self.order))
            if not self.parts or len(self.parts[0].state.key) != program.size:
                self.parts = self._split(program.size)
            parts, collected = self.parts, []
            try:
                for start in range(look * self.group.look, (look + 1) * self.group.look, program.length):
                    parts, metrics = program.advance(parts, start, check)
                    collected.append(metrics)
            except jax.errors.JaxRuntimeError as error:
                self._shrink(program.size, error)
                continue
            break
        self.parts = parts
        count = len(self.order)
        metrics = {name: np.concatenate([c[name] for c in collected])[:, :count] for name in collected[0]}
        for which, cause in not_finite(metrics, look * self.group.look).items():
            self.failed.setdefault(int(self.order[which]), cause)
        curves = np.array(self.home.curves)
        for i, name in enumerate(self.group.shown):
            if name in metrics:
                curves[self.order, look, i] = metrics[name].mean(0)
        self.home = self.home._replace(curves=curves)

    def _split(self, size: int) -> list[Members]:
        """The living, in parts for a program."""
        self.home, self.parts = self.state(), []
        whole = Members(_trained(self.home), self.home.algorithm, self.params)
        if len(self.order) < self.members:
            state, algorithm = take((whole.state, whole.algorithm), self.order)
            whole = Members(state, algorithm, pick(self.params, self.axes, self.order))
        return split(whole, self.axes, size, self.devices)

    def _fitting(self, wanted: int) -> Program:
        """Compile or reuse a program for the most of the wanted members that fit, so that all parts are of one size."""
        while True:
            turns = -(-wanted // (self.most * len(self.devices)))
            size = -(-wanted // (turns * len(self.devices)))
            own = jax.tree.structure(self.axes) if size > 1 else None
            alike = (self.group.learner, jax.tree.structure(self.algorithm), own, self.world, self.world_shapes)
            # A program that is a little too large costs less than the compilation of another.
            there = [n for *key, n in self.programs if tuple(key) == alike and size <= n < min(2 * size, self.most + 1)]
            try:
                program = self.programs[*alike, min(there)] if there else self._compiled(size, wanted)
                if program is None:
                    continue
                self.programs[*alike, program.size] = program = self._on_all(program, wanted)
                return program
            except jax.errors.JaxRuntimeError as error:
                self._shrink(size, error)

    def _compiled(self, size: int, wanted: int) -> Program | None:
        """A program for the first device; None if it takes too much of its memory, and fewer must do."""
        length = chunk_length(self.group.look, max(1, int(self.group.call_share / size)))
        self.said(f"compiling for {size} of {wanted} members" if size < wanted else f"compiling for {size} members")
        program = compile_program(self.group.learner, self.axes, self._shapes(size), length, device=self.devices[0])
        self.said(f"compiled in {program.compile_s:.1f} s")
        limit = MEMORY_SHARE * memory_bytes(self.devices)
        if program.memory <= limit or size == 1:
            return program
        self._at_most(
            min(size - 1, int(size * limit / program.memory)),
            f"{size} members take {program.memory / 1e9:.2f} GB of {limit / 1e9:.2f} GB that a program may take",
        )
        return None

    def _on_all(self, program: Program, wanted: int) -> Program:
        """The program for every device that gets a part of the wanted members."""
        devices = self.devices[: -(-wanted // program.size)]
        if program.devices >= len(devices):
            return program
        self.said(f"compiling for the other {len(devices) - 1} of {len(devices)} devices")
        more = spread(program, self.group.learner, self.axes, self._shapes(program.size), devices)
        self.said(f"compiled in {more.compile_s - program.compile_s:.1f} s")
        return more

    def _shapes(self, size: int) -> Members:
        return shapes(Members(_trained(self.home), self.home.algorithm, self.params), self.axes, size)

    def _shrink(self, size: int, error: Exception) -> None:
        """After an error of the device: half as many members if it ran out of memory; else the error goes on."""
        if "RESOURCE_EXHAUSTED" not in str(error) or size == 1:
            raise error
        self._at_most(size // 2, f"out of memory with {size} members in one program")

    def _at_most(self, members: int, why: str) -> None:
        """Members of one program from here on."""
        self.most = max(1, members)
        self.warn(f"{why}: {self.most} at a time from here on")


def _trained(state: State) -> TrainState:
    return state.others._replace(agent=state.agent)


def memory_bytes(devices: Sequence[Any]) -> float:
    """The memory that a program may ask for on each of these devices, bytes."""
    known = [device.memory_stats() for device in devices if not one_by_one(device)]
    limits = [stats["bytes_limit"] for stats in known if stats and "bytes_limit" in stats]
    if limits:
        return float(min(limits))
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else []:
        if line.startswith("MemAvailable:"):
            return float(line.split()[1]) * 1024
    return float("inf")


def changed(state: State, alive: np.ndarray, source: np.ndarray, numbers: Mapping[str, np.ndarray]) -> State:
    """Members after a strategy's decision.

    Args:
        state: before.
        alive: who is trained on.
        source: whose agent each goes on from. The environments and keys stay a member's own; a memory, which the agent
            before had made, begins anew.
        numbers: new values of the algorithm's traced numbers, [members] each.
    """
    moved = source != np.arange(len(source))
    agent, others = state.agent, state.others
    if moved.any():
        agent, others = take(agent, source), others._replace(carry=_begun_anew(state, moved))
    new = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}
    algorithm = with_numbers(state.algorithm, new)
    return state._replace(agent=agent, others=others, algorithm=algorithm, alive=jnp.asarray(alive))


def _begun_anew(state: State, which: np.ndarray) -> Any:
    """The memories of all members, as at the beginning of an episode where `which`, bool [members]."""
    carry = state.others.carry
    if not jax.tree.leaves(carry):
        return carry
    envs, users = jax.tree.leaves(carry)[0].shape[1:3]
    fresh = jax.vmap(lambda own, _: own.start((envs, users)))(state.algorithm, jnp.arange(len(which)))
    return jax.tree.map(lambda a, b: jnp.where(which.reshape(-1, *[1] * (b.ndim - 1)), a, b), fresh, carry)
