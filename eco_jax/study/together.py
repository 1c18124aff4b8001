"""Agents of several runs, and rules, on the same episodes: in one world, or in worlds along a number."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from eco_jax.agent.algorithms.base import check_plays
from eco_jax.env import EnvParams, policies
from eco_jax.errors import UserError
from eco_jax.run.config import RunConfig, changed, hint, specs_of
from eco_jax.study import names
from eco_jax.study.folders import NOT_OF_THE_WORLD, Trained
from eco_jax.study.play import Entry, Look, play, play_agents
from eco_jax.study.store import Arrays
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import play_episodes
from eco_jax.train.loop import Learner

Watch = Callable[[str], Look]
"""Told what is played from now on; what it returns is told how many of how many have played."""


def check_number(world: RunConfig, name: str, values: Sequence[float]) -> list[RunConfig]:
    """The worlds along a number of the world.

    Args:
        world: that the number is changed in.
        name: of the setting.
        values: in its unit.

    Raises:
        UserError: it is no number that one program takes, or a value is not allowed.
    """
    known = specs_of(world.values)
    if name not in known:
        raise UserError(f"--over {name}: unknown setting{hint(name, known)}")
    if name.split(".")[0] in NOT_OF_THE_WORLD:
        raise UserError(f"--over {name}: the agents are what they were trained to; a number of the world may vary")
    if known[name].static:
        raise UserError(f"--over {name}: changes the program; traced numbers of the world may vary, as physics.slot")
    return [changed(world, {name: value}) for value in values]


def metrics_of(world: RunConfig) -> list[str]:
    """Metrics of which an episode in this world has one number each; nothing is compiled or played."""
    env, params = world.make()
    local = policies.named()["local"]

    def policy(key: Any, observation: Any, state: Any, params: EnvParams) -> Any:
        return local.decide(env.config, key, state, params)

    found = jax.eval_shape(lambda key: play_episodes(env, params, policy, key, 2), jax.random.key(0))
    return [name for name, values in found.items() if values.ndim == 1]


def play_together(
    worlds: Sequence[RunConfig], runs: Mapping[str, Trained], rules: Sequence[str], seed: int, episodes: int,
    level: str | None = None, watch: Watch | None = None,
) -> dict[str, Arrays]:  # fmt: skip
    """Everybody in each world, on the same episodes there.

    Agents whose networks have one structure share a compiled program, and all rules one; the worlds are its data.

    Args:
        worlds: which differ in traced numbers alone.
        runs: label -> run; each plays at its own level of knowledge.
        rules: by name, as they are before they are tuned; at each level of the runs, which their labels then say.
        seed: of the episodes.
        episodes: how many.
        level: of knowledge, of all, in place of the runs' own.
        watch: see `Watch`.

    Returns:
        label -> metric -> [worlds, seeds, episodes, ...], in the order of the runs and the rules.

    Raises:
        UserError: a run's network does not take what is observed there, or may not.
    """
    made = [world.make() for world in worlds]
    env, params = made[0][0], [world for _, world in made]
    key = jax.random.key(seed)
    found: dict[str, Arrays] = {}
    levels = {label: level or run.config.knowledge for label, run in runs.items()}
    of_rules = labels_of(runs, rules, level or worlds[0].knowledge, level is not None)
    for labels in _alike(env, params[0], runs, levels):
        look = watch(f"agents of {', '.join(labels)}") if watch else None
        found |= _agents(env, params, {label: runs[label] for label in labels}, levels, key, episodes, look)
    if rules:
        there = policies.named()
        entries = {
            f"{i} {label}": Entry(there[rule], world.with_knowledge(at))
            for label, (rule, at) in of_rules.items() for i, world in enumerate(params)
        }  # fmt: skip
        look = watch(f"{len(of_rules)} rule{'s' if len(of_rules) > 1 else ''}") if watch else None
        played = play(env, entries, key, episodes, look)
        for label in of_rules:
            rows = [played[f"{i} {label}"] for i in range(len(params))]
            found[label] = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return {label: found[label] for label in (*runs, *of_rules)}


def labels_of(
    runs: Mapping[str, Trained], rules: Sequence[str], level: str, of_all: bool = False
) -> dict[str, tuple[str, str]]:
    """Label -> (rule, level of knowledge): a rule plays at each level of the runs, and its label says which of several.

    Args:
        runs: label -> run.
        rules: by name.
        level: where there are no runs.
        of_all: whether all play at `level`, the runs, too.
    """
    levels = [level] if of_all or not runs else list(dict.fromkeys(run.config.knowledge for run in runs.values()))
    return {rule if len(levels) == 1 else names.at(rule, at): (rule, at) for rule in rules for at in levels}


def _alike(env: Any, params: EnvParams, runs: Mapping[str, Trained], levels: Mapping[str, str]) -> list[list[str]]:
    """Labels of the runs by the structures of their agents: each group is one program."""
    groups: dict[Any, list[str]] = {}
    for label, run in runs.items():
        algorithm = run.config.algorithm()
        there = params.with_knowledge(levels[label])
        check_plays(algorithm, run.agents, env, there, run.config.env.heads, str(run.path))
        shapes = tuple((leaf.shape[1:], str(leaf.dtype)) for leaf in jax.tree.leaves(run.agents))
        key = jax.tree.structure(algorithm), jax.tree.structure(run.agents), shapes
        groups.setdefault(key, []).append(label)
    return list(groups.values())


def _agents(
    env: Any, params: Sequence[EnvParams], runs: Mapping[str, Trained], levels: Mapping[str, str], key: Any,
    episodes: int, look: Look | None,
) -> dict[str, Arrays]:  # fmt: skip
    """Agents of one structure: every seed of every run in every world."""
    agents, worlds, algorithms = [], [], []
    for label, run in runs.items():
        for world in params:
            agents.append(run.agents)
            worlds += [world.with_knowledge(levels[label])] * len(run.seeds)
            algorithms += [run.config.algorithm()] * len(run.seeds)
    together = jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *agents)
    learner = Learner(env, TrainConfig(rollout=1))
    (played,) = play_agents(learner, algorithms, together, worlds, key, episodes, look=look)
    found: dict[str, Arrays] = {}
    first = 0
    for label, run in runs.items():
        last = first + len(params) * len(run.seeds)
        found[label] = {n: v[first:last].reshape(len(params), -1, *v.shape[1:]) for n, v in played.items()}
        first = last
    return found
