"""Strategies: at each rung, which members continue, stop, or restart from a better one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eco_jax.errors import UserError

STRATEGIES = ("full", "halving", "pbt")


class Decision(NamedTuple):
    """What a strategy makes of the members."""

    alive: np.ndarray
    """who is trained on, bool [members]"""
    source: np.ndarray
    """whose parameters each goes on from, [members]; mostly its own"""
    numbers: dict[str, np.ndarray]
    """what each goes on with, as in `Standing`"""


class Standing(NamedTuple):
    """How the members stand after some looks."""

    looks: int
    """done"""
    scores: np.ndarray
    """the objective in the last look, higher is better, [members]; -inf where it failed"""
    alive: np.ndarray
    trial: np.ndarray
    """number of each member's configuration, [members]"""
    numbers: dict[str, np.ndarray]
    """traced numbers of each member's algorithm by name, [members]"""


@dataclass(frozen=True)
class Full:
    """Every member is trained to the end."""

    def rungs(self, looks: int, trials: int) -> tuple[int, ...]:
        """Numbers of looks after which `decide` is asked."""
        return ()

    def decide(self, now: Standing) -> Decision:
        """Never asked."""
        raise AssertionError("no rung, no decision")


@dataclass(frozen=True)
class Halving:
    """Successive halving (Jamieson and Talwalkar 2016): at each rung the best `1/eta` of the trials are trained on.

    A trial's seeds live and end together, by their mean.
    """

    eta: int = 3

    def rungs(self, looks: int, trials: int) -> tuple[int, ...]:
        """From the first that leaves at least one trial in the end; each `eta` times as far as the one before."""
        count = int(math.log(max(trials, 1), self.eta) + 1e-9)
        return tuple(sorted({max(1, round(looks / self.eta**k)) for k in range(1, count + 1)} - {looks}))

    def decide(self, now: Standing) -> Decision:
        """Who is trained on."""
        trials = np.unique(now.trial[now.alive])
        means = np.array([now.scores[now.alive & (now.trial == trial)].mean() for trial in trials])
        best = trials[np.argsort(-means, kind="stable")[: math.ceil(len(trials) / self.eta)]]
        return Decision(now.alive & np.isin(now.trial, best), np.arange(len(now.trial)), now.numbers)


@dataclass(frozen=True)
class Exploit:
    """Population-based training (Jaderberg et al. 2017): `exchanges` times in a run, the worst quarter of the members
    goes on from the parameters and settings of the best quarter, each setting moved by a factor or drawn anew.
    """

    ranges: Mapping[str, tuple[float, float]]
    """traced number of the algorithm -> what it may be"""
    seed: int = 0
    exchanges: int = 8
    share: float = 0.25
    factors: tuple[float, float] = (0.8, 1.25)
    anew: float = 0.25
    """probability of a new draw, log-uniform where the range allows it"""

    def rungs(self, looks: int, trials: int) -> tuple[int, ...]:
        """Evenly over the run, not at its end: what was just copied would be counted untrained."""
        steps = min(self.exchanges + 1, looks)
        return tuple(sorted({round(looks * k / steps) for k in range(1, steps)} - {0, looks}))

    def decide(self, now: Standing) -> Decision:
        """Who goes on from whom, and with what."""
        rng = np.random.default_rng([self.seed, now.looks])
        members = len(now.scores)
        count = int(members * self.share)
        order = np.argsort(-now.scores, kind="stable")
        source = np.arange(members)
        numbers = {name: np.array(values, np.float32) for name, values in now.numbers.items()}
        if count:
            losers, winners = order[-count:], rng.choice(order[:count], count)
            source[losers] = winners
            for name, (low, high) in self.ranges.items():
                moved = numbers[name][winners] * rng.choice(self.factors, count)
                drawn = (
                    np.exp(rng.uniform(np.log(low), np.log(high), count)) if low > 0 else rng.uniform(low, high, count)
                )
                numbers[name][losers] = np.clip(np.where(rng.random(count) < self.anew, drawn, moved), low, high)
        return Decision(now.alive, source, numbers)


def strategy(given: Mapping[str, Any], ranges: Mapping[str, Sequence[float]]) -> Full | Halving | Exploit:
    """The strategy that a batch's description names.

    Raises:
        UserError: no such strategy, or a setting of it out of range.
    """
    kind = given.get("kind")
    if kind not in STRATEGIES:
        raise UserError(f"--strategy {kind}: must be one of {', '.join(STRATEGIES)}")
    if kind == "halving":
        if given["eta"] < 2:
            raise UserError(f"--eta {given['eta']}: must be at least 2")
        return Halving(given["eta"])
    if kind == "pbt":
        return Exploit({name: (float(low), float(high)) for name, (low, high) in ranges.items()}, given["seed"])
    return Full()
