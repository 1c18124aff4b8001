"""Settings of a training run: static ones, and traced ones that a sweep may vary without recompiling."""

import math
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, get_args

import jax.numpy as jnp

from eco_jax.env.config import check_types
from eco_jax.errors import UserError, quoted

Algorithm = Literal["a2c", "ppo"]
ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
ROLLOUT = 10
"""Slots between two updates where nothing else is said, if they divide the episode."""


def rollout_of(horizon: int) -> int:
    """The divisor of an episode of `horizon` slots that is nearest to `ROLLOUT`, as a ratio: 10 of 60, 12 of 12."""
    low = [n for n in range(1, math.isqrt(horizon) + 1) if horizon % n == 0]
    return min([*low, *(horizon // n for n in low)], key=lambda n: max(n / ROLLOUT, ROLLOUT / n))


@dataclass(frozen=True)
class TrainConfig:
    """Static settings of training."""

    algorithm: Algorithm = "a2c"
    """Advantage actor-critic (the paper's), or proximal policy optimisation."""
    updates: int = 4000
    """Updates, each from one rollout, - (at least 1)."""
    envs: int = 16
    """Parallel environments, - (at least 1)."""
    rollout: int = ROLLOUT
    """Slots between two updates, - (at least 1; divides the episode where its length is fixed). The command line takes
    the divisor nearest to 10 where none is given."""
    hidden: int = 64
    """Units of a hidden layer, - (at least 1)."""
    layers: int = 3
    """Hidden layers of the actor and of the critic, - (at least 1; three in the paper)."""
    epochs: int = 4
    """Passes over a rollout in one update, - (at least 1); ppo only."""
    minibatches: int = 4
    """Gradient steps in one pass, - (at least 1; divides envs x rollout); ppo only."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam, or plain gradient steps (the paper's)."""
    normalise: bool = False
    """Scale the advantages of each batch to mean 0 and deviation 1."""
    residual: bool = False
    """Critic gradient through V(S') too, as the paper prints it."""
    chunk: int = 50
    """Updates in one compiled call, - (at least 1); between two the host logs, and may stop."""

    MOST: ClassVar[dict[str, int]] = {
        "updates": 2**31 - 1, "envs": 10**6, "rollout": 10**6, "hidden": 10**5, "layers": 1000, "epochs": 10**4,
        "minibatches": 10**6, "chunk": 2**31 - 1,
    }  # fmt: skip
    """Upper bounds: updates are counted in 32 bits, and beyond the others no machine has the memory."""

    def __post_init__(self) -> None:
        check_types(self, "train")
        for name, most in self.MOST.items():
            value = getattr(self, name)
            if value < 1:
                raise UserError(f"train.{name} = {quoted(value)}: must be at least 1")
            if value > most:
                raise UserError(f"train.{name} = {quoted(value)}: must be at most {most}")
        if self.algorithm == "ppo" and self.residual:
            raise UserError("train.residual = True: is of a2c only, and train.algorithm = 'ppo'")
        if self.algorithm == "ppo" and self.envs * self.rollout % self.minibatches:
            raise UserError(
                f"train.minibatches = {self.minibatches}: must divide the rollout of envs x rollout = "
                f"{self.envs * self.rollout} samples"
            )


@dataclass(frozen=True)
class Hyper:
    """Traced hyperparameters: floats here, arrays with a leading axis in a population."""

    actor_lr: float = 4e-3
    """Learning rate of the actor, - (0 to 10)."""
    critic_lr: float = 2e-3
    """Learning rate of the critic, - (0 to 10)."""
    final_lr: float = 0.1
    """Learning rates at the end, as a share of the first, - (0 to 1); linear in between."""
    discount: float = 0.9
    """Discount gamma, - (0 to 1)."""
    decay: float = 0.9
    """Lambda of the generalised advantage estimate, - (0 to 1): 0 one-step, 1 to the end of the rollout."""
    entropy: float = 0.1
    """Weight of the entropy bonus at the start, reward per nat (0 to 100)."""
    final_entropy: float = 0.01
    """Weight of the entropy bonus at the end, as a share of the first, - (1e-9 to 1); geometric in between."""
    clip: float = 0.5
    """Largest global norm of the actor's and of the critic's gradient, - (above 0 to 1e9)."""

    ratio_limit: float = 0.2
    """Epsilon of ppo: no gain from a probability ratio beyond 1 -+ epsilon, - (above 0 to 100)."""

    LIMITS: ClassVar[dict[str, tuple[float, float]]] = {
        "actor_lr": (0, 10), "critic_lr": (0, 10), "final_lr": (0, 1), "discount": (0, 1), "decay": (0, 1),
        "entropy": (0, 100), "final_entropy": (1e-9, 1), "clip": (1e-9, 1e9), "ratio_limit": (1e-9, 100),
    }  # fmt: skip

    def __post_init__(self) -> None:
        for name, (low, high) in self.LIMITS.items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not low <= value <= high:
                raise UserError(f"hyper.{name} = {value:g}: must lie in [{low:g}, {high:g}]")

    def arrays(self) -> dict[str, Any]:
        """The same as fp32 leaves by name."""
        return {field.name: jnp.float32(getattr(self, field.name)) for field in fields(self)}
