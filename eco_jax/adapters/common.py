"""What the doors to other libraries share: environments played from Python, seeds, and actions as one number.

A seed and an episode give every random number: environment i of a batch that was reset with seed s is the one that a
single environment is with seed s + i, and its next episodes follow from the same seed. Batches of one size are one
program and equal to the bit; those of other sizes are equal to rounding.
"""

import importlib
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.env import EcoEnv, EnvConfig, EnvParams, Observation, State
from eco_jax.env.policies import Rule
from eco_jax.env.policies.rules import GREEDY
from eco_jax.errors import UserError, quoted
from eco_jax.metrics import REWARD
from eco_jax.parts import registered
from eco_jax.settings import is_whole, similar

HEADS, TABLE = "heads", "table"
"""Actions: a choice of each head, or the number of a row of `table`."""
RULE_DRAWS = 1
"""Folded into a slot's key for what the rule of the other users draws."""


def needs(package: str, extra: str) -> Any:
    """An optional package, imported.

    Raises:
        UserError: it is not installed; the extra that installs it is named.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package.partition(".")[0]:
            raise
        raise UserError(f"{error.name} is not installed: pip install 'eco-jax[{extra}]'") from error


def table(config: EnvConfig) -> Int[np.ndarray, "rows 4"]:
    """The joint choices of one user, a row each: target, offloading factor, cache, sync.

    Factor and cache have no effect on a local task, so local stands there once with and once without a sync: at four
    candidates and four factors 2 + 64 rows, where the heads have 80 combinations.
    """
    _, levels, cache, sync = (range(n) for n in config.heads)
    local = [(0, 0, 0, s) for s in sync]
    away = [(k, b, c, s) for k in range(1, config.heads[0]) for b in levels for c in cache for s in sync]
    return np.array(local + away, np.int32)


def table_mask(config: EnvConfig, mask: Any) -> Any:
    """Which rows of `table` are legal, [..., rows], by the mask of the heads' choices, [..., choices]."""
    starts = np.cumsum([0, *config.heads[:-1]])
    return mask[..., table(config) + starts].all(axis=-1)


def rule_of(others: str | Rule) -> Rule:
    """The rule by which the other users act.

    Raises:
        UserError: there is none of this name.
    """
    if isinstance(others, Rule):
        return others
    rules = registered("rule")
    if not isinstance(others, str) or others not in rules:
        raise UserError(f"others = {quoted(others)}: is no rule{similar(str(others), rules)}")
    return rules[others]()


def check_user(config: EnvConfig, user: int | None) -> None:
    """Whether there is such a user.

    Raises:
        UserError: there is not.
    """
    if user is not None and not (is_whole(user) and 0 <= user < config.users):
        raise UserError(f"user = {quoted(user)}: must lie in [0, {config.users - 1}], or be None for all users at once")


def check_choices(what: str, given: np.ndarray, count: int) -> None:
    """Whether all numbers are choices among so many.

    Raises:
        UserError: one is not.
    """
    if given.dtype.kind not in "iu":
        raise UserError(f"{what}: holds numbers of type {given.dtype}, must hold whole ones")
    if given.size and (given.min() < 0 or given.max() >= count):
        wrong = given[(given < 0) | (given >= count)].flat[0]
        raise UserError(f"{what}: is {wrong}, must lie in [0, {count - 1}]")


def check_actions(actions: str) -> None:
    """Whether there are such actions.

    Raises:
        UserError: there are not.
    """
    if actions not in (HEADS, TABLE):
        raise UserError(f"actions = {quoted(actions)}: must be {HEADS!r} or {TABLE!r}")


def slot_key(key: PRNGKeyArray, episode: Any, slot: Any) -> PRNGKeyArray:
    """The key of a slot: 0 is the reset, t that of the t-th step."""
    return jax.random.fold_in(jax.random.fold_in(key, episode), slot)


def with_others(
    env: EcoEnv, rule: Rule, key: PRNGKeyArray, state: State, action: Int[Array, " 4"], user: int, params: EnvParams
) -> Int[Array, "users 4"]:
    """The joint action where one user acts so, and all others by the rule.

    The rule decides for all users at once and sees what a controller may see; its choice for the user is dropped.
    """
    joint = rule.decide(env.config, jax.random.fold_in(key, RULE_DRAWS), state, params)
    return joint.at[user].set(action.astype(joint.dtype))


class Frame(NamedTuple):
    """A slot of one environment as a door shows it; its rows are all users, or one."""

    features: Float[Array, "rows features"]
    mask: Bool[Array, "rows choices"]
    credit: Float[Array, " rows"]
    """what each learns from"""
    team: Float[Array, ""]
    """reward of all users together: the mean of their own rewards (the sum for the equations as printed)"""
    truncated: Bool[Array, ""]
    metrics: dict[str, Array]
    """means over the users"""


class Running(NamedTuple):
    """Environments under way, [envs] each."""

    key: PRNGKeyArray
    """of the seed"""
    episode: Int[Array, " envs"]
    state: Any


def _pack(tree: Any) -> Float[Array, " width"]:
    """All leaves in one row, so that they leave the device in one piece. Counts and flags are exact in fp32."""
    return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float32) for leaf in jax.tree.leaves(tree)])


def _unpack(rows: np.ndarray, shapes: Any) -> Any:
    """The inverse of `_pack` on the host, [envs, width] -> leaves [envs, ...], as arrays of their own."""
    leaves, structure = jax.tree.flatten(shapes)
    starts = np.cumsum([0, *(leaf.size for leaf in leaves)])
    cut = zip(leaves, starts[:-1], starts[1:], strict=True)
    found = [np.array(rows[:, a:b].reshape(-1, *leaf.shape), leaf.dtype) for leaf, a, b in cut]
    return jax.tree.unflatten(structure, found)


def _shown(observation: Observation, user: int | None) -> Observation:
    return observation if user is None else Observation(*(leaf[user : user + 1] for leaf in observation))


def _reset_one(env: EcoEnv, user: int | None, params: EnvParams, key: Array, episode: Array) -> tuple[Any, Any]:
    observation, state = env.reset(slot_key(key, episode, 0), params)
    return _shown(observation, user), state


def _step_one(
    env: EcoEnv, user: int | None, params: EnvParams, rule: Rule, key: Array, episode: Array, state: State, act: Array
) -> tuple[Frame, State]:
    key = slot_key(key, episode, state.t + 1)
    if user is not None:
        act = with_others(env, rule, key, state, act, user, params)
    observation, state, credit, _, truncated, info = env.step(key, state, act, params)
    shown = _shown(observation, user)
    credit = credit if user is None else credit[user : user + 1]
    metrics = {str(name): value for name, value in info["metrics"].items()}
    return Frame(shown.features, shown.mask, credit, info[REWARD], truncated, metrics), state


@partial(jax.jit, static_argnums=(0, 1))
def _restart(env: EcoEnv, user: int | None, params: EnvParams, running: Running, which: Array) -> tuple[Array, Running]:
    def one(key: Array, episode: Array, old: Any, fresh: Array) -> tuple[Array, Array, Any]:
        episode = episode + fresh
        shown, state = _reset_one(env, user, params, key, episode)
        return _pack(shown), episode, jax.tree.map(lambda new, old: jnp.where(fresh, new, old), state, old)

    packed, episode, state = jax.vmap(one)(*running, which)
    return packed, Running(running.key, episode, state)


@partial(jax.jit, static_argnums=(0, 1))
def _step(
    env: EcoEnv, user: int | None, params: EnvParams, rule: Rule, running: Running, action: Array
) -> tuple[Array, Running]:
    def one(key: Array, episode: Array, state: Any, act: Array) -> tuple[Array, Any]:
        frame, state = _step_one(env, user, params, rule, key, episode, state, act)
        return _pack(frame), state

    packed, state = jax.vmap(one)(*running, action)
    return packed, running._replace(state=state)


class Batch:
    """Environments side by side on the device, played from Python. A step is one program and one transfer of data."""

    def __init__(
        self, env: EcoEnv, params: EnvParams, envs: int, user: int | None = None, others: str | Rule = GREEDY
    ) -> None:
        """See `Batch`.

        Args:
            env: as `make` gives it.
            params: its parameters.
            envs: how many.
            user: the one that is shown and acts; None for all.
            others: by what rule the others act then.

        Raises:
            UserError: there is no such user or rule.
        """
        if not is_whole(envs) or envs < 1:
            raise UserError(f"num_envs = {quoted(envs)}: must be a whole number of at least 1")
        check_user(env.config, user)
        self.env, self.params, self.envs, self.user = env, jax.device_put(params), int(envs), user
        self.rule = rule_of(others)
        self.rows = env.agents if user is None else 1
        key = jax.eval_shape(jax.random.key, 0)
        count = jax.ShapeDtypeStruct((), jnp.int32)
        self._observation, state = jax.eval_shape(partial(_reset_one, env, user), params, key, count)
        action = jax.ShapeDtypeStruct((env.agents, 4) if user is None else (4,), jnp.int32)
        self._frame, _ = jax.eval_shape(
            partial(_step_one, env, user), self.params, self.rule, key, count, state, action
        )
        self.features = self._observation.features.shape[-1]
        empty = jax.tree.map(lambda leaf: jnp.zeros((self.envs, *leaf.shape), leaf.dtype), state)
        self._running = Running(_keys([0] * self.envs), jnp.full(self.envs, -1, jnp.int32), empty)
        self._seeded = np.zeros(self.envs, bool)

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Environments whose seed is no None begin anew from it at their next reset."""
        given = np.array([seed is not None for seed in seeds])
        keys = _keys([0 if seed is None else seed for seed in seeds])
        old = self._running
        self._running = old._replace(
            key=jax.tree.map(lambda new, old: jnp.where(given, new, old), keys, old.key),
            episode=jnp.where(given, -1, old.episode),
        )
        self._seeded |= given

    @property
    def seeded(self) -> np.ndarray:
        """Which environments have had a seed, [envs]."""
        return self._seeded

    def reset(self, which: np.ndarray | None = None) -> Any:
        """The next episode of some environments, [envs], or of all: an `Observation` of NumPy arrays.

        Rows of the others mean nothing.
        """
        chosen = np.ones(self.envs, bool) if which is None else np.asarray(which, bool)
        packed, self._running = _restart(self.env, self.user, self.params, self._running, chosen)
        return _unpack(jax.device_get(packed), self._observation)

    def step(self, action: np.ndarray) -> Any:
        """One slot of all environments: a `Frame` of NumPy arrays, [envs, ...] each.

        Args:
            action: choices of the heads, [envs, users, 4], or [envs, 4] of one user.

        Raises:
            UserError: it has another shape, holds what is no choice, or no episode was begun.
        """
        if not self._seeded.all():
            raise UserError("step: no episode was begun; call reset first")
        chosen = self._choices(np.asarray(action))
        packed, self._running = _step(self.env, self.user, self.params, self.rule, self._running, chosen)
        return _unpack(jax.device_get(packed), self._frame)

    def _choices(self, action: np.ndarray) -> np.ndarray:
        """Choices of the heads, [envs, users, 4], or [envs, 4] of one user; neighbouring axes may be given as one."""
        envs, rows, heads = self.envs, self.rows, self.env.heads
        if action.shape not in ((envs, rows, 4), (envs, rows * 4), (envs * rows, 4)):
            raise UserError(f"action: has shape {action.shape}, must hold {(envs, rows, 4)} choices")
        found = action.reshape(envs, rows, 4)
        for k, count in enumerate(heads):
            check_choices(f"action: head {k}", found[..., k], count)
        return (found if self.user is None else found[:, 0]).astype(np.int32)


def _keys(seeds: Sequence[int]) -> PRNGKeyArray:
    """The keys of seeds, of which the lowest 32 bits count."""
    return jax.vmap(jax.random.key)(np.array([seed % 2**32 for seed in seeds], np.uint32))
