"""Who plays an episode: an agent of a run, or a rule by its name, at a level of knowledge."""

import os
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from eco_jax.agent.algorithms.base import check_plays
from eco_jax.env import KNOWLEDGE, EcoEnv, EnvParams
from eco_jax.env.config import TWIN
from eco_jax.env.policies import as_policy, named
from eco_jax.errors import UserError, quoted, shown, within
from eco_jax.run import settings
from eco_jax.run.config import RunConfig, resolve
from eco_jax.run.folder import noted
from eco_jax.run.messages import warn
from eco_jax.settings import similar
from eco_jax.study.folders import is_run
from eco_jax.train.config import PLAYED, TrainConfig
from eco_jax.train.evaluate import episode_key
from eco_jax.train.loop import Learner
from eco_jax.view.record import record


class Player(NamedTuple):
    """A controller that can play."""

    name: str
    level: str
    """what it knows: one of `KNOWLEDGE`"""
    policy_of: Callable[[Any], Any]
    """makes its policy of `own`"""
    own: Any
    """a rule, or an algorithm and an agent's parameters"""
    informed: bool = True
    """whether the level changes what it does"""


class Played(NamedTuple):
    """A controller and what it did."""

    name: str
    level: str
    record: Any
    """a `Recording`, in NumPy"""
    informed: bool = True


def rule_named(what: str) -> tuple[str, str | None]:
    """(a rule's name, the level of knowledge behind it or None): `greedy`, `foresight-twin`.

    Raises:
        UserError: there is neither such a rule nor such a run.
    """
    known = named()
    name, _, level = what.rpartition("-")
    if what not in known and name in known and level in KNOWLEDGE:
        return name, level
    if what in known:
        return what, None
    if os.path.isdir(what) or "/" in what[:300]:
        raise UserError(f"{shown(what, 300)}: holds no run (no config.toml)")
    raise UserError(f"{quoted(what)}: neither a run's folder nor a rule{similar(what, list(known))}")


def player(what: str, env: EcoEnv, params: EnvParams, level: str | None, seed: int | None) -> Player:
    """A controller by its name.

    Args:
        what: folder of a run, a rule's name, or that with a level of knowledge behind it.
        env: where it is to play.
        params: of that.
        level: of knowledge, where `what` says none; None for that of the run, or the default.
        seed: which of a run's agents; None for the first.

    Raises:
        UserError: there is none, or it cannot play there.
    """
    if is_run(what):
        return _agent(Path(what), env, params, level, seed)
    name, own_level = rule_named(what)
    level = own_level or level or TWIN
    rule = named()[name]
    shown_as = f"{name}-{level}" if rule.informed else name
    return Player(shown_as, level, _by_rule(env), rule, rule.informed)


@lru_cache(maxsize=8)
def _by_rule(env: EcoEnv) -> Callable[[Any], Any]:
    """Makes a policy of a rule: the same object again, so that its program is not compiled again."""
    return partial(as_policy, env)


def _agent(folder: Path, env: EcoEnv, params: EnvParams, level: str | None, seed: int | None) -> Player:
    """An agent of the run in a folder."""
    from eco_jax.train.checkpoint import restore_params

    config, note = config_of(folder), noted(folder / "config.toml")
    first, count = note["seed"], note["seeds"]
    chosen = first if seed is None else seed
    if not first <= chosen < first + count:
        raise UserError(f"--seed {chosen}: {folder} has the seeds {first} to {first + count - 1}")
    _, agents = restore_params(folder / "checkpoint", warn, note.get("id", ""))
    algorithm = config.algorithm()
    level = level or config.knowledge
    check_plays(algorithm, agents, env, params.with_knowledge(level), config.env.heads, str(folder))
    own = jax.tree.map(lambda leaf: leaf[chosen - first], agents)
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(own)):
        raise UserError(f"--seed {chosen}: this agent of {folder} failed, its numbers are not finite; choose another")
    name = f"{algorithm.name}-{level}" + (f", seed {chosen}" if count > 1 else "")
    return Player(name, level, _by_agent(env), (algorithm, own))


@lru_cache(maxsize=8)
def _by_agent(env: EcoEnv) -> Callable[[Any], Any]:
    """Makes a policy of (algorithm, parameters of an agent): the same object again, as for rules."""
    learner = Learner(env, TrainConfig(rollout=1))
    return lambda own: learner.policy(*own)


def config_of(folder: Path) -> RunConfig:
    """The settings of the run in a folder."""
    file = folder / "config.toml"
    usual = settings.base(file=file)[1]
    with within(file):
        return resolve({}, usual)


def play(who: Player, env: EcoEnv, params: EnvParams, seed: int = PLAYED, episode: int = 0) -> Played:
    """An episode with a controller, at its level of knowledge.

    Args:
        who: plays.
        env: where.
        params: of that.
        seed: of the episodes, as evaluations have it.
        episode: which of them.
    """
    key = episode_key(jax.random.key(seed), episode)
    found = record(env, params.with_knowledge(who.level), who.policy_of, who.own, key)
    return Played(who.name, who.level, jax.tree.map(np.asarray, found), who.informed)
