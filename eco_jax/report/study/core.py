"""What all parts share: the study, what a part is, and how agents are trained in it."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np

from eco_jax.env import EcoEnv, EnvParams, make
from eco_jax.report.study.play import flat, nested
from eco_jax.report.study.profile import Profile
from eco_jax.report.study.store import Arrays
from eco_jax.train.config import Hyper, TrainConfig
from eco_jax.train.fit import Chunk, NotFiniteError, fit, stack_params
from eco_jax.train.loop import Learner

CURVES = ("reward", "energy", "qoe", "latency", "syncs")
"""Metrics kept of a training."""


def maker(preset: str, trace: Any = None) -> Callable[..., tuple[EcoEnv, EnvParams]]:
    """`eco_jax.env.make` for a world by name, of which a part may change anything, its name included."""
    return lambda **changes: make(**{"preset": preset, "trace": trace, **changes})


@dataclass
class Study:
    """What all parts share."""

    make: Callable[..., tuple[EcoEnv, EnvParams]]
    """`eco_jax.env.make` for this study's world: takes what a part changes"""
    train: TrainConfig
    hyper: Hyper
    profile: Profile
    seed: int = 0
    done: dict[str, Arrays] = field(default_factory=dict)
    """finished parts"""
    tick: Callable[[float], None] = lambda share: None
    """told the share of the present part that is done"""

    @cached_property
    def world(self) -> tuple[EcoEnv, EnvParams]:
        """The study's own world."""
        return self.make()

    @property
    def evaluation(self) -> Any:
        """Key of the episodes of evaluation."""
        return jax.random.key(1_000_003 + self.seed)

    @property
    def tuning(self) -> Any:
        """Key of the episodes that rules are tuned on: other ones."""
        return jax.random.key(2_000_003 + self.seed)

    @property
    def tuned(self) -> dict[str, float]:
        """What the rules are tuned to."""
        return {
            name.removeprefix("tuned:").removesuffix("/value"): float(value)
            for name, value in self.done["rules"].items()
            if name.startswith("tuned:")
        }

    def agents(self, levels: Sequence[str]) -> Any:
        """The agents trained at these levels, one level after the other."""
        each = [nested(self.done[f"agents-{level}"]) for level in levels]
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
    """about what it takes on two cores"""
    run: Callable[[Study], Arrays]
    needs: tuple[str, ...] = ()
    """parts that must be done before"""


def train(
    study: Study,
    learner: Learner,
    worlds: Sequence[EnvParams],
    seeds: Sequence[int],
    hyper: Hyper | None = None,
) -> Arrays:
    """Train one agent in each world: `params/...` and `curve/<metric>` [updates, members]."""

    def tick(chunk: Chunk) -> None:
        study.tick(chunk.done / chunk.total)

    stacked, axes = stack_params(worlds)
    keys = [jax.random.key(study.seed + seed) for seed in seeds]
    fitted = fit(learner, stacked, [hyper or study.hyper] * len(worlds), keys, axes=axes, on_chunk=tick)
    if fitted.failed:
        which, cause = min(fitted.failed.items())
        raise NotFiniteError(f"agent {which}, {cause}", fitted.state)
    curves = {f"curve/{name}": fitted.metrics[name].astype(np.float32) for name in CURVES if name in fitted.metrics}
    return flat(fitted.state.params) | curves
