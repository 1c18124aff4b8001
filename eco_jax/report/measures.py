"""How each claim of `claims.toml` is measured: on what a study found, in the claim's unit."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.agent.algorithms import Algorithm
from eco_jax.env.config import BENCHMARK, KNOWLEDGE, STEPS, TELEMETRY, TWIN
from eco_jax.metrics import ENERGY, LATENCY, QOE, REWARD, Metric, energy_term
from eco_jax.report.figures import by_episode, learner_curve
from eco_jax.report.figures.paper import always_offloaded, latency_of_offloaded
from eco_jax.study import learners, names, statistics
from eco_jax.study.names import AGENTS, CURVE, at, of
from eco_jax.study.play import Played, by_policy
from eco_jax.study.profile import PAPER
from eco_jax.study.statistics import Interval
from eco_jax.study.store import Arrays

Done = Mapping[str, Arrays]
Kind = type[Algorithm]

BELOW: dict[str, tuple[str, ...]] = {level: KNOWLEDGE[: i + 1] for i, level in enumerate(KNOWLEDGE)}
"""Levels that see no more than a level."""
OF_TWIN = energy_term("prediction"), energy_term("synchronisation")
"""Energy that only agents with a twin pay."""
FEW, LAST, HUNDRED = 20, 50, 100
"""Episodes of training that Figs. 2a, 3a and 3b are claimed about."""


class Context(NamedTuple):
    """What is measured on."""

    done: Done
    per_episode: int
    """updates of training in an episode"""
    algorithm: Kind

    @property
    def played(self) -> Played:
        """Agents on the episodes of evaluation."""
        return by_policy(self.done["evaluation"])

    def agent(self, level: str) -> Mapping[str, Any]:
        """The agents of a level."""
        return self.played[names.agent(self.algorithm, level)]

    def has(self, *levels: str) -> bool:
        """Whether there are agents of all of them."""
        return all(names.agent(self.algorithm, level) in self.played for level in levels)

    def curve(self, level: str, metric: str) -> NDArray[np.floating]:
        """Means of the episodes of training, [episodes, seeds]."""
        return by_episode(self.done[names.trained(level)][of(CURVE, metric)], self.per_episode)


class Found(NamedTuple):
    """A measurement."""

    interval: Interval
    seeds: int
    note: str = ""
    played: bool = True
    """on episodes of evaluation, not of training"""


Measure = Callable[[Context], Found | None]
"""None where the study has no numbers for it."""


def over_seeds(values: NDArray[np.floating]) -> Interval:
    """Mean over seeds [seeds] and its interval."""
    return statistics.bootstrap(lambda x: x, values[None]) if len(values) > 1 else Interval(values[0], -np.inf, np.inf)


def percent(found: Interval) -> Interval:
    """A share in %."""
    return Interval(*(100.0 * v for v in found))


def trained(values: NDArray[np.floating], note: str = "") -> Found:
    """A measurement of training, [seeds]."""
    return Found(over_seeds(values), len(values), note, played=False)


def shorter(wanted: int, got: int) -> str:
    """What is said where training had too few episodes."""
    return "" if got == wanted else f"of this short training: {got} episodes"


def about_trend(curve: NDArray[np.floating]) -> NDArray[np.floating]:
    """Standard deviation about the least-squares line over episodes, [episodes, seeds] to [seeds]."""
    x = np.arange(len(curve)) - (len(curve) - 1) / 2
    line = curve.mean(axis=0) + np.outer(x, x @ curve / (x @ x))
    return np.sqrt(((curve - line) ** 2).sum(axis=0) / (len(curve) - 2))


def settles(c: Context) -> Found | None:
    """Fig. 2a: spread about the trend, of the first episodes over the last."""
    reward = c.curve(TWIN, REWARD)
    n = min(FEW, len(reward) // 2)
    return None if n < 3 else trained(about_trend(reward[:n]) / about_trend(reward[-n:]), shorter(FEW, n))


def rises(c: Context) -> Found | None:
    """Fig. 2a: mean reward of the last episodes less that of the first."""
    reward = c.curve(TWIN, REWARD)
    n = min(FEW, len(reward) // 2)
    return None if n < 3 else trained(reward[-n:].mean(axis=0) - reward[:n].mean(axis=0), shorter(FEW, n))


def over_speed(c: Context) -> Found | None:
    """Fig. 2b: slope of the offloaded tasks' latency, ms per km/h."""
    if "speed" not in c.done:
        return None
    speed, latency = latency_of_offloaded(c.done["speed"], TWIN)
    slopes = statistics.slope(speed, always_offloaded(latency))  # [seeds, episodes]
    return Found(statistics.interval(slopes), len(slopes))


def steadier(c: Context) -> Found:
    """Fig. 3a: spread of the twin's energy over the benchmark's, late in training."""
    energy, its = c.curve(TWIN, ENERGY), c.curve(BENCHMARK, ENERGY)
    n = min(LAST, max(2, len(energy) // 2))
    return trained(energy[-n:].std(axis=0) / its[-n:].std(axis=0), shorter(LAST, n))


def rising(c: Context) -> Found:
    """Fig. 3b: slope of the QoE over the paper's episodes, 1e-4 an episode."""
    qoe = c.curve(TWIN, QOE)[:HUNDRED]
    x = np.arange(len(qoe)) - (len(qoe) - 1) / 2
    return trained(1e4 * (x @ qoe) / (x @ x), shorter(HUNDRED, len(qoe)))


def twin_over(c: Context, other: str, metric: Metric) -> Found | None:
    """Agents of `twin` against those of another level: reward as a difference, all else in %."""
    if not c.has(TWIN, other):
        return None
    new, old = (c.agent(level)[metric] for level in (TWIN, other))
    found = statistics.difference(new, old) if metric == REWARD else percent(statistics.relative(new, old))
    return Found(found, len(new))


def step(c: Context, part: str) -> Found | None:
    """What the agents of a level earn more than those of the one below."""
    if not c.has(*STEPS[part]):
        return None
    new, old = (c.agent(level)[REWARD] for level in STEPS[part])
    return Found(statistics.difference(new, old), len(new))


def misled(c: Context) -> Found | None:
    """Agents with a misleading twin against those without one."""
    if "misleading" not in c.done:
        return None
    there = by_policy(c.done["misleading"])[names.agent(c.algorithm, TWIN) + names.MISLED][REWARD]
    return Found(statistics.difference(there, c.agent(BENCHMARK)[REWARD]), len(there))


def rules_below(rules: Played, level: str) -> Played:
    """The rules that see no more than an agent at this level: a rule without a level in its name sees nothing."""
    above = set(KNOWLEDGE).difference(BELOW[level])
    return {name: values for name, values in rules.items() if name.rsplit("-", 1)[-1] not in above}


def best_rule(rules: Played, level: str) -> str:
    """The best of them by mean reward."""
    seen = rules_below(rules, level)
    return max(seen, key=lambda name: float(seen[name][REWARD].mean()))


def over_rules(c: Context, level: str) -> Found | None:
    """The agents of a level against the best rule that sees no more."""
    if not c.has(level):
        return None
    rules = by_policy(c.done["rules"])
    agent, name = c.agent(level)[REWARD], best_rule(rules, level)
    apart = statistics.interval(agent).apart(statistics.interval(rules[name][REWARD]))
    note = f"against the best, `{name}`; paired; the two intervals {'are apart' if apart else 'overlap'}"
    return Found(statistics.difference(agent, rules[name][REWARD]), len(agent), note)


def among_references(done: Done) -> tuple[Played, str]:
    """Rewards of rules and references on the episodes that all of them play, and the best rule at `twin` there."""
    rules, references = by_policy(done["rules"]), by_policy(done["references"])
    few = references[names.SLOT_REFERENCE][REWARD].shape[1]  # central rules and references play the first episodes
    first: Played = {n: {REWARD: v[REWARD][:, :few]} for n, v in (rules | references).items()}
    ruled = {n: v for n, v in first.items() if n in rules or n.startswith(at(names.CENTRAL, ""))}
    return first, best_rule(ruled, TWIN)


def others(done: Done) -> Played:
    """Agents of other algorithms and networks; {} where there are none."""
    parts = [by_policy(done[names.played(name)]) for name in learners.declared() if names.played(name) in done]
    return {name: values for part in parts for name, values in part.items()}


def best_agents(c: Context) -> tuple[str, NDArray[np.floating]]:
    """The agents at `twin` that earned most in the last tenth of training: on no episode that they are judged on."""
    curves = {c.algorithm.name: c.curve(TWIN, REWARD)} | {
        name: learner_curve(c.done, name, c.per_episode)
        for name in learners.declared()
        if names.learner(name) in c.done
    }
    late = {name: float(curve[-max(1, len(curve) // 10) :].mean()) for name, curve in curves.items()}
    name = at(max(late, key=lambda name: late[name]), TWIN)
    return name, (others(c.done) | c.played)[name][REWARD]


def gap(c: Context) -> Found | None:
    """How much of the way from the best rule at `twin` to full measurement the best agents there have gone, %."""
    if "references" not in c.done:
        return None
    first, name = among_references(c.done)
    start, end = first[name][REWARD], first[names.FULL_MEASUREMENT][REWARD]
    who, reward = best_agents(c)
    agents = reward[:, : start.shape[1]]
    note = f"the best agents, by their reward late in training, are `{who}`, the best rule `{name}`"
    return Found(percent(statistics.share_of_way(agents, start, end)), len(agents), note)


def left_at_twin(c: Context, weight: float) -> tuple[str, dict[str, Interval]]:
    """What keeps the best agents at `twin` from the search that knows the true slowdowns, in reward.

    Args:
        c: with references.
        weight: of energy in the reward, 1/J.

    Returns:
        The agents' name; staleness (what is lost even where every CPU is measured every slot for nothing), the price of
        their own predictions and synchronisations, and the rest, which a better policy could win.
    """
    first, _ = among_references(c.done)
    truth, full = (first[name][REWARD] for name in (names.SLOT_REFERENCE_CACHING, names.FULL_MEASUREMENT))
    who, reward = best_agents(c)
    few = full.shape[1]
    agents = reward[:, :few]
    own = (others(c.done) | c.played)[who]
    paid = weight * np.sum([own[term][:, :few] for term in OF_TWIN], axis=0)
    return who, {
        "staleness": statistics.difference(truth, full),
        "price of the twin": statistics.interval(paid),
        "policy": statistics.bootstrap(lambda f, a, p: f - a - p, full, agents, paid),
        "all": statistics.difference(truth, agents),
    }


def learnt(c: Context, name: str) -> Found | None:
    """What the agents of another algorithm or network earn more at `twin` than the study's own."""
    if (who := at(name, TWIN)) not in others(c.done):
        return None
    new, old = others(c.done)[who][REWARD], c.agent(TWIN)[REWARD]
    return Found(statistics.difference(new, old), len(new))


def checked(c: Context, world: str, metric: Metric) -> Found | None:
    """Agents with a twin against those without one, trained in another world, %."""
    if (part := at(names.CHECK, world)) not in c.done:
        return None
    arrays = c.done[part]
    where = {str(level): i for i, level in enumerate(arrays[names.LEVEL])}
    new, old = (arrays[of(AGENTS, metric)][where[level]] for level in (TWIN, BENCHMARK))
    return Found(percent(statistics.relative(new, old)), len(new))


MEASURES: dict[str, Measure] = {
    "fig2a-settles": settles, "fig2a-rises": rises, "fig2b-slope": over_speed,
    f"fig3a-{ENERGY}": partial(twin_over, other=BENCHMARK, metric=ENERGY), "fig3a-steadier": steadier,
    f"fig3b-{QOE}": partial(twin_over, other=BENCHMARK, metric=QOE), "fig3b-rising": rising,
    f"abstract-{LATENCY}": partial(twin_over, other=BENCHMARK, metric=LATENCY),
    **{f"{TELEMETRY}-{m}": partial(twin_over, other=TELEMETRY, metric=m) for m in (REWARD, ENERGY, QOE)},
    **{part: partial(step, part=part) for part in STEPS}, "misleading": misled,
    **{f"rules-{level}": partial(over_rules, level=level) for level in KNOWLEDGE}, f"gap-{TWIN}": gap,
    **{names.learner(name): partial(learnt, name=name) for name in learners.declared()},
    **{f"{names.CHECK}-{w}-{m}": partial(checked, world=w, metric=m) for w in PAPER.checks for m in (ENERGY, QOE)},
}  # fmt: skip
"""How each claim of `claims.toml` is measured, in its unit."""
