"""A benchmark's record: its ratios, what else was measured, how much work it does, and the peers that can run."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from eco_jax.bench.measure import Peers, Speed, Worker

RATIOS = (
    "env.vs_numpy_single", "env.vs_numpy_vectorized", "env.vs_mobile_env", "env.growth_256_to_4096",
    "env.growth_per_user_30_to_200", "train.vs_sb3", "train.vs_sb3_stock", "train.matmul_share", "train.network_share",
    "train.vs_dummy_env", "cartpole.vs_rejax", "cartpole.vs_rejax_with_compile", "cartpole.vs_purejaxrl",
    "cartpole.vs_purejaxrl_with_compile", "population.aggregate_vs_single", "population.time_16x16",
    "population.time_256x16", "doors.gymnasium", "doors.gymnasium_vector", "doors.sb3", "doors.pettingzoo",
    "doors.gymnax",
)  # fmt: skip
"""All ratios of a record; null where the suite was not run or a peer is missing."""


@dataclass(frozen=True)
class GpuSize:
    """How much work the suite `gpu` does."""

    preset: str
    """of the world"""
    repeats: int
    least: float
    """of a repeat, s"""
    minutes: float
    """budget of time"""
    reserve: float
    """s that must be left of it for another step to begin"""
    rollout: int
    """slots between two updates"""
    batch: int
    """environments of the rows that come first"""
    envs: tuple[int, ...]
    """of all rows, the most important first"""
    population: tuple[int, int]
    """members and environments of the population that comes first"""
    members: tuple[int, ...]
    """of all populations, with as many environments each, the most important first"""
    checked: int
    """environments of the comparison with the CPU"""
    checked_updates: int
    seeds: int
    """of the learning curves"""
    curve_envs: int
    curve_updates: int


GPU_SIZES = {
    "full": GpuSize(
        "repaired", 5, 0.5, 8.0, 25.0, 10, 4096, (4096, 16_384, 1024, 65_536, 256), (64, 16), (64, 256, 16, 1024, 1),
        16, 4, 10, 16, 1000,
    ),
    "smoke": GpuSize("tiny", 2, 0.0, 60.0, 0.0, 3, 2, (2,), (2, 2), (1, 2, 3), 2, 2, 3, 2, 4),
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How much work a benchmark does."""

    repeats: int
    envs: tuple[int, ...]
    """batch sizes of the environment alone; growth is measured from the third to the fifth"""
    users: tuple[int, ...]
    steps: int
    """environment steps of a repeat, about"""
    updates: int
    """of a repeat in training"""
    members: tuple[int, ...]
    small: tuple[int, int, int]
    """of the small world: members of its population, environments, and as many again"""
    cartpole_steps: int
    gpu: GpuSize


SIZES = {
    "full": Size(
        7, (1, 16, 256, 1024, 4096), (10, 30, 100, 200), 60_000, 60, (1, 8, 32), (64, 16, 256), 512_000,
        GPU_SIZES["full"],
    ),
    "smoke": Size(2, (1, 1, 1, 1, 2), (2, 2, 2, 3), 12, 1, (1, 2), (2, 1, 2), 4_096, GPU_SIZES["smoke"]),
}  # fmt: skip


@dataclass
class Record:
    """A benchmark's results while they come in."""

    ratios: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(RATIOS))
    seconds: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    """suite -> its whole results"""
    missing: dict[str, str] = field(default_factory=dict)
    """ratio -> why it could not be measured"""
    keep: Callable[[], object] = lambda: None
    """writes what there is so far"""

    def ratio(self, name: str, ours: Speed, other: Speed) -> None:
        """A ratio, its median in `ratios` and its spread in the details."""
        spread = ours.over(other)
        self.ratios[name] = spread["median"]
        self.details.setdefault("spread", {})[name] = spread


@contextlib.contextmanager
def start_peers(
    record: Record, peers: Peers, wanted: dict[str, tuple[str, str | None, tuple]]
) -> Iterator[dict[str, Worker]]:
    """Processes of the peers that can run, by ratio; why the others cannot is noted in the record.

    Args:
        record: of the benchmark.
        peers: where they are.
        wanted: ratio -> (script, its virtual environment or None for this one, arguments).
    """
    with contextlib.ExitStack() as stack:
        found = {}
        for ratio, (script, environment, arguments) in wanted.items():
            why = peers.missing(script, environment)
            if why is not None:
                record.missing[ratio] = why
                continue
            found[ratio] = stack.enter_context(peers.start(script, environment, *arguments))
            record.details.setdefault("peers", {})[ratio] = found[ratio].about
        yield found
