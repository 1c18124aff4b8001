"""The table: agents at every level of knowledge, rules, references, all on the same episodes."""

from functools import partial

import numpy as np

from eco_jax.env import policies
from eco_jax.env.config import FULL_MEASUREMENT, TRUTH, TWIN
from eco_jax.env.policies.rules import GREEDY
from eco_jax.study import names
from eco_jax.study.core import Part, Study, train
from eco_jax.study.play import Entry, Played, named, play, play_agents
from eco_jax.study.profile import LADDER, LEVELS, Profile
from eco_jax.study.rules import Misled, Tuned, chosen_rules, tune, with_tuned, worn_twin
from eco_jax.study.store import Arrays


def agents(study: Study, level: str) -> Arrays:
    """The agents of one level of knowledge. Agent k of every level starts from the same key."""
    env, params = study.world
    p = study.profile
    worlds = [params.with_knowledge(level)] * p.seeds
    return train(study, study.learner(env, p.updates), worlds, range(p.seeds))


def rules(study: Study) -> Arrays:
    """Every rule at every level, tuned on other episodes, and what it was tuned to."""
    env, params = study.world
    p = study.profile
    tuned = tune(env, params, study.tuning, p.tuning_episodes, LEVELS)
    study.tick(0.6)
    found = play(env, chosen_rules(params, tuned, LEVELS), study.evaluation, p.episodes)
    return named(found) | as_arrays(tuned)


def as_arrays(tuned: Tuned) -> Arrays:
    """What rules were tuned to, to be kept: the inverse of `Study.tuned`."""
    return {f"tuned:{name}/value": np.asarray(value) for name, value in tuned.items()}


SEARCHES = 4
"""A rule that searches takes so long that it is tuned on one of so many of the episodes of tuning."""


def references(study: Study) -> Arrays:
    """What knows the truth (slot-reference, upper-bound) or all that can be measured, and the central rules."""
    env, params = study.world
    p = study.profile
    truth, measured = params.with_knowledge(TRUTH), params.with_sight(FULL_MEASUREMENT)
    search = policies.Central(cache=True, sync=policies.Doubt())
    few = max(1, p.tuning_episodes // SEARCHES)
    tuned = tune(env, params, study.tuning, few, LADDER, {names.CENTRAL: search})
    study.tick(0.3)
    entries = {
        names.SLOT_REFERENCE: Entry(policies.SlotReference(), truth),
        names.SLOT_REFERENCE_CACHING: Entry(search, truth),  # at the truth it is the slot reference
        names.FULL_MEASUREMENT: Entry(search, measured),
    }
    for level in LADDER:
        rule = with_tuned(search, names.CENTRAL, level, tuned)
        entries[names.at(names.CENTRAL, level)] = Entry(rule, params.with_knowledge(level))
    found = play(env, entries, study.evaluation, p.reference_episodes)
    study.tick(0.9)
    if params.equations.bounded:
        for name, bound, world in (
            (names.UPPER_BOUND, policies.upper_bound, truth), (names.BOUND_BELIEF, policies.belief_bound, measured),
        ):  # fmt: skip
            anything = Entry(policies.Local(), world)
            found |= play(policies.BoundEnv(env, bound), {name: anything}, study.evaluation, p.episodes)
    return named(found) | as_arrays(tuned)


def evaluation(study: Study) -> Arrays:
    """All agents on the episodes of evaluation, with their most likely and with sampled actions."""
    env, params = study.world
    p = study.profile
    worlds = [params.with_knowledge(level) for level in p.levels for _ in range(p.seeds)]
    both = play_agents(
        study.learner(env),
        study.algorithm(),
        study.agents(p.levels),
        worlds,
        study.evaluation,
        p.episodes,
        greedy=(True, False),
    )
    found: Played = {}
    for suffix, values in zip(("", names.SAMPLED), both, strict=True):
        for i, level in enumerate(p.levels):
            rows = slice(i * p.seeds, (i + 1) * p.seeds)
            found[f"{study.agent(level)}{suffix}"] = {name: value[rows] for name, value in values.items()}
    return named(found)


def misleading(study: Study) -> Arrays:
    """The twin's agents and rules, misled: every mirror shows another device or server."""
    env, params = study.world
    p = study.profile
    twin = params.with_knowledge(TWIN)
    learner = study.learner(env)
    agents = study.agents([TWIN])
    (plain,) = play_agents(
        learner, study.algorithm(), agents, [twin] * p.seeds, study.evaluation, p.episodes, wrap=partial(worn_twin, env)
    )
    entry = chosen_rules(params, study.tuned, (TWIN,))[greedy := names.at(GREEDY, TWIN)]
    misled = entry._replace(rule=Misled(rule=entry.rule))
    ruled = play(env, {f"{greedy}{names.MISLED}": misled}, study.evaluation, p.episodes)
    return named({f"{study.agent(TWIN)}{names.MISLED}": plain} | ruled)


def table_parts(p: Profile) -> list[Part]:
    """The parts behind the policy table and Figs. 2a and 3."""
    cost = 12 + p.updates * 160 * p.seeds / 8000
    trained, misled = tuple(map(names.trained, p.levels)), (names.trained(TWIN), "rules")
    return [
        Part("rules", "rules: tuned and played", 60 + p.episodes / 8, rules, judged=True),
        Part("references", "references and central rules", 20 + p.reference_episodes, references, judged=True),
        *(
            Part(names.trained(level), f"training {p.seeds} agents at {level}", cost, partial(agents, level=level))
            for level in p.levels
        ),
        Part("evaluation", "playing the agents", 15 + p.seeds * p.episodes / 10, evaluation, trained, judged=True),
        Part("misleading", "a misleading twin", 25 + p.seeds * p.episodes / 60, misleading, misled, judged=True),
    ]
