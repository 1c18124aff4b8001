"""The rules of the study: what each sees, and how they are tuned."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import jax.numpy as jnp
from jax import Array

from eco_jax.env import EcoEnv, EnvParams, policies
from eco_jax.env.observe import observe
from eco_jax.metrics import REWARD
from eco_jax.study.play import Entry, play
from eco_jax.study.profile import LEVELS
from eco_jax.train.evaluate import Policy, Remembering

HYSTERESES = (-0.1, -0.05, 0.0, 0.05)
"""Reward; below 0 a rule leaves a server for less than the migration costs at once: the better one lasts."""
SYNC_ABOVE = (0.15, 0.2, 0.25, 0.3, 0.4, 0.6)
"""Mean variance of the beliefs about the own device and the candidates, above which a user synchronises."""
SYNC_EVERY = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Slots."""
NEVER = math.inf

Tuned = dict[str, float]
"""`<rule>/<level>/<setting>` -> the value that served best."""


@cache
def knobbed(env: EcoEnv, **settings: Any) -> Callable[..., Array]:
    """`policies.greedy` with its knobs traced: one program for all their values."""

    def kind(knobs: Any, key: Any, observation: Any, state: Any, params: EnvParams) -> Array:
        hysteresis, sync_above, sync_every = knobs
        rule = policies.greedy(
            env.config, hysteresis=hysteresis, sync_above=sync_above, sync_every=sync_every.astype(jnp.int32),
            **({"cache": "always"} | settings),
        )  # fmt: skip
        return rule(key, env.view(state, params), params)

    return kind


@cache
def plain(env: EcoEnv, rule: policies.Rule) -> Callable[..., Array]:
    """A rule without knobs."""
    return lambda knobs, key, observation, state, params: rule(key, env.view(state, params), params)


@cache
def central(env: EcoEnv, caching: bool = True) -> Callable[..., Array]:
    """One controller that decides for all users at once, by the beliefs: `slot_reference` with E[delta] for delta.

    It sees every user's task and position, which an agent of one user does not. At `truth` it is the slot-reference.
    """
    decide = policies.slot_reference(env.config, cache="always" if caching else "never")

    def kind(knobs: Any, key: Any, observation: Any, state: Any, params: EnvParams) -> Array:
        b = state.belief
        # slowdown(m / sqrt(1 + v)) is E[delta] exactly
        expected = state._replace(
            x_device=b.device_mean / jnp.sqrt(1.0 + b.device_variance),
            x_server=b.server_mean / jnp.sqrt(1.0 + b.server_variance),
        )
        return decide(key, observation, expected, params)

    return kind


def misled(env: EcoEnv, policy: Policy) -> Policy:
    """The policy with a misleading twin: what is believed of a server is what is true of another one.

    The mirrors are shifted by half the number of servers, for what the policy sees; the world is as it was.
    """

    def act(key: Any, observation: Any, state: Any, params: EnvParams) -> Array:
        return policy(key, *_shifted(env, state, params))

    return act


def worn_twin(env: EcoEnv, policy: Policy | Remembering) -> Policy | Remembering:
    """The same of an agent, which may have a memory."""
    if not isinstance(policy, Remembering):
        return misled(env, policy)
    act = policy.act
    return policy._replace(act=lambda memory, key, seen, *there: act(memory, key, *_shifted(env, *there)))


def _shifted(env: EcoEnv, state: Any, params: EnvParams) -> tuple[Any, Any, EnvParams]:
    by = env.config.servers // 2
    b = state.belief
    b = b._replace(server_mean=jnp.roll(b.server_mean, by), server_variance=jnp.roll(b.server_variance, by))
    state = state._replace(belief=b)
    return observe(env.config, state, params), state, params


def tune(env: EcoEnv, params: EnvParams, key: Any, episodes: int, levels: Sequence[str] = LEVELS) -> Tuned:
    """The best setting of each rule by mean reward on these episodes."""
    trials: dict[str, dict[float, Entry]] = {}
    for level in levels:
        world = params.with_knowledge(level)
        for name, kind in (("greedy", knobbed(env)), ("foresight", knobbed(env, foresight=True))):
            trials[f"{name}/{level}/hysteresis"] = {v: Entry(kind, world, (v, NEVER, 0.0)) for v in HYSTERESES}
            if level == "twin":
                trials[f"{name}/{level}/sync_above"] = {v: Entry(kind, world, (0.0, v, 0.0)) for v in SYNC_ABOVE}
        if level == "twin":
            trials["greedy/twin/sync_every"] = {v: Entry(knobbed(env), world, (0.0, NEVER, v)) for v in SYNC_EVERY}
    entries = {f"{name} {value}": entry for name, values in trials.items() for value, entry in values.items()}
    found = play(env, entries, key, episodes)
    return {
        name: max(values, key=lambda value: float(found[f"{name} {value}"][REWARD].mean()))
        for name, values in trials.items()
    }


def simple_rules(env: EcoEnv, params: EnvParams) -> dict[str, Entry]:
    """Rules that know nothing and have nothing to tune."""
    config, nothing = env.config, params.with_knowledge("none")
    rules = {
        "local": policies.local(config), "random": policies.random(config), "nearest-full": policies.nearest(config),
        "nearest-half": policies.nearest(config, 0.5),
    }  # fmt: skip
    return {name: Entry(plain(env, rule), nothing) for name, rule in rules.items()}


def chosen_rules(
    env: EcoEnv, params: EnvParams, tuned: Mapping[str, float], levels: Sequence[str] = LEVELS
) -> dict[str, Entry]:
    """Every rule of the study in its world, by name; `-<level>` says what it knows."""
    chosen = simple_rules(env, params)
    for level in levels:
        world = params.with_knowledge(level)
        above, ahead = (tuned.get(f"{rule}/{level}/sync_above", NEVER) for rule in ("greedy", "foresight"))
        greedy, foresight = knobbed(env), knobbed(env, foresight=True)
        entries = {
            "greedy": Entry(greedy, world, (0.0, above, 0.0)),
            "greedy-hysteresis": Entry(greedy, world, (tuned[f"greedy/{level}/hysteresis"], above, 0.0)),
            "greedy-posterior": Entry(knobbed(env, posterior=True), world, (0.0, above, 0.0)),
            "greedy-stay": Entry(knobbed(env, never_migrate=True), world, (0.0, above, 0.0)),
            "greedy-blind": Entry(knobbed(env, blind=True), world, (0.0, above, 0.0)),
            "greedy-uncached": Entry(knobbed(env, cache="never"), world, (0.0, above, 0.0)),
            "foresight": Entry(foresight, world, (0.0, ahead, 0.0)),
            "foresight-hysteresis": Entry(foresight, world, (tuned[f"foresight/{level}/hysteresis"], ahead, 0.0)),
        }
        if level == "twin":
            entries["greedy-clock"] = Entry(greedy, world, (0.0, NEVER, tuned["greedy/twin/sync_every"]))
        chosen |= {f"{name}-{level}": entry for name, entry in entries.items()}
    return chosen
