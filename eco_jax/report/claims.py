"""What the paper claims, and what this project claims, each put to the numbers: measured, interval, verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eco_jax.agent.algorithms import A2C, Algorithm
from eco_jax.env.config import BENCHMARK, KNOWLEDGE, STEPS, TELEMETRY, TRUTH, TWIN
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.metrics import ENERGY, LATENCY, QOE, REWARD
from eco_jax.report.figures import by_episode
from eco_jax.report.figures.paper import latency_of_offloaded
from eco_jax.study import names, statistics
from eco_jax.study.names import AGENTS, CURVE, at, of
from eco_jax.study.play import Played, by_policy
from eco_jax.study.statistics import Interval
from eco_jax.study.store import Arrays

Verdict = Literal["holds", "does not hold", "not decidable"]
Done = Mapping[str, Arrays]
Kind = type[Algorithm]

BELOW: dict[str, tuple[str, ...]] = {level: KNOWLEDGE[: i + 1] for i, level in enumerate(KNOWLEDGE)}
"""Levels that see no more than a level."""


@dataclass(frozen=True)
class Claim:
    """A sentence that can be false, and what was found."""

    id: str
    text: str
    measured: float
    lo: float
    hi: float
    unit: str
    verdict: Verdict
    note: str = ""


def verdict(found: Interval, above: float | None = None, below: float | None = None) -> Verdict:
    """Holds where the whole interval lies on the claimed side, does not where it lies on the other."""
    if not all(np.isfinite(found)):
        return "not decidable"
    if above is not None:
        return "holds" if found.lo > above else "does not hold" if found.hi <= above else "not decidable"
    assert below is not None
    return "holds" if found.hi < below else "does not hold" if found.lo >= below else "not decidable"


def claim(
    id: str, text: str, found: Interval, unit: str = "", *, above: float | None = None, below: float | None = None,
    note: str = "",
) -> Claim:  # fmt: skip
    """A claim that `found` lies above or below a number. Shares are shown in %."""
    shown = Interval(*(100.0 * v for v in found)) if unit == "%" else found
    return Claim(id, text, *shown, unit, verdict(found, above, below), note)


def over_seeds(values: NDArray[np.floating]) -> Interval:
    """Mean over seeds [seeds] and its interval."""
    return statistics.bootstrap(lambda x: x, values[None]) if len(values) > 1 else Interval(values[0], -np.inf, np.inf)


def figure_2(done: Done, per_episode: int) -> list[Claim]:
    """Learning, and latency over speed."""
    reward = by_episode(done[names.trained(TWIN)][of(CURVE, REWARD)], per_episode)
    n = min(20, len(reward) // 2)
    first, last = reward[:n], reward[len(reward) - n :]
    found = [] if n < 2 else [
        claim(
            "fig2a-settles", f"Fig. 2a: the reward varies more in the first {n} episodes than in the last {n}",
            over_seeds(first.std(axis=0) / last.std(axis=0)), above=1.0,
            note="ratio of the standard deviations over episodes, a seed each",
        ),
        claim(
            "fig2a-rises", f"Fig. 2a: the mean reward of the last {n} episodes is above that of the first {n}",
            over_seeds(last.mean(axis=0) - first.mean(axis=0)), above=0.0,
        ),
    ]  # fmt: skip
    if "speed" in done:
        speed, latency = latency_of_offloaded(done["speed"], TWIN)
        kept = np.isfinite(latency).all(axis=(0, 1))  # episodes in which something is offloaded at every speed
        slope = statistics.slope(speed, latency[:, :, kept].mean(axis=1))
        text = "Fig. 2b: the latency of offloaded tasks rises with the users' speed (agent with a twin)"
        found.append(claim("fig2b-slope", text, slope, "ms per km/h", above=0.0))
    return found


def figure_3(done: Done, per_episode: int, algorithm: Kind) -> list[Claim]:
    """The twin against the benchmark without one, as in the paper."""
    played = by_policy(done["evaluation"])
    twin, none = (played[names.agent(algorithm, level)] for level in (TWIN, BENCHMARK))

    def curve(level: str, metric: str) -> NDArray[np.floating]:
        return by_episode(done[names.trained(level)][of(CURVE, metric)], per_episode)

    energy, its = curve(TWIN, ENERGY), curve(BENCHMARK, ENERGY)
    n = min(50, max(2, len(energy) // 2))
    spread = over_seeds(energy[-n:].std(axis=0) / its[-n:].std(axis=0))
    last = curve(TWIN, QOE)[-n:]
    x = np.arange(len(last)) - (len(last) - 1) / 2
    rising = over_seeds((x @ last) / (x @ x))
    return [
        claim(f"fig3a-{ENERGY}", "Fig. 3a: a twin takes less energy than the benchmark without one",
              statistics.relative(twin[ENERGY], none[ENERGY]), "%", below=0.0),
        claim("fig3a-steadier", f"Fig. 3a: and steadier: it varies less over the last {n} episodes of training",
              spread, below=1.0, note="ratio of the standard deviations over episodes, a seed each"),
        claim(f"fig3b-{QOE}", "Fig. 3b: a twin gives higher QoE than the benchmark without one",
              statistics.relative(twin[QOE], none[QOE]), "%", above=0.0),
        claim("fig3b-rising", "Fig. 3b: its QoE rises throughout",
              Interval(*(1e4 * v for v in rising)), "1e-4 per episode", above=0.0,
              note=f"least-squares slope over the last {n} episodes of training"),
        claim(f"abstract-{LATENCY}", "Abstract: a twin gives lower latency than the benchmark without one",
              statistics.relative(twin[LATENCY], none[LATENCY]), "%", below=0.0),
    ]  # fmt: skip


def against_memory(done: Done, algorithm: Kind) -> list[Claim]:
    """The twin against a controller that remembers what it measured, and the three parts of its worth."""
    played = by_policy(done["evaluation"])
    twin, none, telemetry = (played[names.agent(algorithm, level)] for level in (TWIN, BENCHMARK, TELEMETRY))
    found = [
        claim(f"{TELEMETRY}-{REWARD}", "A twin earns more reward than a controller that remembers what it measured",
              statistics.difference(twin[REWARD], telemetry[REWARD]), above=0.0),
        claim(f"{TELEMETRY}-{ENERGY}", "A twin takes less energy than a controller that remembers",
              statistics.relative(twin[ENERGY], telemetry[ENERGY]), "%", below=0.0),
        claim(f"{TELEMETRY}-{QOE}", "A twin gives higher QoE than a controller that remembers",
              statistics.relative(twin[QOE], telemetry[QOE]), "%", above=0.0),
    ]  # fmt: skip
    rules = by_policy(done["rules"])
    for part, (level, below) in STEPS.items():
        for who, there, kind in (("agents", played, algorithm.name), (f"the rule `{FORESIGHT}`", rules, FORESIGHT)):
            if at(kind, level) in there and at(kind, below) in there:
                text = f"A part of the twin's worth, {part}: {who} earn more at `{level}` than at `{below}`"
                both = statistics.difference(there[at(kind, level)][REWARD], there[at(kind, below)][REWARD])
                found.append(claim(f"{part}-{kind}", text, both, above=0.0))
    if "misleading" in done:
        misled = by_policy(done["misleading"])[names.agent(algorithm, TWIN) + names.MISLED]
        text = "A misleading twin (each mirror shows another device or server) is worse than none at all"
        found.append(claim("misleading", text, statistics.difference(misled[REWARD], none[REWARD]), below=0.0))
    return found


def rules_below(rules: Played, level: str) -> Played:
    """The rules that see no more than an agent at this level: a rule without a level in its name sees nothing."""
    above = set(KNOWLEDGE).difference(BELOW[level])
    return {name: values for name, values in rules.items() if name.rsplit("-", 1)[-1] not in above}


def best_rule(rules: Played, level: str) -> str:
    """The best of them by mean reward."""
    seen = rules_below(rules, level)
    return max(seen, key=lambda name: float(seen[name][REWARD].mean()))


def against_rules(done: Done, algorithm: Kind) -> list[Claim]:
    """The agent at each level against the best rule that sees no more."""
    rules, played = by_policy(done["rules"]), by_policy(done["evaluation"])
    found, learns = [], algorithm.__name__
    for level in BELOW:
        if names.agent(algorithm, level) not in played:
            continue
        agent, name = played[names.agent(algorithm, level)][REWARD], best_rule(rules, level)
        rule = rules[name][REWARD]
        apart = statistics.interval(agent).apart(statistics.interval(rule))
        found.append(
            claim(
                f"rules-{level}", f"{learns} at `{level}` earns more than every rule that sees no more",
                statistics.difference(agent, rule), above=0.0,
                note=f"against the best, `{name}`; paired; the two intervals {'are apart' if apart else 'overlap'}",
            )
        )  # fmt: skip
    if "references" in done:
        references = by_policy(done["references"])
        few = references[names.SLOT_REFERENCE][REWARD].shape[1]
        # Central rules and references play the first of the episodes, so all are compared on those.
        first: Played = {n: {REWARD: v[REWARD][:, :few]} for n, v in (rules | references).items()}
        ruled = {n: v for n, v in first.items() if n in rules or n.startswith(at(names.CENTRAL, ""))}
        name = best_rule(ruled, TWIN)
        start, end = ruled[name][REWARD], first[names.FULL_MEASUREMENT][REWARD]
        way = statistics.share_of_way(played[names.agent(algorithm, TWIN)][REWARD][:, :few], start, end)
        text = f"{learns} at `{TWIN}` closes a third of the gap from the best rule there to `{names.FULL_MEASUREMENT}`"
        found.append(claim(f"gap-{TWIN}", text, way, "%", above=1 / 3, note=f"the best rule is `{name}`"))
        told = best_rule({n: v for n, v in ruled.items() if n in rules and n.endswith(at("", TRUTH))}, TRUTH)
        way = statistics.share_of_way(ruled[told][REWARD], start, first[names.SLOT_REFERENCE][REWARD])
        text = (
            f"The gap from that rule to `{names.SLOT_REFERENCE}` is one of knowledge: a rule that is told the true "
            "slowdowns closes more than half of it"
        )
        found.append(claim("gap-knowledge", text, way, "%", above=1 / 2, note=f"`{told}`, which decides user by user"))
    return found


def elsewhere(done: Done) -> list[Claim]:
    """The paper's main claims in other worlds."""
    found = []
    for part, arrays in done.items():
        if not part.startswith(at(names.CHECK, "")):
            continue
        world = part.removeprefix(at(names.CHECK, ""))
        where = {str(level): i for i, level in enumerate(arrays[names.LEVEL])}

        def compared(metric: str, arrays: Arrays = arrays, where: dict[str, int] = where) -> Interval:
            return statistics.relative(*(arrays[of(AGENTS, metric)][where[level]] for level in (TWIN, BENCHMARK)))

        less, more = f"In `{world}`: a twin takes less energy than none", f"In `{world}`: a twin gives higher QoE"
        found.append(claim(f"{part}-{ENERGY}", less, compared(ENERGY), "%", below=0.0))
        found.append(claim(f"{part}-{QOE}", more, compared(QOE), "%", above=0.0))
    return found


def all_claims(done: Done, per_episode: int, algorithm: Kind = A2C) -> list[Claim]:
    """Every claim for which there are numbers; `algorithm` is that of the agents."""
    groups: list[Callable[[], list[Claim]]] = [
        lambda: figure_2(done, per_episode), lambda: figure_3(done, per_episode, algorithm),
        lambda: against_memory(done, algorithm), lambda: against_rules(done, algorithm), lambda: elsewhere(done),
    ]  # fmt: skip
    return [claim for group in groups for claim in group()]
