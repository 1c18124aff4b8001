"""The vocabulary of metrics: name, unit, label and direction of everything that is reported, declared once.

A metric is its name (a str, so that it is a key of what a step, a run or an evaluation reports) that knows the rest.
Loops, tables, figures, objectives, claims and statistics go by it.
"""

from typing import Self


class Metric(str):
    """A reported number by its name."""

    unit: str
    """SI, or `-`"""
    label: str
    """in words, as an axis has it"""
    head: str
    """in a word or two, as a column has it"""
    better: int
    """1 where more is better, -1 where less is, 0 where neither"""

    def __new__(cls, name: str, unit: str, label: str, better: int = 0, head: str = "") -> Self:
        """See the attributes."""
        metric = super().__new__(cls, name)
        metric.unit, metric.label, metric.better, metric.head = unit, label, better, head or label
        return metric

    def __getnewargs__(self) -> tuple[str, str, str, int, str]:  # type: ignore[override]
        """What a copy of it is made of."""
        return str(self), self.unit, self.label, self.better, self.head

    @property
    def column(self) -> str:
        """Its name with its unit, as tables of results have it: `energy_j`."""
        return str(self) if self.unit == "-" else f"{self}_{self.unit.lower()}"

    @property
    def titled(self) -> str:
        """Its label with its unit: `energy per task, J`."""
        return self.label if self.unit == "-" else f"{self.label}, {self.unit}"


REWARD = Metric("reward", "-", "reward", 1)
ENERGY = Metric("energy", "J", "energy per task", -1, "energy")
LATENCY = Metric("latency", "s", "latency", -1)
QOE = Metric("qoe", "-", "QoE", 1)
MISS = Metric("miss", "-", "share of tasks past their deadline", -1, "missed")
OFFLOADED = Metric("offloaded", "-", "share of tasks offloaded", 0, "offloaded")
BETA = Metric("beta", "-", "offloading factor, 0 where local")
LATENCY_OFFLOADED = Metric("latency_offloaded", "s", "latency of offloaded tasks, 0 of others")
MIGRATIONS = Metric("migrations", "-", "migrations per task", 0, "migrated")
PLACEMENTS = Metric("placements", "-", "replicas placed per task")
REFUSED = Metric("refused", "-", "placements without a free slot per task")
HITS = Metric("hits", "-", "migrations saved by a replica per task")
SYNCS = Metric("syncs", "-", "synchronisations per slot", 0, "synced")
DISCREPANCY = Metric("discrepancy", "s", "twin discrepancy |G| of offloaded tasks")
EQ5_PRINTED = Metric("eq5_printed", "-", "how often Eq. (5) holds as printed")
LOAD_MAX = Metric("load_max", "-", "tasks on the busiest server", 0, "busiest server")
FAIRNESS = Metric("fairness", "-", "Jain's index of the users' QoE", 1, "fairness")
LATENCY_QUANTILES = Metric("latency_quantiles", "s", "quantiles of the latency", -1)
LATENCY_P50 = Metric("latency_p50", "s", "median latency", -1)
LATENCY_P95 = Metric("latency_p95", "s", "95th percentile of the latency", -1)
LATENCY_P99 = Metric("latency_p99", "s", "99th percentile of the latency", -1)

MAIN = (REWARD, ENERGY, LATENCY, QOE)
"""What every table, summary and sweep shows, and may be looked for."""


def declared() -> dict[str, Metric]:
    """Name -> metric, of all that stand above; terms of the energy and costs have names of their own."""
    return {str(metric): metric for metric in globals().values() if isinstance(metric, Metric)}


def energy_term(name: str) -> Metric:
    """A term of the energy, by its name in `model.energy.EnergyTerms`."""
    return Metric(f"{ENERGY}/{name}", ENERGY.unit, f"energy: {name}", -1)


def cost_term(name: str, unit: str, label: str) -> Metric:
    """A cost term of a world, by its registered name."""
    return Metric(f"cost/{name}", unit, label or name, -1, name)
