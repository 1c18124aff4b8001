"""Cost terms of one's own: what the reward charges beside latency and energy."""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from eco_jax.env.state import Cpu, Decision
from eco_jax.metrics import MAIN, Metric, cost_term
from eco_jax.model.types import Real
from eco_jax.parts import Part, registered, variant
from eco_jax.settings import number


class Spent(NamedTuple):
    """What is known of a decision when it is paid for; for users, or for users and alternatives."""

    decision: Decision
    alpha: Real
    """share of the task done at home, -"""
    beta: Real
    """share offloaded, -"""
    cycles: Real
    """C, cycles"""
    bits: Real
    """T, bit"""
    deadline: Real
    """L_max, s"""
    device: Cpu
    server: Cpu
    rate_up: Real
    """bit/s"""
    rate_down: Real
    latency: Real
    """L, s"""
    energy: Real
    """E, J"""
    migration: Real
    """M_mig, s"""


class Cost(Part, kind="cost"):
    """A term that is subtracted from each user's reward: weight * cost.

    Rules, forecasts and agents reckon with it as they do with latency and energy. The metric `cost/<name>` reports it.
    """

    weight: Any = number(1, "-", 0, 1e6, "", "assumed", "weight of the cost in the reward, per its unit")
    unit: ClassVar[str] = "-"
    """of the cost, as tables and figures show it"""
    label: ClassVar[str] = ""
    """in words; its name where it is empty"""

    @classmethod
    def metric(cls) -> Metric:
        """What reports it."""
        return cost_term(cls.name, cls.unit, cls.label)

    def cost(self, spent: Spent) -> Real:
        """What a decision costs, in `unit`."""
        raise NotImplementedError


def reported(costs: Iterable[str]) -> tuple[Metric, ...]:
    """What tables and sweeps show of a world with these cost terms: the main metrics, and the terms."""
    return (*MAIN, *(variant(Cost.kind, name).metric() for name in costs))


def objectives() -> dict[str, Metric]:
    """Name -> metric of everything that may be looked for: the main metrics, and each registered cost term."""
    return {str(metric): metric for metric in reported(registered(Cost.kind))}
