"""Other worlds: agents taken there as they are, or trained there."""

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from eco_jax.env import EcoEnv, EnvParams
from eco_jax.env.config import BENCHMARK, SIGHT, TWIN
from eco_jax.env.policies import named as named_rules
from eco_jax.env.policies import tunable, with_values
from eco_jax.env.policies.rules import FORESIGHT
from eco_jax.metrics import REWARD
from eco_jax.study import names
from eco_jax.study.core import Part, Study, train
from eco_jax.study.names import AGENTS, CURVE, LEVEL, POINT, RULE, at, of
from eco_jax.study.play import Entry, named, nested, play, play_agents
from eco_jax.study.profile import LADDER, Profile
from eco_jax.study.rules import with_tuned
from eco_jax.study.store import Arrays

Change = Mapping[str, Any]
COMPARED = (TWIN, BENCHMARK)
"""Levels of the agents where only the paper's comparison is made."""
Worlds = tuple[EcoEnv, list[EnvParams]]
Point = tuple[str, Change]
"""A level of knowledge, and what differs from the study's world, in the units of `EnvParams.specs()`."""


def at_points(played: Arrays, points: int) -> Arrays:
    """Metrics of members, those of a point side by side, as [points, members of each, episodes, ...]."""
    return {name: value.reshape(points, -1, *value.shape[1:]) for name, value in played.items()}


def worlds_of(study: Study, points: Sequence[Point], everywhere: Change = MappingProxyType({})) -> Worlds:
    """The environment, and the parameters of each point. The points differ in traced numbers alone.

    Args:
        study: in whose world the changes are made.
        points: the changes.
        everywhere: changes of all points.
    """
    made = [study.make(**everywhere, **change) for _, change in points]
    return made[0][0], [params.with_knowledge(level) for (level, _), (_, params) in zip(points, made, strict=True)]


def about(points: Sequence[Point]) -> Arrays:
    """What the points are: their levels, and `point/<field>` for every number that differs."""
    fields = sorted({name for _, change in points for name in change})
    return {LEVEL: np.array([level for level, _ in points])} | {
        of(POINT, name): np.array([change.get(name, np.nan) for _, change in points]) for name in fields
    }


def ruled(
    study: Study, points: Sequence[Point], made: Worlds, key: PRNGKeyArray, episodes: int | None = None
) -> Arrays:
    """The rule beside the agents at each point: metric -> [points, 1, episodes].

    When it synchronises is tuned there; its other numbers are those of the study's own world.
    """
    env, worlds = made
    p = study.profile
    entries: dict[str, Entry] = {}
    for i, ((level, _), world) in enumerate(zip(points, worlds, strict=True)):
        rule = with_tuned(named_rules()[FORESIGHT], FORESIGHT, level, study.tuned)
        syncs = {n: values for n, values in tunable(rule, SIGHT[level]).items() if n.startswith("sync.")}
        for choice in itertools.product(*syncs.values()):
            there = with_values(rule, dict(zip(syncs, choice, strict=True)))
            entries[f"{i} {choice}"] = Entry(there, world)
    tuning = play(env, entries, study.tuning, p.side_episodes)
    found = play(env, entries, key, episodes or p.side_episodes)
    best = []
    for i in range(len(points)):
        mine = [key for key in entries if key.startswith(f"{i} ")]
        best.append(max(mine, key=lambda key: float(tuning[key][REWARD].mean())))
    return {name: np.stack([found[key][name] for key in best]) for name in found[best[0]]}


def transferred(study: Study, points: Sequence[Point], judged: bool = False, **everywhere: Any) -> Arrays:
    """The study's own agents, as they are, at each point: `<agents or rule>/<metric>` [points, ., episodes].

    Args:
        study: whose they are.
        points: where they are taken.
        judged: all of them, on the episodes of evaluation; else some, on episodes to look at.
        everywhere: what differs from the study's world at all points.
    """
    made = env, worlds = worlds_of(study, points, everywhere)
    p = study.profile
    count, key = (p.seeds, study.evaluation) if judged else (p.transfer_seeds, study.looking)
    each = [jax.tree.map(lambda leaf: leaf[:count], study.agents([level])) for level, _ in points]
    together = jax.tree.map(lambda *leaves: np.concatenate(leaves), *each)
    members = [world for world in worlds for _ in range(count)]
    (played,) = play_agents(study.learner(env), study.algorithm(), together, members, key, p.side_episodes)
    agents = at_points(played, len(points))
    return named({AGENTS: agents, RULE: ruled(study, points, made, key)}) | about(points)


def retrained(study: Study, points: Sequence[Point], judged: bool = False) -> Arrays:
    """New agents trained at each point: `agents/<metric>` and `rule/<metric>` [points, seeds, episodes], and curves.

    Args:
        study: in whose world the points are.
        points: where agents are trained.
        judged: as many as the table's, as long, on as many episodes of evaluation; else few, on episodes to look at.
    """
    made = env, worlds = worlds_of(study, points)
    p = study.profile
    count, updates = (p.seeds, p.updates) if judged else (p.side_seeds, p.side_updates)
    key, episodes = (study.evaluation, p.episodes) if judged else (study.looking, p.side_episodes)
    members = [world for world in worlds for _ in range(count)]
    seeds = [seed for _ in worlds for seed in range(count)]
    learner = study.learner(env, updates)
    trained = train(study, learner, members, seeds)
    (played,) = play_agents(learner, study.algorithm(), nested(trained), members, key, episodes)
    curves = {name: value for name, value in trained.items() if name.startswith(of(CURVE, ""))}
    return (
        named({AGENTS: at_points(played, len(points)), RULE: ruled(study, points, made, key, episodes)})
        | curves
        | about(points)
    )


def over(name: str, values: Sequence[Any], levels: Sequence[str] = LADDER, both: str | None = None) -> list[Point]:
    """Points along one number, level by level at each value (`both`: a second field that takes the same value)."""
    return [(level, {name: v} | ({both: v} if both else {})) for v in values for level in levels]


def along(study: Study, name: str, values: Sequence[float]) -> Arrays:
    """The study's agents along a number that does not change the program."""
    return transferred(study, over(name, values))


def speeds(study: Study) -> Arrays:
    """All agents of the study among users at each speed, who begin where the walk leaves them in the long run.

    A uniform start crowds towards the middle, the sooner the faster users are: that alone would raise the latency.
    """
    points = over("speed_min", study.profile.speeds, both="speed_max")
    return transferred(study, points, judged=True, **{"mobility.start": "stationary"})


def sizes(study: Study, name: str, values: Sequence[int]) -> Arrays:
    """The study's agents with other numbers of users or servers: a program for each."""
    found: list[Arrays] = []
    for i, value in enumerate(values):
        found.append(transferred(study, over(name, [value])))
        study.tick((i + 1) / len(values))
    return {key: np.concatenate([part[key] for part in found]) for key in found[0]}


def trained_over(study: Study, name: str, values: Sequence[float], levels: Sequence[str]) -> Arrays:
    """Agents trained at each value."""
    return retrained(study, over(name, values, levels))


def weighted(study: Study) -> Arrays:
    """Agents trained for other weights of latency, energy and QoE."""
    return retrained(study, [(TWIN, dict(zip(("w1", "w2", "w3"), w, strict=True))) for w in study.profile.weights])


def checked(study: Study, preset: str) -> Arrays:
    """Agents trained in another world by name, as the table's are: there are claims about them."""
    return retrained(study, over("preset", [preset], COMPARED), judged=True)


def changes(p: Profile) -> list[Change]:
    """Everything that a part changes of the study's world."""
    single = {
        "slowdown_mean": p.slowdowns, "fix_every": p.fix_gaps, "users": p.users, "servers": p.servers,
        "correlation": p.correlations, "sync_error": p.sync_errors, "sync_energy": p.sync_energies,
        "preset": p.checks,
    }  # fmt: skip
    return [
        *({name: value} for name, values in single.items() for value in values),
        *({"speed_min": v, "speed_max": v} for v in p.speeds),
        *(dict(zip(("w1", "w2", "w3"), w, strict=True)) for w in p.weights),
    ]


def other_parts(p: Profile) -> list[Part]:
    """The parts behind everything but the table: only those for which the profile has points."""
    trained = tuple(map(names.trained, LADDER))
    needs = (*trained, "rules")
    parts: list[Part] = []

    def moved(name: str, title: str, field: str, values: Sequence[float]) -> None:
        if values:
            cost = 30 + len(values) * len(LADDER) * p.transfer_seeds * p.side_episodes / 250
            parts.append(Part(name, title, cost, partial(along, name=field, values=values), needs))

    def resized(name: str, values: Sequence[int], usual: int) -> None:
        if values:
            work = sum(
                40 + len(LADDER) * p.transfer_seeds * p.side_episodes / 250 * max(1.0, v / usual) for v in values
            )
            run = partial(sizes, name=name, values=values)
            parts.append(Part(name, f"other numbers of {name}", work, run, needs))

    def learnt(name: str, title: str, run: Any, members: int) -> None:
        work = 50 + members * p.side_seeds * p.side_updates * 160 / 8000
        parts.append(Part(name, title, work, run, ("rules",)))

    if p.speeds:
        cost = 30 + len(p.speeds) * len(LADDER) * p.seeds * p.side_episodes / 250
        parts.append(Part("speed", "users at other speeds", cost, speeds, needs, judged=True))
    moved("slowdown", "other mean slowdowns", "slowdown_mean", p.slowdowns)
    moved("fixes", "sparser position fixes", "fix_every", p.fix_gaps)
    resized("users", p.users, 30)
    resized("servers", p.servers, 90)
    for name, field, values, levels in (
        (names.VALUE_CORRELATION, "correlation", p.correlations, LADDER),
        (names.VALUE_ERROR, "sync_error", p.sync_errors, (TWIN,)),
        (names.VALUE_ENERGY, "sync_energy", p.sync_energies, (TWIN,)),
    ):
        if values:
            run = partial(trained_over, name=field, values=values, levels=levels)
            learnt(name, f"the twin's value: training at other values of {field}", run, len(values) * len(levels))
    if p.weights:
        learnt("weights", "training for other weights", weighted, len(p.weights))
    for preset in p.checks:
        work = 80 + len(COMPARED) * p.seeds * (p.updates * 160 / 16000 + p.episodes / 60)
        run = partial(checked, preset=preset)
        parts.append(Part(at(names.CHECK, preset), f"training in {preset}", work, run, ("rules",), judged=True))
    return parts
