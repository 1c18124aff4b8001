"""How much to spend on each part of the reproduction."""

import math
from dataclasses import dataclass

from eco_jax.env.config import KNOWLEDGE, TRUTH

LEVELS = KNOWLEDGE[::-1]
"""The ladder of knowledge, from the top."""
LADDER = tuple(level for level in LEVELS if level != TRUTH)
"""Those that somebody can have."""


@dataclass(frozen=True)
class Profile:
    """Budgets: of the agents of the table and Figs. 2 and 3 (`updates`, `seeds`), and of all others (`side_*`)."""

    seconds: float
    """what all of it took on two idle cores in the default world: what is said of it anywhere comes from here"""
    updates: int
    """of an agent"""
    seeds: int
    """agents at each level of knowledge"""
    episodes: int
    """of evaluation, parallel"""
    reference_episodes: int
    """of the references and central rules, which search: the first of those"""
    tuning_episodes: int
    """on which the rules are tuned, other ones"""
    side_updates: int
    """of an agent trained in another world"""
    side_seeds: int
    """agents at each point of a sweep"""
    side_episodes: int
    """of evaluation at each point"""
    transfer_seeds: int
    """agents of the table that are taken to other worlds"""
    online_episodes: int
    """of Algorithm 1 as written: one environment, one step at a time"""
    online_seeds: int
    speeds: tuple[float, ...]
    """km/h, Fig. 2b"""
    slowdowns: tuple[float, ...]
    """mean slowdown, -"""
    users: tuple[int, ...]
    servers: tuple[int, ...]
    fix_gaps: tuple[int, ...]
    """slots between two position fixes"""
    sync_errors: tuple[float, ...]
    """sigma_sync, -; agents are trained at each"""
    sync_energies: tuple[float, ...]
    """E_sync, mJ; agents are trained at each"""
    correlations: tuple[float, ...]
    """rho, -; agents are trained at each"""
    weights: tuple[tuple[float, float, float], ...]
    """w1, w2, w3; agents are trained at each"""
    checks: tuple[str, ...]
    """presets in which the claims are tried again; agents are trained in each"""
    assumptions: tuple[str, ...] = ()
    """which are varied, of `study/assumptions.toml`; a rule plays at each value"""
    learners: bool = False
    """whether the algorithms and networks of `study/learners.toml` stand in the table: agents trained at `twin`"""
    ablations: tuple[str, ...] = ()
    """what is varied of the agents' own design, of `study/ablations.toml`; agents are trained at each value"""
    levels: tuple[str, ...] = LADDER
    """of the agents of the table; rules are played at all"""

    @property
    def takes(self) -> str:
        """How long it takes, in words."""
        minutes = math.ceil(self.seconds / 60.0)
        return f"about {minutes} minute{'s' if minutes > 1 else ''} on 2 cores"

    @property
    def keys(self) -> int:
        """Consecutive seeds that its agents need."""
        return max(self.seeds, self.side_seeds, self.online_seeds)


SMOKE = Profile(
    seconds=120.0,
    updates=12, seeds=2, episodes=4, reference_episodes=2, tuning_episodes=2,
    side_updates=6, side_seeds=1, side_episodes=2, transfer_seeds=1, online_episodes=2, online_seeds=2,
    speeds=(0.0, 60.0, 120.0), slowdowns=(), users=(), servers=(), fix_gaps=(),
    sync_errors=(), sync_energies=(), correlations=(), weights=(), checks=(),
)  # fmt: skip
QUICK = Profile(
    seconds=540.0,  # 7 to 11 minutes: by the machine, and whether its programs are compiled already
    updates=1200, seeds=3, episodes=64, reference_episodes=16, tuning_episodes=16,
    side_updates=300, side_seeds=1, side_episodes=32, transfer_seeds=2, online_episodes=100, online_seeds=3,
    speeds=(0.0, 30.0, 60.0, 90.0, 120.0), slowdowns=(), users=(), servers=(), fix_gaps=(),
    sync_errors=(), sync_energies=(), correlations=(), weights=(), checks=(),
)  # fmt: skip
"""Without the sweeps: agents trained for seconds at each point would say more about the training than the twin."""
PAPER = Profile(
    seconds=180 * 60.0,  # by the machine: 232 minutes on a slow one, on another some 100
    updates=2500, seeds=10, episodes=256, reference_episodes=64, tuning_episodes=64,
    side_updates=900, side_seeds=2, side_episodes=64, transfer_seeds=3, online_episodes=100, online_seeds=5,
    speeds=tuple(10.0 * i for i in range(13)), slowdowns=(0.1, 0.2, 0.3, 0.4, 0.5),
    users=(5, 10, 30, 60, 100, 200), servers=(15, 30, 45, 90, 180), fix_gaps=(1, 2, 6, 12),
    sync_errors=(0.03, 0.1, 0.3, 1.0), sync_energies=(1.0, 5.0, 20.0, 80.0), correlations=(0.5, 0.8, 0.9, 0.95, 0.99),
    weights=((1.0, 1.0, 1.0), (4.0, 1.0, 1.0), (1.0, 4.0, 1.0), (1.0, 1.0, 4.0)),
    checks=("shared-spectrum", "cmos", "hard-coverage"), levels=LEVELS,
    assumptions=(
        "energy law", "overlap", "mean slowdown", "spread", "correlation",
        "sync error", "sync, mJ", "twin, mJ", "users", "servers", "coverage",
        "spectrum",
    ),
    learners=True, ablations=("candidates", "credit", "shares"),
)  # fmt: skip
"""Other worlds without a claim are trained in for 144,000 environment steps and two seeds each: trends, not third
decimals."""
PROFILES = {"smoke": SMOKE, "quick": QUICK, "paper": PAPER}
