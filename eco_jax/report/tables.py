"""The tables of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eco_jax.agent.algorithms import A2C, Algorithm
from eco_jax.env.config import BENCHMARK, KNOWLEDGE, STEPS, TRUTH, TWIN, WITHOUT_TWIN
from eco_jax.env.parts.energy import PowerTime
from eco_jax.env.policies.rules import FORESIGHT, FORESIGHT_POSTERIOR, GREEDY, LOCAL, NEAREST, RANDOM, own
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
    OFFLOADED,
    QOE,
    REWARD,
    SYNCS,
    Metric,
)
from eco_jax.report.measures import Done, among_references, best_rule
from eco_jax.report.page import Table
from eco_jax.study import learners, names, statistics
from eco_jax.study.names import AGENTS, LEVEL, POINT, RULE, at, of
from eco_jax.study.play import Played, by_policy, cost_terms, everyone
from eco_jax.study.statistics import Interval
from eco_jax.study.store import Arrays

LAW = "energy_law"
RELATIVE = (ENERGY, LATENCY, QOE)
"""What a twin changes, as a share of what it was."""
SHORT = (
    names.SLOT_REFERENCE, *names.MEASURES_ALL, at(names.CENTRAL, TWIN), at(FORESIGHT_POSTERIOR, TWIN),
    *(at(rule, level) for rule in (FORESIGHT, GREEDY) for level in (TWIN, *WITHOUT_TWIN)), NEAREST, LOCAL, RANDOM,
)  # fmt: skip
"""Policies of the short table, beside the agents and rules of one's own."""

SWEEPS = {
    "speed": "Users at other speeds, km/h", "slowdown": "Other mean slowdowns", "fixes": "Slots between position fixes",
    "users": "Other numbers of users", "servers": "Other numbers of servers",
    names.VALUE_CORRELATION: "Trained at other correlations of the slowdowns",
    names.VALUE_ERROR: "Trained at other errors of a synchronisation",
    names.VALUE_ENERGY: "Trained at other energies of a synchronisation, mJ", "weights": "Trained for other weights",
}  # fmt: skip
"""Parts with points, in words."""


def reported(played: Played) -> tuple[Metric, ...]:
    """What every table shows: the main metrics, and the cost terms of the world."""
    return (*MAIN, *cost_terms(played))


def heads(metrics: Sequence[Metric]) -> list[str]:
    """Columns of metrics in their units: the energy is a task's."""
    return [m.head if m.unit == "-" else f"{m.head} {m.unit}{'/task' if m == ENERGY else ''}" for m in metrics]


def cell(values: Any, sign: str = "", digits: int = 3) -> str:
    """A figure with its interval."""
    i = statistics.interval(values)
    return f"{i.mean:{sign}.{digits}f} [{i.lo:{sign}.{digits}f}, {i.hi:{sign}.{digits}f}]"


def by_reward(played: Played) -> list[tuple[str, Arrays]]:
    """Policies, best reward first on the episodes that all play: the first of them."""
    few = min((values[REWARD].shape[1] for values in played.values()), default=0)
    return sorted(played.items(), key=lambda item: -float(item[1][REWARD][:, :few].mean()))


def alike(played: Played) -> dict[str, list[str]]:
    """Policies whose rewards are the same in every episode, under the first of them: name -> all of these names."""
    found: dict[bytes, list[str]] = {}
    for name, values in played.items():
        found.setdefault(np.asarray(values[REWARD]).tobytes(), []).append(name)
    return {group[0]: group for group in found.values()}


def policy_table(played: Played, slot_s: float) -> Table:
    """Every policy, every metric, and the cost terms of the world."""
    costs = cost_terms(played)
    columns = (
        "policy", *heads((REWARD, ENERGY)), f"{LATENCY.head} ms", "p95 ms", f"{MISS.head} %", QOE.head,
        "migrations /user-hour", "replica hits /user-hour", "syncs /user-hour", LOAD_MAX.head, FAIRNESS.head,
        *(m.titled for m in costs),
    )  # fmt: skip
    hourly = 3600.0 / slot_s

    shown = {name: played[name] for name in names.plain(played, (names.SAMPLED,))}
    groups = alike(shown)

    def number(values: Arrays, name: str, scale: float, digits: int) -> str:
        return f"{scale * values[name].mean():.{digits}f}" if name in values else "–"

    rows = [
        (
            name, cell(v[REWARD], "+"), cell(v[ENERGY]), cell(1e3 * v[LATENCY], "", 1),
            number(v, LATENCY_P95, 1e3, 0), number(v, MISS, 100, 1), cell(v[QOE]),
            number(v, MIGRATIONS, hourly, 1), number(v, HITS, hourly, 1), number(v, SYNCS, hourly, 1),
            number(v, LOAD_MAX, 1, 1), number(v, FAIRNESS, 1, 3), *(number(v, m, 1, 3) for m in costs),
        )
        for name, v in by_reward({name: shown[name] for name in groups})
    ]  # fmt: skip
    same = "; ".join(f"`{one}` = {', '.join(f'`{n}`' for n in rest)}" for one, *rest in groups.values() if rest)
    note = (
        "Best reward first, on the first episodes, which all play. Means over the evaluation episodes (interquartile "
        "over seeds) with 95 % bootstrap intervals over seeds and episodes; all on the same episodes, references and "
        "central rules on the first of them. The end of a name says what the policy knows. `central` rules decide for "
        "all users at once, and so see all users' present tasks, whatever their level; "
        f"`{names.SLOT_REFERENCE}` and `{names.UPPER_BOUND}` know the true slowdowns. `{names.FULL_MEASUREMENT}` is "
        "the central rule where every CPU is measured every slot at no price: what perfect synchronising could give; "
        f"`{names.BOUND_BELIEF}` is the bound at what is known there. Busiest server: tasks on it; fairness: Jain's "
        "index of the users' QoE."
    )
    note += f" The same in every episode, and one row: {same}." if same else ""
    return Table("Policies", columns, tuple(rows), note)


def sampled_table(played: Played) -> Table:
    """Agents with their most likely actions (the headline) and with sampled ones."""
    rows = tuple(
        (name, cell(played[name][REWARD], "+", 4), cell(played[f"{name}{names.SAMPLED}"][REWARD], "+", 4))
        for name in played
        if f"{name}{names.SAMPLED}" in played
    )
    columns = ("agent", f"{REWARD.head}, most likely", f"{REWARD.head}, sampled")
    return Table("Most likely against sampled actions", columns, rows)


def printed_table(part: Arrays) -> Table:
    """The printed reading in numbers."""
    played = by_policy(part)
    main = (ENERGY, LATENCY, QOE)
    columns = ("policy", f"{REWARD.head} (sum over users)", *(m.head for m in main), f"{OFFLOADED.head} %")
    rows = tuple(
        (name, f"{v[REWARD].mean():+.3f}", f"{v[ENERGY].mean():.3g}", f"{v[LATENCY].mean():.3g}",
         f"{v[QOE].mean():.3f}", f"{100 * v[OFFLOADED].mean():.1f}")
        for name, v in by_reward(played)
    )  # fmt: skip
    return Table("The equations as printed", columns, rows, "Energy and latency in the units that the equations give.")


def sweep_table(title: str, part: Arrays, algorithm: type[Algorithm] = A2C) -> Table:
    """Agents and the rule at every point of a sweep."""
    prefix = of(POINT, "")
    fields = {name.removeprefix(prefix): values for name, values in part.items() if name.startswith(prefix)}
    levels = fields.pop(LEVEL.removeprefix(prefix))
    costs = cost_terms(by_policy(part))
    if "speed_max" in fields and np.array_equal(fields["speed_max"], fields["speed_min"]):
        del fields["speed_max"]  # all users of a point move at one speed
    of_agents = (REWARD.head, f"{ENERGY.head} {ENERGY.unit}", QOE.head, "syncs /slot", *(m.titled for m in costs))
    columns = ("level", *fields, *(f"{algorithm.__name__} {head}" for head in of_agents), f"{RULE} {REWARD.head}")
    mine = {metric: part[of(AGENTS, metric)] for metric in (REWARD, ENERGY, QOE, SYNCS, *costs)}
    rows = tuple(
        (str(level), *(str(values[i]) for values in fields.values()), cell(mine[REWARD][i], "+"),
         cell(mine[ENERGY][i]), cell(mine[QOE][i]), f"{mine[SYNCS][i].mean():.3f}", *(cell(mine[m][i]) for m in costs),
         cell(part[of(RULE, REWARD)][i], "+"))
        for i, level in enumerate(levels)
    )  # fmt: skip
    return Table(title, columns, rows)


def left_table(who: str, found: Mapping[str, Interval]) -> Table:
    """What keeps the best agents at `twin` from `slot-reference-caching`, part by part."""
    rows = tuple(
        (part, f"{f.mean:+.4f} [{f.lo:+.4f}, {f.hi:+.4f}]", f"{100 * f.mean / found['all'].mean:.0f} %")
        for part, f in found.items()
    )
    note = (
        f"`{who}`, the best at `{TWIN}` by their reward late in training, against `{names.SLOT_REFERENCE_CACHING}`, "
        "which knows the true slowdowns, on the episodes that all play. Staleness is what "
        f"`{names.FULL_MEASUREMENT}` loses though every CPU is measured every slot at no price: what is used was "
        "measured a slot ago. The price is what the agents themselves pay for their "
        "twin: the energy of its predictions and of their synchronisations. The rest is "
        "the policy's: deciding each for itself, what to synchronise, where to run."
    )
    return Table(f"What is left at {TWIN}", ("part", f"{REWARD.head}, paired", "share"), rows, note)


def tuning_table(tuned: Mapping[str, float]) -> Table:
    """What the rules were tuned to."""
    rows = tuple((name, f"{value:g}") for name, value in sorted(tuned.items()))
    return Table("What the rules were tuned to", ("rule / level / setting", "value"), rows)


def short_lines(played: Played, algorithm: type[Algorithm] = A2C) -> list[str]:
    """The table of the README: agents, the rules that matter and those of one's own, as Markdown."""
    metrics = reported(played)
    head = ["policy", *heads(metrics)]
    kinds = (algorithm.name, *own())
    short = {*SHORT, *own(), *(at(kind, level) for kind in (*kinds, *learners.declared()) for level in KNOWLEDGE)}
    rows = [
        [name, *(cell(v[m], "+" if m == REWARD else "") if m in v else "–" for m in metrics)]
        for name, v in by_reward({name: played[name] for name in names.plain(played) if name in short})
    ]
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def comparisons(done: Done, algorithm: type[Algorithm] = A2C, law: str = PowerTime.name) -> dict[str, Any]:
    """The twin against the other levels, the parts of its worth, and each level's share of the way to its rule.

    Args:
        done: finished parts of a study.
        algorithm: of its agents.
        law: the CPUs' energy law in its world, on which all of its energies depend.
    """
    found: dict[str, Any] = {LAW: law}
    played, rules = everyone(done), by_policy(done["rules"])
    twin = played[names.agent(algorithm, TWIN)]
    for other in WITHOUT_TWIN:
        old = played[names.agent(algorithm, other)]
        found[f"{TWIN}_over_{other}"] = {
            f"{REWARD}_difference": statistics.difference(twin[REWARD], old[REWARD])._asdict(),
            **{f"{m}_relative": statistics.relative(twin[m], old[m])._asdict() for m in RELATIVE},
        }
    for part, (level, below) in STEPS.items():
        new, old = (played[names.agent(algorithm, at)] for at in (level, below))
        found[part] = {
            f"{REWARD}_difference": statistics.difference(new[REWARD], old[REWARD])._asdict(),
            **{f"{m}_relative": statistics.relative(new[m], old[m])._asdict() for m in RELATIVE},
        }
        if all(at(FORESIGHT, there) in rules for there in (level, below)):
            new, old = (rules[at(FORESIGHT, there)] for there in (level, below))
            earned = statistics.difference(new[REWARD], old[REWARD])._asdict()
            found[f"{part}_{FORESIGHT}"] = {f"{REWARD}_difference": earned}
    if "references" in done:
        # Whether what is missing at the top is knowledge: how far a rule gets that is told the true slowdowns.
        first, start = among_references(done)
        told = best_rule({n: v for n, v in first.items() if n in rules and n.endswith(at("", TRUTH))}, TRUTH)
        way = (first[name][REWARD] for name in (told, start, names.SLOT_REFERENCE))
        found["way_to_slot_reference_by_knowledge"] = {
            "rule": told, "from": start, "share": statistics.share_of_way(*way)._asdict()
        }  # fmt: skip
    for level in (*WITHOUT_TWIN, TWIN):
        name = best_rule(rules, level)
        random, rule = rules[RANDOM][REWARD].mean(), rules[name][REWARD].mean()
        agents = played[names.agent(algorithm, level)][REWARD].mean(axis=1)
        way = ((agents - random) / (rule - random)).tolist()
        found[f"share_of_way_to_best_rule_{level}"] = {"rule": name, "each_seed": way, "least": min(way)}
    return found


def headline(found: Mapping[str, Any]) -> list[str]:
    """What the twin gains and saves, and the three parts of it, a sentence each with intervals.

    What holds under every energy law comes first; the energy is named with the law that it was found under.
    """
    lines = []
    for name, words in (
        (f"{TWIN}_over_{BENCHMARK}", f"Twin against the benchmark without one (`{BENCHMARK}`)"),
        *((part, f"Of that by {part} (`{level}` against `{below}`)") for part, (level, below) in STEPS.items()),
    ):
        c = found[name]
        r = Interval(**c[f"{REWARD}_difference"])
        qoe, latency, energy = (
            f"{m.head} {i.mean:+.1%} [{i.lo:+.1%}, {i.hi:+.1%}]"
            for m, i in ((m, Interval(**c[f"{m}_relative"])) for m in (QOE, LATENCY, ENERGY))
        )
        lines.append(
            f"{words}: {qoe}, {latency}, {REWARD.head} {r.mean:+.4f} [{r.lo:+.4f}, {r.hi:+.4f}]; under the energy law "
            f"`{found[LAW]}` {energy}."
        )
    return lines


def sweep_tables(done: Done, algorithm: type[Algorithm] = A2C) -> Sequence[Table]:
    """A table for every part with points at which agents were played."""
    return [
        sweep_table(SWEEPS.get(name, name.replace(at(names.CHECK, ""), "Trained in ")), part, algorithm)
        for name, part in done.items()
        if LEVEL in part and of(AGENTS, REWARD) in part
    ]
