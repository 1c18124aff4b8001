"""Policies and agents on the same episodes, one after the other in one program."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from eco_jax.agent.algorithms import Algorithm
from eco_jax.env import EnvConfig, EnvParams
from eco_jax.env.parts.cost import objectives
from eco_jax.env.policies import Rule
from eco_jax.metrics import MAIN, Metric
from eco_jax.study import names
from eco_jax.study.store import Arrays
from eco_jax.train.evaluate import Policy, Remembering, play_episodes
from eco_jax.train.fit import of_member, stack_algorithms, stack_params
from eco_jax.train.loop import Learner

Played = dict[str, Arrays]
"""Policy -> metric -> [members, episodes, ...]: one member for a rule."""
PLAYED = ("evaluation", "rules", "references", "misleading")
"""Parts that play policies in the study's own world, beside those of other learners."""

KEPT = 8
"""Programs kept, to be run again with other numbers."""


class Entry(NamedTuple):
    """A rule that takes part, and its world. Rules that differ in numbers alone share a program."""

    rule: Rule
    world: EnvParams


Wrap = Callable[[Policy | Remembering], Policy | Remembering]
"""What is done to a policy before it plays."""
Look = Callable[[int, int], None]
"""Told how many of how many members have played; 0 once their program is compiled."""


def _in_turn(one: Any, members: Sequence[EnvParams], key: Any, *own: Any, look: Look | None = None) -> Any:
    """`one(params, key, *own)` of every member, in turns: at once it would not be faster, and need their memory."""
    stacked, axes = stack_params(members)
    flat_axes, structure = jax.tree.flatten(axes, is_leaf=lambda axis: axis is None)
    every = _every(one, structure, tuple(flat_axes))
    count = len(members)
    if look is None:
        return every(stacked, key, jnp.arange(count), own)
    # Whoever looks on is told after each member: each is a call of its own.
    rows = [jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], (jnp.arange(count), own)) for i in range(count)]
    compiled = every.lower(stacked, key, *rows[0]).compile()
    look(0, count)
    found = []
    for row in rows:
        found.append(jax.tree.map(np.asarray, compiled(stacked, key, *row)))
        look(len(found), count)
    return jax.tree.map(lambda *parts: np.concatenate(parts), *found)


@lru_cache(maxsize=KEPT)
def _every(one: Any, structure: Any, flat_axes: tuple[int | None, ...]) -> Any:
    axes = structure.unflatten(flat_axes)

    # All numbers are arguments: the same program with other ones is in the compilation cache.
    @jax.jit
    def every(stacked: EnvParams, key: Any, members: Any, own: Any) -> Any:
        return lax.map(lambda x: one(of_member(stacked, axes, x[0]), key, *x[1]), (members, own))

    return every


@lru_cache(maxsize=KEPT)
def _one_rule(env: Any, config: EnvConfig, kinds: tuple[Any, ...], episodes: int) -> Any:
    """`kinds`: structures of rules; a rule is one of them and its numbers, filled up to the most that one has."""

    def one(params: EnvParams, key: Any, index: Any, numbers: Any) -> dict[str, Any]:
        def decides(kind: Any) -> Callable[..., Any]:
            rule = kind.unflatten([numbers[i] for i in range(kind.num_leaves)])
            return lambda key, state, params: rule.decide(config, key, state, params)

        def policy(key: Any, observation: Any, state: Any, params: EnvParams) -> Any:
            return lax.switch(index, [decides(kind) for kind in kinds], key, state, params)

        return play_episodes(env, params, policy, key, episodes)

    return one


@lru_cache(maxsize=KEPT)
def _one_agent(learner: Learner, wrap: Wrap, episodes: int) -> Any:
    def one(params: EnvParams, key: Any, algorithm: Algorithm, agent: Any, greedy: Any) -> dict[str, Any]:
        return play_episodes(learner.env, params, wrap(learner.policy(algorithm, agent, greedy)), key, episodes)

    return one


def play(env: Any, entries: Mapping[str, Entry], key: Any, episodes: int, look: Look | None = None) -> Played:
    """Every rule in its world. `env` is an `EcoEnv`, or one that stands for it as `BoundEnv` does."""
    flat_rules = [jax.tree.flatten(entry.rule) for entry in entries.values()]
    kinds = tuple(dict.fromkeys(kind for _, kind in flat_rules))
    index = jnp.array([kinds.index(kind) for _, kind in flat_rules])
    width = max(len(leaves) for leaves, _ in flat_rules)
    numbers = np.zeros((len(flat_rules), width), np.float32)
    for row, (leaves, _) in zip(numbers, flat_rules, strict=True):
        row[: len(leaves)] = leaves
    worlds = [entry.world for entry in entries.values()]
    one = _one_rule(env, getattr(env, "config", None) or env.env.config, kinds, episodes)
    found = _in_turn(one, worlds, key, index, jnp.asarray(numbers), look=look)
    return {name: {k: np.asarray(v)[i : i + 1] for k, v in found.items()} for i, name in enumerate(entries)}


def as_it_is(policy: Policy | Remembering) -> Policy | Remembering:
    """The policy."""
    return policy


def play_agents(
    learner: Learner,
    algorithm: Algorithm | Sequence[Algorithm],
    agents: Any,
    worlds: Sequence[EnvParams],
    key: Any,
    episodes: int,
    greedy: Sequence[bool] = (True,),
    wrap: Wrap = as_it_is,
    look: Look | None = None,
) -> list[Arrays]:
    """Agents of an algorithm (a leading axis of members), each in its world, for every way to choose.

    `algorithm`: of all, or one a member, which differ in traced numbers alone.
    `greedy`: True for the most likely choices, False for samples.
    """
    members, ways = len(worlds), len(greedy)
    again = jax.tree.map(lambda leaf: jnp.concatenate([jnp.asarray(leaf)] * ways), agents)
    choice = jnp.repeat(jnp.asarray(list(greedy)), members)
    if isinstance(algorithm, Algorithm):
        each = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (ways * members, *jnp.shape(leaf))), algorithm)
    else:
        each = stack_algorithms([*algorithm] * ways)
    found = _in_turn(_one_agent(learner, wrap, episodes), list(worlds) * ways, key, each, again, choice, look=look)
    return [{k: np.asarray(v)[i * members : (i + 1) * members] for k, v in found.items()} for i in range(ways)]


def flat(tree: Any, prefix: str = "params") -> Arrays:
    """A nested dict of arrays as one of names with slashes."""
    if not isinstance(tree, Mapping):
        return {prefix: np.asarray(tree)}
    return {name: leaf for key, value in tree.items() for name, leaf in flat(value, f"{prefix}/{key}").items()}


def nested(arrays: Arrays, prefix: str = "params") -> Any:
    """The inverse of `flat`: the nested dict that it was made of."""
    tree: dict[str, Any] = {}
    for name, leaf in arrays.items():
        if name.startswith(prefix + "/"):
            *path, last = name[len(prefix) + 1 :].split("/")
            node = tree
            for step in path:
                node = node.setdefault(step, {})
            node[last] = leaf
    return tree


def named(played: Played) -> Arrays:
    """`policy/metric` -> values."""
    return {f"{name}/{metric}": v for name, values in played.items() for metric, v in values.items()}


def by_policy(arrays: Arrays) -> Played:
    """The inverse of `named`: policy -> metric -> values; what rules are tuned to is left out."""
    found: Played = {}
    for name, values in arrays.items():
        policy, metric = name.split("/", 1)
        if ":" not in policy:
            found.setdefault(policy, {})[metric] = values
    return found


def cost_terms(played: Played) -> tuple[Metric, ...]:
    """The cost terms of the world that they were played in."""
    costs = (metric for metric in objectives().values() if metric not in MAIN)
    return tuple(m for m in costs if any(m in values for values in played.values()))


def everyone(done: Mapping[str, Mapping[str, Any]]) -> Played:
    """Every policy that was played in the study's own world, of finished parts."""
    others = sorted(part for part in done if part.startswith(names.played("")))
    parts = [by_policy(dict(done[part])) for part in (*PLAYED, *others) if part in done]
    return {name: values for part in parts for name, values in part.items()}
