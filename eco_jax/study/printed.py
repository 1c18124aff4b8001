"""The paper's own setting: Algorithm 1 as it is written, and the equations as they are printed."""

from typing import Any

from eco_jax.agent.algorithms import A2C, Algorithm
from eco_jax.env.policies import Greedy
from eco_jax.env.policies.rules import GREEDY
from eco_jax.errors import UserError
from eco_jax.settings import specs
from eco_jax.study import names
from eco_jax.study.core import Part, Study, train
from eco_jax.study.names import AGENTS, CURVE, at, of
from eco_jax.study.play import Entry, named, nested, play, play_agents
from eco_jax.study.profile import Profile
from eco_jax.study.rules import uninformed
from eco_jax.study.store import Arrays
from eco_jax.study.sweeps import COMPARED, at_points

READING = {"equations": "printed"}
"""What it changes of the study's world."""
AS_WRITTEN: type[Algorithm] = A2C
"""The class that can learn as Algorithm 1 is written."""


def online(study: Study) -> Arrays:
    """The loop of Algorithm 1 as the paper writes it: one environment, one gradient step a slot, plain gradients."""
    env, params = study.world
    # It stands beside the vectorised run of the same world, so it learns in the same reading: what Algorithm 1 prints
    # in the discount's place (w3), and its gradient through V(S'), belong to the printed reading: see `as_printed`.
    p = study.profile
    horizon = env.config.slots
    learner = study.learner(env, p.online_episodes * horizon, envs=1, rollout=1, chunk=horizon)
    algorithm = study.algorithm(
        optimizer="sgd", normalise=False, residual=False, actor_lr=1e-3, critic_lr=1e-3, final_lr=1.0, decay=0.0,
        entropy=0.0, clip=1e9,
    )  # fmt: skip
    members = [params.with_knowledge(level) for level in COMPARED for _ in range(p.online_seeds)]
    seeds = [seed for _ in COMPARED for seed in range(p.online_seeds)]
    trained = train(study, learner, members, seeds, algorithm)
    (played,) = play_agents(learner, study.algorithm(), nested(trained), members, study.looking, p.side_episodes)
    curves = {
        name: value.reshape(p.online_episodes, horizon, -1).mean(axis=1)
        for name, value in trained.items() if name.startswith(of(CURVE, ""))
    }  # fmt: skip
    return named({AGENTS: at_points(played, len(COMPARED))}) | curves


def as_printed(study: Study) -> dict[str, Any]:
    """The settings with which an algorithm learns as Algorithms 1 and 2 are printed: those of them that it has.

    Their advantage is R + w3 V(S') - V(S): of one step, not scaled, with the weight w3 of the study's world in the
    discount's place; their critic's gradient runs through V(S') too. All other settings stay the study's.
    """
    letter = {"discount": study.config.values["physics.w3"], "decay": 0.0, "normalise": False, "residual": True}
    return {name: value for name, value in letter.items() if name in specs(study.kind)}


def not_as_printed(study: Study) -> str:
    """Why the algorithm cannot learn as printed (a w3 above 1 is no discount); nothing where it can."""
    try:
        study.algorithm(**as_printed(study))
    except UserError as error:
        return str(error)
    return ""


def printed(study: Study) -> Arrays:
    """The equations as printed: rules, and agents that learn them as Algorithms 1 and 2 are printed, if they can."""
    env, params = study.make(**READING)
    p = study.profile
    entries = uninformed(params)
    for level in COMPARED:
        entries[at(GREEDY, level)] = Entry(Greedy(cache=False), params.with_knowledge(level))
    found = play(env, entries, study.looking, p.side_episodes)
    if not_as_printed(study):
        return named(found)
    members = [params.with_knowledge(level) for level in COMPARED for _ in range(p.side_seeds)]
    seeds = [seed for _ in COMPARED for seed in range(p.side_seeds)]
    learner = study.learner(env, p.side_updates)
    trained = train(study, learner, members, seeds, study.algorithm(**as_printed(study)))
    (played,) = play_agents(learner, study.algorithm(), nested(trained), members, study.looking, p.side_episodes)
    for i, level in enumerate(COMPARED):
        rows = slice(i * p.side_seeds, (i + 1) * p.side_seeds)
        found[study.agent(level)] = {name: value[rows] for name, value in played.items()}
    return named(found)


def parts_of(p: Profile) -> list[Part]:
    """The parts of a profile: the first one only where it has episodes for it."""
    learns = 20 + p.online_episodes * p.online_seeds * len(COMPARED) * 60 / 2500
    reads = 60 + 4 * p.side_seeds * p.side_updates / 80
    written = Part(names.ONLINE, "Algorithm 1 as written, one environment", learns, online)
    return [*([written] if p.online_episodes else []), Part("printed", "the equations as printed", reads, printed)]
