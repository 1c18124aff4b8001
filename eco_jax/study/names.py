"""How a study names what it holds: policies, and the arrays and parts behind them."""

from collections.abc import Iterable, Sequence

from eco_jax import metrics
from eco_jax.agent.algorithms import Algorithm
from eco_jax.env.parts.cost import objectives
from eco_jax.metrics import ENERGY, Metric, energy_term

AGENTS = "agents"
"""Whoever was trained, in arrays of points: `agents/<metric>`."""
RULE = "rule"
"""The rule beside them, in arrays of points: `rule/<metric>`."""
CURVE = "curve"
"""Metrics while training: `curve/<metric>`."""
POINT = "point"
"""What the points are: `point/level`, and `point/<field>` for every number that differs."""
LEVEL = f"{POINT}/level"
VALUE_CORRELATION, VALUE_ERROR, VALUE_ENERGY = "value-correlation", "value-error", f"value-{ENERGY}"
"""Parts that train agents at other correlations of the slowdowns, and at other errors and energies of a sync."""
CHECK = "check"
"""Parts that train agents in another world: `check-<preset>`."""
ONLINE = "online"
"""The part of Algorithm 1 as the paper writes it."""

SLOT_REFERENCE = "slot-reference"
SLOT_REFERENCE_CACHING = "slot-reference-caching"
UPPER_BOUND = "upper-bound"
FULL_MEASUREMENT = "full-measurement"
"""The central rule where every CPU is measured every slot at no price: what perfect synchronising could give."""
BOUND_BELIEF = "bound-belief"
"""The bound at the beliefs of that world."""
CENTRAL = "central"
"""Decides for all users at once; `central-<level>`."""
KNOWS_TRUTH = (SLOT_REFERENCE, SLOT_REFERENCE_CACHING, UPPER_BOUND)
"""References that know the true slowdowns, without a level in their names."""
MEASURES_ALL = (FULL_MEASUREMENT, BOUND_BELIEF)
"""References that know all that can be measured, without a level in their names."""

SAMPLED = "-sampled"
"""End of the name of a policy that draws its actions instead of taking the most likely ones."""
MISLED = "-misled"
"""End of the name of a policy with a misleading twin."""


def metric_of(name: str) -> Metric:
    """The metric of a name: declared, a term of the energy, or a registered cost; any other has no unit."""
    known = {**metrics.declared(), **objectives()}
    term = energy_term("")
    if name.startswith(term):
        return energy_term(name.removeprefix(term))
    return known.get(name) or Metric(name, "-", name.replace("_", " "))


def of(who: str, metric: str) -> str:
    """The array of somebody's metric."""
    return f"{who}/{metric}"


def at(kind: str, level: str) -> str:
    """A policy that knows what a level does."""
    return f"{kind}-{level}"


def agent(algorithm: type[Algorithm], level: str) -> str:
    """The policy of the agents that an algorithm trained at a level."""
    return at(algorithm.name, level)


def trained(level: str) -> str:
    """The part that trains the agents of a level; of all, in a pattern, with `*`."""
    return at(AGENTS, level)


def learner(name: str) -> str:
    """The part that trains agents of another algorithm or network."""
    return at("learner", name)


def played(name: str) -> str:
    """The part that plays the agents of another algorithm or network; of all, in a pattern, with `*`."""
    return at("played", name)


def plain(played: Iterable[str], but: Sequence[str] = (SAMPLED, MISLED)) -> list[str]:
    """Policies but for those that are another one, sampled or misled (`but`: the ends of their names)."""
    there = tuple(played)
    return [name for name in there if not any(name.endswith(e) and name.removesuffix(e) in there for e in but)]
