"""Static settings of the training loop; what an algorithm needs it declares itself (`agent.algorithms`)."""

import math
from dataclasses import dataclass
from typing import ClassVar

from eco_jax.settings import check, whole

PLAYED = 1_000_003
"""Seed of the episodes that evaluations play where nothing else is said: far from those of training."""
ROLLOUT = 10
"""Slots between two updates where nothing else is said, if they divide the episode."""


def rollout_of(horizon: int) -> int:
    """The divisor of an episode of `horizon` slots that is nearest to `ROLLOUT`, as a ratio: 10 of 60, 12 of 12."""
    low = [n for n in range(1, math.isqrt(horizon) + 1) if horizon % n == 0]
    return min([*low, *(horizon // n for n in low)], key=lambda n: max(n / ROLLOUT, ROLLOUT / n))


@dataclass(frozen=True)
class TrainConfig:
    """Static settings of the training loop.

    Raises:
        UserError: a value is not allowed.
    """

    section: ClassVar[str] = "train"

    updates: int = whole(4000, 1, 2**31 - 1, "updates, each from one rollout")
    envs: int = whole(16, 1, 10**6, "parallel environments")
    rollout: int = whole(
        ROLLOUT, 1, 10**6,
        "slots between two updates; divides the episode where its length is fixed (the command line takes the divisor "
        "nearest to 10 where none is given)",
    )  # fmt: skip
    chunk: int = whole(50, 1, 2**31 - 1, "updates in one compiled call; between two the host logs, and may stop")

    def __post_init__(self) -> None:
        for name, value in check(type(self), self.section, vars(self)).items():
            object.__setattr__(self, name, value)
