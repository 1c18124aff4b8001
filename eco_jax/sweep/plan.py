"""What is wanted of a sweep, and whether sampler and strategy can do anything with its space."""

from dataclasses import dataclass

from eco_jax.agent.algorithms import DEFAULTS as AGENT
from eco_jax.agent.algorithms import Algorithm
from eco_jax.env.parts import COST
from eco_jax.env.parts.cost import objectives, reported
from eco_jax.errors import UserError
from eco_jax.metrics import REWARD
from eco_jax.run import settings
from eco_jax.sweep.space import Choice, Range, Space, known_beside
from eco_jax.sweep.strategies import strategy
from eco_jax.train.config import TrainConfig

SAMPLERS = ("random", "tpe", "cmaes", "grid")
ASKED_AT_ONCE = 32
"""Trials that a sampler which learns from results asks before it is told any."""
MOST = 1_000_000
"""Members of a sweep."""


@dataclass(frozen=True)
class Plan:
    """What is wanted of a sweep."""

    trials: int
    """configurations"""
    seeds: int = 1
    """runs of each"""
    seed: int = 0
    """of the sampler, and of the first run of each"""
    sampler: str = "random"
    objective: str = REWARD
    strategy: str = "full"
    eta: int = 3
    generation: int = 0
    """configurations asked at once; 0: all (random, grid) or `ASKED_AT_ONCE`"""
    batch: int = 1024
    """most members (configurations x seeds) of a batch"""

    def __post_init__(self) -> None:
        for name, allowed in (("sampler", SAMPLERS), ("objective", tuple(objectives()))):
            if getattr(self, name) not in allowed:
                raise UserError(f"--{name} {getattr(self, name)}: must be one of {', '.join(allowed)}")
        settings.check_seeds(self.seed, self.seeds)
        for name, least in (("trials", 1), ("generation", 0), ("batch", 1)):
            if getattr(self, name) < least:
                raise UserError(f"--{name} {getattr(self, name)}: must be at least {least}")
        if self.generation > MOST:
            raise UserError(f"--generation {self.generation}: must be at most {MOST:,}")
        if self.trials * self.seeds > MOST:
            raise UserError(f"--trials {self.trials} x --seeds {self.seeds}: must be at most {MOST:,} members")
        if self.batch < self.seeds:
            raise UserError(f"--batch {self.batch}: must be at least {self.seeds}, the seeds of a configuration")
        if self.strategy != "halving" and self.eta != Plan.eta:
            raise UserError(f"--eta {self.eta}: is for --strategy halving")
        strategy({"kind": self.strategy, "eta": self.eta, "seed": self.seed}, {})
        if self.strategy == "pbt" and self.seeds > 1:
            raise UserError(f"--seeds {self.seeds}: pbt gives each run settings of its own; take 1, and more --trials")
        if self.strategy == "pbt" and self.sampler not in ("random", "grid"):
            raise UserError(f"--sampler {self.sampler}: pbt moves the settings itself; random or grid fit it")

    @property
    def at_once(self) -> int:
        """Trials that are asked before results are told."""
        return self.generation or (self.trials if self.sampler in ("random", "grid") else ASKED_AT_ONCE)


FIXED = ("seeds", "seed", "sampler", "objective", "strategy", "eta")
"""What a sweep that goes on must share with its beginning; trials may become more."""


def check(space: Space, plan: Plan) -> list[str]:
    """Whether sampler and strategy can do anything with this space: before anything is written.

    Returns:
        What to know before it starts, a line each.

    Raises:
        UserError: they cannot.
    """
    for values in [{COST: end} for end in space.axes[COST].ends] if COST in space.axes else [{}]:
        told = reported(space.configure(values).values[COST])
        if plan.objective not in told:
            raise UserError(f"--objective {plan.objective}: is not of this world, which reports {', '.join(told)}")
    remarks = []
    ranges = [name for name, axis in space.axes.items() if isinstance(axis, Range) and axis.ends[0] < axis.ends[1]]
    choices = [name for name in space.axes if name not in ranges]
    if plan.sampler == "grid" and plan.trials > (points := space.points()):
        remarks.append(
            f"{space.where}: its grid has {points} configurations, each trained once; --trials asks for more"
        )
    if plan.sampler == "cmaes":
        if len(ranges) < 2:
            raise UserError(
                f"--sampler cmaes: needs at least two ranges of numbers in {space.where}, not {len(ranges)}; it draws "
                "choices at random: take tpe"
            )
        if plan.at_once < 2:
            raise UserError(f"--generation {plan.generation}: must be at least 2 for --sampler cmaes")
        if choices:
            remarks.append(f"--sampler cmaes: learns nothing about choices, and draws {', '.join(choices)} at random")
    if plan.sampler in ("tpe", "cmaes") and plan.trials <= plan.at_once:
        remarks.append(
            f"--sampler {plan.sampler}: asks for all {plan.trials} trials before it is told a result, so it draws them "
            f"at random; give a --generation below {plan.trials}"
        )
    points = Space(space.base, {n: axis for n, axis in space.axes.items() if isinstance(axis, Choice)}).points()
    if plan.sampler != "grid" and not ranges and plan.trials > points:
        remarks.append(
            f"{space.where}: has {points} configurations only, and --trials {plan.trials} trains some again; --sampler "
            "grid trains each once"
        )
    check_strategy(space, plan)
    together = min(plan.trials, plan.at_once, plan.batch // plan.seeds)
    if plan.strategy == "halving" and together < plan.eta:
        remarks.append(f"--strategy halving: no trial ends early in batches of {together}, fewer than --eta {plan.eta}")
    if plan.strategy == "pbt" and together < 4:
        remarks.append(f"--strategy pbt: none learns from another in batches of {together}, fewer than 4")
    return [*remarks, *easiest(space, plan.objective)]


def easiest(space: Space, objective: str) -> list[str]:
    """A line on what is found where the world itself varies; none where it does not."""
    worlds = [name for name in space.axes if name.split(".")[0] not in (TrainConfig.section, *AGENT)]
    best = f"the best {objective} is that of the easiest world, not of the best agent"
    return [f"worlds differ in {', '.join(worlds)}: {best}"] if worlds else []


def check_strategy(space: Space, plan: Plan) -> None:
    """Whether the strategy fits the space.

    Raises:
        UserError: it does not.
    """
    if plan.strategy != "pbt":
        return
    known = known_beside(space, space.axes)
    for name, axis in space.axes.items():
        traced = name.startswith(f"{Algorithm.kind}.") and name in known and not known[name].static
        if not traced or not all(isinstance(v, int | float) for v in axis.ends):
            raise UserError(
                f"{space.where}: {name}: pbt moves traced numbers of [{Algorithm.kind}] only; leave it out, or use "
                "halving"
            )
