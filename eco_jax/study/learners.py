"""Other algorithms and networks beside the study's own agents: trained as long, at `twin`, on the same episodes."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib import resources
from typing import Any, cast

from eco_jax.agent.algorithms import Algorithm
from eco_jax.agent.algorithms.base import check_learns
from eco_jax.env.config import TWIN
from eco_jax.errors import UserError
from eco_jax.run.config import RunConfig, resolve
from eco_jax.run.settings import flat
from eco_jax.study import names
from eco_jax.study.core import Part, Study, train
from eco_jax.study.play import named, nested, play_agents
from eco_jax.study.profile import Profile
from eco_jax.study.store import Arrays

FILE = "learners.toml"
CHOSEN_ANEW = ("algorithm", "network")
"""Kinds of parts that a learner chooses anew, with all their settings."""


@cache
def declared() -> Mapping[str, Mapping[str, Any]]:
    """`<algorithm>-<network>` -> its settings, as a run's file has them."""
    return tomllib.loads(resources.files("eco_jax.study").joinpath(FILE).read_text("utf-8"))


def own(config: RunConfig) -> str:
    """What the study's own agents would be called here."""
    return "-".join(str(config.values[kind]) for kind in CHOSEN_ANEW)


def settings(config: RunConfig, name: str) -> RunConfig:
    """The study's settings with another algorithm and network, which come as they are but for what is declared."""
    kept = {n: v for n, v in config.values.items() if n.split(".")[0] not in CHOSEN_ANEW}
    return resolve(flat(declared()[name], FILE), kept)


def algorithm(study: Study, name: str) -> Algorithm:
    """A learner of `declared`."""
    return cast(Algorithm, settings(study.config, name).algorithm())


def check(chosen: Sequence[str], profile: Profile) -> None:
    """Whether a profile can train these.

    Raises:
        UserError: it trains none, or there is no such learner.
    """
    if not profile.learners:
        raise UserError("--learners: the profile trains no other algorithms and networks; --profile paper does")
    for name in chosen:
        if name not in declared():
            raise UserError(f"--learners: {name!r} is none of {', '.join(declared())}")


def left_out(study: Study) -> dict[str, str]:
    """Those of `declared` that the profile asks for and that do not learn, and why.

    Not chosen, or not able to learn in the study's world: a memory on a trace, for instance.
    """
    env, params = study.world
    found: dict[str, str] = {}
    for name in declared() if study.profile.learners else ():
        if study.learners is not None and name not in study.learners:
            found[name] = "not among --learners"
            continue
        try:
            check_learns(algorithm(study, name), study.train, env, params.with_knowledge(TWIN))
        except UserError as error:
            found[name] = str(error)
    return found


def beside(study: Study) -> tuple[str, ...]:
    """Those of `declared` that the study's profile asks for, but for the study's own and those that are left out."""
    out = (own(study.config), *left_out(study))
    return tuple(name for name in declared() if study.profile.learners and name not in out)


def learn(study: Study, name: str) -> Arrays:
    """Agents of a learner. Agent k starts from the same key as the study's own agent k."""
    env, params = study.world
    p = study.profile
    worlds = [params.with_knowledge(TWIN)] * p.seeds
    return train(study, study.learner(env, p.updates), worlds, range(p.seeds), algorithm(study, name))


def play(study: Study, name: str) -> Arrays:
    """A learner's agents on the episodes of evaluation, with their most likely actions."""
    env, params = study.world
    p = study.profile
    agents, worlds = nested(study.done[names.learner(name)]), [params.with_knowledge(TWIN)] * p.seeds
    (found,) = play_agents(study.learner(env), algorithm(study, name), agents, worlds, study.evaluation, p.episodes)
    return named({names.at(name, TWIN): found})


SLOWER = 3.0
"""Time of their training over that of an A2C with an MLP, most of them."""


def parts_of(study: Study) -> list[Part]:
    """The parts of the learners beside the study's own, two for each: what one more adds leaves the others alone."""
    p = study.profile
    learning, playing = 12 + SLOWER * p.updates * 160 * p.seeds / 16000, 5 + p.seeds * p.episodes / 200
    found = []
    for name in beside(study):
        trained, own = names.learner(name), declared()[name]
        found += [
            Part(trained, f"training {p.seeds} agents of {name}", learning, partial(learn, name=name), varies=own),
            Part(
                names.played(name), f"playing {name}", playing, partial(play, name=name), (trained,),
                judged=True, varies=own,
            ),
        ]  # fmt: skip
    return found
