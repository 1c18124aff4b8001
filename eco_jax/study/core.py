"""What all parts share: the study, what a part is, and how agents are trained in it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import jax
import numpy as np

from eco_jax.agent.algorithms import Algorithm
from eco_jax.env import PRESETS, EcoEnv, EnvParams
from eco_jax.run.config import INPUTS, RunConfig, default, resolve
from eco_jax.run.settings import by_flags, input_hashes
from eco_jax.study import names
from eco_jax.study.judging import key_of
from eco_jax.study.play import flat, nested
from eco_jax.study.profile import Profile
from eco_jax.study.store import Arrays
from eco_jax.train.config import PLAYED, TrainConfig
from eco_jax.train.fit import Chunk, NotFiniteError, fit, stack_params
from eco_jax.train.loop import Learner

DECIDED = ("knowledge", "train.updates")
"""Settings of a run that a study decides itself: it has agents of every level, and its profile says how long."""


def differences(config: RunConfig) -> dict[str, tuple[Any, Any]]:
    """What differs from the default: name of the flag -> (default or None, value)."""
    usual, here = default().values, config.values
    return {n: (usual.get(n), here[n]) for n in here if n not in DECIDED and here[n] != usual.get(n)}


def changed(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """The settings with other values, by the names that `eco_jax.make` takes or by those of their flags.

    `preset` stands for what a world by name (`env.PRESETS`) changes.
    """
    named = dict(changes)
    named = {**PRESETS[named.pop("preset")], **named} if "preset" in named else named
    return resolve(by_flags(named, config.values), config.values)


def maker(config: RunConfig) -> Callable[..., tuple[EcoEnv, EnvParams]]:
    """What makes the world of these settings, of which a part may change anything (see `changed`)."""
    return lambda **changes: changed(config, changes).make()


@dataclass
class Study:
    """What all parts share."""

    config: RunConfig
    """settings of the world and of the training; of `DECIDED` the study decides itself"""
    profile: Profile
    seed: int = 0
    judge: str = ""
    """the publication whose own episodes the table's policies play; without one, the episodes that all may look at"""
    devices: Sequence[Any] = ()
    """share the agents that are trained; the default one where none is given"""
    verdicts_only: bool = False
    """run only what carries verdicts, and what that needs; of the rest, what is finished already is shown, too"""
    learners: tuple[str, ...] | None = None
    """of the profile's other algorithms and networks (`study/learners.toml`) these; None: all"""
    done: dict[str, Arrays] = field(default_factory=dict)
    """finished parts"""
    tick: Callable[[float], None] = lambda share: None
    """told the share of the present part that is done"""

    @property
    def train(self) -> TrainConfig:
        """The training's static settings."""
        return self.config.train

    @property
    def kind(self) -> type[Algorithm]:
        """The class of the learning algorithm."""
        return cast(type[Algorithm], self.config.section_of(Algorithm.kind))

    def agent(self, level: str) -> str:
        """The policy of the agents trained at a level."""
        return names.agent(self.kind, level)

    def algorithm(self, **changes: Any) -> Algorithm:
        """The learning algorithm with its network, with other settings of its own."""
        return cast(Algorithm, self.config.but(algorithm=changes).algorithm())

    @property
    def settings(self) -> dict[str, Any]:
        """All that the numbers of a part depend on beside the profile and the machine."""
        found = {
            name: value for name, value in self.config.values.items() if name not in (*DECIDED, *INPUTS, "plugins")
        }
        return found | input_hashes(self.config) | {"seed": self.seed}

    @cached_property
    def make(self) -> Callable[..., tuple[EcoEnv, EnvParams]]:
        """Makes the study's world, with what a part changes (see `maker`)."""
        return maker(self.config)

    @cached_property
    def world(self) -> tuple[EcoEnv, EnvParams]:
        """The study's own world."""
        return self.make()

    @property
    def played(self) -> int:
        """Seed of the episodes of evaluation: those of the publication, or those to look at."""
        return key_of(self.judge) if self.judge else PLAYED + self.seed

    @property
    def evaluation(self) -> Any:
        """Key of the episodes of evaluation."""
        return jax.random.key(self.played)

    @property
    def looking(self) -> Any:
        """Key of the episodes to look at: those of all that has no verdict."""
        return jax.random.key(PLAYED + self.seed)

    @property
    def tuning(self) -> Any:
        """Key of the episodes that rules are tuned on: other ones."""
        return jax.random.key(2_000_003 + self.seed)

    @property
    def tuned(self) -> dict[str, float]:
        """What the rules are tuned to, central ones too."""
        return {
            name.removeprefix("tuned:").removesuffix("/value"): float(value)
            for part in ("rules", "references")
            for name, value in self.done.get(part, {}).items()
            if name.startswith("tuned:")
        }

    def agents(self, levels: Sequence[str]) -> Any:
        """The agents trained at these levels, one level after the other."""
        each = [nested(self.done[names.trained(level)]) for level in levels]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *each)

    def learner(self, env: EcoEnv, updates: int = 1, **train: Any) -> Learner:
        """The study's training in `env`."""
        return Learner(env, dataclasses.replace(self.train, updates=updates, **train))


@dataclass(frozen=True)
class Part:
    """A part of the study."""

    name: str
    title: str
    """what it does, for the progress bar"""
    seconds: float
    """what it takes, as a share of its profile's"""
    run: Callable[[Study], Arrays]
    needs: tuple[str, ...] = ()
    """parts that must be done before"""
    judged: bool = False
    """it plays the episodes of evaluation (`Study.evaluation`), on which claims are judged"""
    varies: Any = None
    """what its numbers depend on beside the study and its profile, where it is declared elsewhere"""


def train(
    study: Study,
    learner: Learner,
    worlds: Sequence[EnvParams],
    seeds: Sequence[int],
    algorithm: Algorithm | None = None,
) -> Arrays:
    """Train one agent in each world: `params/...` and `curve/<metric>` [updates, members]."""

    def tick(chunk: Chunk) -> None:
        study.tick(chunk.done / chunk.total)

    stacked, axes = stack_params(worlds)
    keys = [jax.random.key(study.seed + seed) for seed in seeds]
    algorithms = [algorithm or study.algorithm()] * len(worlds)
    fitted = fit(learner, stacked, algorithms, keys, axes=axes, devices=study.devices, on_chunk=tick)
    if fitted.failed:
        which, cause = min(fitted.failed.items())
        raise NotFiniteError(f"agent {which}, {cause}", fitted.state)
    curves = {names.of(names.CURVE, name): value.astype(np.float32) for name, value in fitted.metrics.items()}
    return flat(fitted.state.agent.params) | curves
