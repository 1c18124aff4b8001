"""The tables of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eco_jax.env.parts.cost import objectives
from eco_jax.metrics import (
    ENERGY,
    FAIRNESS,
    HITS,
    LATENCY,
    LATENCY_P95,
    LOAD_MAX,
    MAIN,
    MIGRATIONS,
    MISS,
    QOE,
    REWARD,
    SYNCS,
)
from eco_jax.report.claims import Done, best_rule
from eco_jax.report.page import Table
from eco_jax.study import statistics
from eco_jax.study.play import Played, by_policy, everyone
from eco_jax.study.statistics import Interval
from eco_jax.study.store import Arrays

METRICS = {metric.column: metric for metric in MAIN}
"""Names in results, and the environment's: those of a run's summary."""
SHORT = ("slot-reference", "central-twin", "foresight-twin", "greedy-twin", "foresight-telemetry", "greedy-telemetry",
         "foresight-none", "greedy-none", "nearest-full", "local", "random")  # fmt: skip
"""Policies of the short table, beside the agents."""


SWEEPS = {
    "speed": "Users at other speeds, km/h", "slowdown": "Other mean slowdowns", "fixes": "Slots between position fixes",
    "users": "Other numbers of users", "servers": "Other numbers of servers",
    "value-correlation": "Trained at other correlations of the slowdowns",
    "value-error": "Trained at other errors of a synchronisation",
    "value-energy": "Trained at other energies of a synchronisation, mJ", "weights": "Trained for other weights",
}  # fmt: skip
"""Parts with points, in words."""


def cell(values: Any, sign: str = "", digits: int = 3) -> str:
    """A figure with its interval."""
    i = statistics.interval(values)
    return f"{i.mean:{sign}.{digits}f} [{i.lo:{sign}.{digits}f}, {i.hi:{sign}.{digits}f}]"


def by_reward(played: Played) -> list[tuple[str, Arrays]]:
    """Policies, best reward first."""
    return sorted(played.items(), key=lambda item: -float(item[1][REWARD].mean()))


def policy_table(played: Played, slot_s: float) -> Table:
    """Every policy, every metric, and the cost terms of the world."""
    costs = [m for m in objectives().values() if m not in MAIN and any(m in values for values in played.values())]
    columns = (
        "policy", "reward", "energy J/task", "latency ms", "p95 ms", "missed %", "QoE", "migrations /user-hour",
        "replica hits /user-hour", "syncs /user-hour", "busiest server", "fairness", *(m.titled for m in costs),
    )  # fmt: skip
    hourly = 3600.0 / slot_s

    def number(values: Arrays, name: str, scale: float, digits: int) -> str:
        return f"{scale * values[name].mean():.{digits}f}" if name in values else "–"

    rows = [
        (
            name, cell(v[REWARD], "+"), cell(v[ENERGY]), cell(1e3 * v[LATENCY], "", 1),
            number(v, LATENCY_P95, 1e3, 0), number(v, MISS, 100, 1), cell(v[QOE]),
            number(v, MIGRATIONS, hourly, 1), number(v, HITS, hourly, 1), number(v, SYNCS, hourly, 1),
            number(v, LOAD_MAX, 1, 1), number(v, FAIRNESS, 1, 3), *(number(v, m, 1, 3) for m in costs),
        )
        for name, v in by_reward(played)
        if not name.endswith("-sampled")
    ]  # fmt: skip
    note = (
        "Best reward first. Means over the evaluation episodes (interquartile over seeds) with 95 % bootstrap "
        "intervals over seeds and episodes; all on the same episodes, references and central rules on the first of "
        "them. The end of a name says what the policy knows. `central` rules decide for all users at once; "
        "`slot-reference` and `upper-bound` know the true slowdowns. Busiest server: tasks on it; fairness: Jain's "
        "index of the users' QoE."
    )
    return Table("Policies", columns, tuple(rows), note)


def sampled_table(played: Played) -> Table:
    """Agents with their most likely actions (the headline) and with sampled ones."""
    rows = tuple(
        (name, cell(played[name][REWARD], "+", 4), cell(played[f"{name}-sampled"][REWARD], "+", 4))
        for name in played
        if f"{name}-sampled" in played
    )
    return Table("Most likely against sampled actions", ("agent", "reward, most likely", "reward, sampled"), rows)


def printed_table(part: Arrays) -> Table:
    """The printed reading in numbers."""
    played = by_policy(part)
    columns = ("policy", "reward (sum over users)", "energy", "latency", "QoE", "offloaded %")
    rows = tuple(
        (name, f"{v['reward'].mean():+.3f}", f"{v['energy'].mean():.3g}", f"{v['latency'].mean():.3g}",
         f"{v['qoe'].mean():.3f}", f"{100 * v['offloaded'].mean():.1f}")
        for name, v in by_reward(played)
    )  # fmt: skip
    return Table("The equations as printed", columns, rows, "Energy and latency in the units that the equations give.")


def sweep_table(title: str, part: Arrays) -> Table:
    """Agents and the rule at every point of a sweep."""
    fields = {name.removeprefix("point/"): values for name, values in part.items() if name.startswith("point/")}
    del fields["level"]
    if "speed_max" in fields and np.array_equal(fields["speed_max"], fields["speed_min"]):
        del fields["speed_max"]  # all users of a point move at one speed
    columns = ("level", *fields, "A2C reward", "A2C energy J", "A2C QoE", "A2C syncs /slot", "rule reward")
    rows = tuple(
        (str(level), *(str(values[i]) for values in fields.values()), cell(part["a2c/reward"][i], "+"),
         cell(part["a2c/energy"][i]), cell(part["a2c/qoe"][i]), f"{part['a2c/syncs'][i].mean():.3f}",
         cell(part["rule/reward"][i], "+"))
        for i, level in enumerate(part["point/level"])
    )  # fmt: skip
    return Table(title, columns, rows)


def tuning_table(tuned: Mapping[str, float]) -> Table:
    """What the rules were tuned to."""
    rows = tuple((name, f"{value:g}") for name, value in sorted(tuned.items()))
    return Table("What the rules were tuned to", ("rule / level / setting", "value"), rows)


def short_lines(played: Played) -> list[str]:
    """The table of the README: agents and the rules that matter, as Markdown."""
    head = ["policy", "reward", "energy J/task", "latency s", "QoE"]
    chosen = {name: v for name, v in played.items() if name in SHORT or name.startswith("a2c-")}
    rows = [
        [name, cell(v[REWARD], "+"), *(cell(v[metric]) for metric in ("energy", "latency", "qoe"))]
        for name, v in by_reward(chosen)
        if not name.endswith(("-sampled", "-misled"))
    ]
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def comparisons(done: Done) -> dict[str, Any]:
    """The twin against the other levels, and each level's share of the way to its rule."""
    found: dict[str, Any] = {}
    played, rules = everyone(done), by_policy(done["rules"])
    twin = played["a2c-twin"]
    for other in ("none", "telemetry"):
        old = played[f"a2c-{other}"]
        found[f"twin_over_{other}"] = {
            "reward_difference": statistics.difference(twin[REWARD], old[REWARD])._asdict(),
            "energy_relative": statistics.relative(twin[ENERGY], old[ENERGY])._asdict(),
            "qoe_relative": statistics.relative(twin[QOE], old[QOE])._asdict(),
        }
    for level in ("none", "telemetry", "twin"):
        name = best_rule(rules, level)
        random, rule = rules["random"][REWARD].mean(), rules[name][REWARD].mean()
        way = ((played[f"a2c-{level}"][REWARD].mean(axis=1) - random) / (rule - random)).tolist()
        found[f"share_of_way_to_best_rule_{level}"] = {"rule": name, "each_seed": way, "least": min(way)}
    return found


def headline(found: Mapping[str, Any]) -> list[str]:
    """What the twin saves and costs, in two sentences with intervals."""
    lines = []
    for other, words in (
        ("none", "the benchmark without a twin (`none`)"),
        ("telemetry", "an agent that remembers what it measured (`telemetry`)"),
    ):
        c = found[f"twin_over_{other}"]
        e, q, r = (Interval(**c[name]) for name in ("energy_relative", "qoe_relative", "reward_difference"))
        lines.append(
            f"Twin against {words}: energy {e.mean:+.1%} [{e.lo:+.1%}, {e.hi:+.1%}], QoE {q.mean:+.1%} "
            f"[{q.lo:+.1%}, {q.hi:+.1%}], reward {r.mean:+.4f} [{r.lo:+.4f}, {r.hi:+.4f}]."
        )
    return lines


def sweep_tables(done: Done) -> Sequence[Table]:
    """A table for every part with points."""
    return [
        sweep_table(SWEEPS.get(name, name.replace("check-", "Trained in ")), part)
        for name, part in done.items()
        if "point/level" in part
    ]
