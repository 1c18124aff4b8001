"""The rules of the study: those that are registered, each at every level of knowledge, tuned on other episodes."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import PRNGKeyArray

from eco_jax.env import EcoEnv, EnvConfig, EnvParams, State
from eco_jax.env.config import NONE, SIGHT
from eco_jax.env.observe import observe
from eco_jax.env.policies import Rule, named, tunable, with_values
from eco_jax.metrics import REWARD
from eco_jax.study.names import at
from eco_jax.study.play import Entry, play
from eco_jax.study.profile import LEVELS
from eco_jax.train.evaluate import Policy, Remembering

Tuned = dict[str, float]
"""`<rule>/<level>/<number>` -> the value that served best."""


class Misled(Rule):
    """A rule with a misleading twin: what it believes of a device or a server is what is known of another one.

    The mirrors are permuted (see `shifted`) for what the rule sees; the world is as it was.
    """

    rule: Any = None
    """the `Rule`"""

    def decide(self, config: EnvConfig, key: PRNGKeyArray, state: State, params: EnvParams) -> Array:
        """What the rule does with the mirrors of others."""
        return self.rule.decide(config, key, shifted(config, state), params)


def worn_twin(env: EcoEnv, policy: Policy | Remembering) -> Policy | Remembering:
    """An agent with such a twin."""

    def misled(state: Any, params: EnvParams) -> tuple[Any, Any, EnvParams]:
        state = shifted(env.config, state)
        return observe(env.config, state, params), state, params

    if isinstance(policy, Remembering):
        act = policy.act
        return policy._replace(act=lambda memory, key, seen, *there: act(memory, key, *misled(*there)))
    return lambda key, seen, *there: policy(key, *misled(*there))


def shifted(config: EnvConfig, state: State) -> State:
    """The state with every mirror that of another device or server.

    Devices are shifted by half their number, and servers by half of theirs. One alone keeps its own mirror: there is
    no other.
    """
    users, servers = config.users // 2, config.servers // 2
    b = state.belief
    return state._replace(
        belief=b._replace(
            device_mean=jnp.roll(b.device_mean, users),
            device_variance=jnp.roll(b.device_variance, users),
            server_mean=jnp.roll(b.server_mean, servers),
            server_variance=jnp.roll(b.server_variance, servers),
        )
    )


TRIALS = 35
"""Settings of every rule at every level that tuning plays, where there are so many."""


def trials(rule: Rule, level: str) -> list[Tuned]:
    """The settings that tuning tries of a rule at a level, each as number -> value; none where nothing can be tuned.

    All combinations of the values of its numbers, which may depend on one another, or `TRIALS` of them drawn evenly
    where there are more. A number that makes no difference at the level (when to synchronise without a twin, the harm
    to others where nothing is foreseen) stays as it is: its values would play the same policy again. So the budget is
    the same for every rule and level, and what spends less of it has nothing left to try.
    """
    values = tunable(rule, SIGHT[level])
    every = [dict(zip(values, choice, strict=True)) for choice in itertools.product(*values.values())] if values else []
    drawn = np.random.default_rng(0).permutation(len(every))[:TRIALS]
    return [every[i] for i in sorted(drawn)]


def tune(
    env: EcoEnv,
    params: EnvParams,
    key: Any,
    episodes: int,
    levels: Sequence[str] = LEVELS,
    rules: Mapping[str, Rule] | None = None,
) -> Tuned:
    """The best of the `trials` of each rule (of all that are registered) by mean reward on these episodes."""
    entries: dict[str, Entry] = {}
    tried: dict[str, list[Tuned]] = {}
    for level in levels:
        world = params.with_knowledge(level)
        for name, rule in (named() if rules is None else rules).items():
            if settings := trials(rule, level):
                tried[f"{name}/{level}"] = settings
                entries |= {f"{name}/{level} {i}": Entry(with_values(rule, v), world) for i, v in enumerate(settings)}
    found = play(env, entries, key, episodes)
    best: Tuned = {}
    for name, settings in tried.items():
        reward = [float(found[f"{name} {i}"][REWARD].mean()) for i in range(len(settings))]
        best |= {f"{name}/{number}": value for number, value in settings[int(np.argmax(reward))].items()}
    return best


def with_tuned(rule: Rule, name: str, level: str, tuned: Mapping[str, float]) -> Rule:
    """The rule of this name with what it was tuned to at a level."""
    numbers = (number for number in tunable(rule, SIGHT[level]) if f"{name}/{level}/{number}" in tuned)
    return with_values(rule, {number: tuned[f"{name}/{level}/{number}"] for number in numbers})


def uninformed(params: EnvParams) -> dict[str, Entry]:
    """Rules that do the same whatever is known."""
    nothing = params.with_knowledge(NONE)
    return {name: Entry(rule, nothing) for name, rule in named().items() if not rule.informed}


def chosen_rules(params: EnvParams, tuned: Mapping[str, float], levels: Sequence[str] = LEVELS) -> dict[str, Entry]:
    """Every rule of the study in its world, by name; `-<level>` says what it knows."""
    chosen = uninformed(params)
    for level in levels:
        world = params.with_knowledge(level)
        for name, rule in named().items():
            if rule.informed:
                chosen[at(name, level)] = Entry(with_tuned(rule, name, level, tuned), world)
    return chosen
