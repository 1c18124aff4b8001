"""The rules of the study: those that are registered, each at every level of knowledge, tuned on other episodes."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
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


def trials(rule: Rule, level: str) -> dict[str, Sequence[float]]:
    """What tuning tries of a rule at a level: when to synchronise only where there is a twin."""
    synced = SIGHT[level].sync
    return {name: values for name, values in tunable(rule).items() if synced or not name.startswith("sync.")}


def tune(env: EcoEnv, params: EnvParams, key: Any, episodes: int, levels: Sequence[str] = LEVELS) -> Tuned:
    """The best value of each number of each rule by mean reward on these episodes, the others as they are."""
    entries: dict[str, Entry] = {}
    tried: dict[str, Sequence[float]] = {}
    for level in levels:
        world = params.with_knowledge(level)
        for name, rule in named().items():
            for number, values in trials(rule, level).items():
                tried[f"{name}/{level}/{number}"] = values
                for value in values:
                    entries[f"{name}/{level}/{number} {value}"] = Entry(with_values(rule, {number: value}), world)
    found = play(env, entries, key, episodes)
    return {
        name: max(values, key=lambda value: float(found[f"{name} {value}"][REWARD].mean()))
        for name, values in tried.items()
    }


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
                values = {
                    n: tuned[f"{name}/{level}/{n}"] for n in trials(rule, level) if f"{name}/{level}/{n}" in tuned
                }
                chosen[at(name, level)] = Entry(with_values(rule, values), world)
    return chosen
