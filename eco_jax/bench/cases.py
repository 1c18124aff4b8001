"""What is timed and counted on an accelerator: the environment alone, with inference, and with training.

A case is a function of a state that it gives back, to be compiled with the state donated. Its shapes are known without
a device, so that it can be compiled for a card that is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import PRNGKeyArray

from eco_jax.agent.algorithms import Algorithm
from eco_jax.agent.distribution import Heads
from eco_jax.env import EcoEnv, Environment, EnvParams, Observation, inputs_of
from eco_jax.random import uniform
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import stack_algorithms
from eco_jax.train.loop import Learner

ENVIRONMENT, INFERENCE, TRAINING = "environment", "inference", "training"
"""The three numbers: random actions; a network's actions; a network that learns."""
MB = 1e6
DRAWN = 64
"""Environments that are reset for a case at the most; more of them begin as copies of these."""

Slot = Callable[[tuple[Observation, Any], Array], tuple[tuple[Observation, Any], tuple[Array, Array]]]
"""A slot in all environments: (observation, state) and keys [environments + 1] to those after it, and two means."""


@dataclass(frozen=True)
class Case:
    """Something to compile, `function(state, *arguments(call)) -> (state, output)`."""

    what: str
    envs: int
    """of one member"""
    members: int
    slots: int
    """of one call"""
    function: Callable[..., tuple[Any, Any]]
    start: Callable[[], Any]
    """makes the state before the first call"""
    arguments: Callable[[int], tuple[Any, ...]]
    """beside the state, by the number of the call"""
    shapes: Callable[[], Any]
    """of the state"""

    @property
    def steps(self) -> int:
        """Environment steps of one call."""
        return self.envs * self.members * self.slots

    def lower(self, device: Any = None) -> Any:
        """Lowered for the default device, or for another that need not be there, with the state donated."""
        options: dict[str, Any] = {} if device is None else {"in_shardings": device, "out_shardings": device}
        given = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), self.arguments(0))
        return jax.jit(self.function, donate_argnums=0, **options).lower(self.shapes(), *given)


def of(what: str, env: EcoEnv, params: EnvParams, algorithm: Algorithm, envs: int, members: int, rollout: int) -> Case:
    """A case by its name; a call of it is an episode.

    Args:
        what: the environment alone, with inference, or with training.
        env: environment.
        params: of it.
        algorithm: of the agents.
        envs: environments, of each member.
        members: of the training; the others have one.
        rollout: slots between two updates of it.
    """
    horizon = env.config.slots
    if what == ENVIRONMENT:
        return environment(env, params, envs, horizon)
    if what == INFERENCE:
        return inference(env, params, algorithm, envs, horizon)
    learner = Learner(env, TrainConfig(envs=envs, rollout=rollout))
    return training(learner, algorithm, params, members, horizon // rollout)


def random_slot(env: EcoEnv, params: EnvParams, envs: int) -> Slot:
    """A slot of uniform random actions in `envs` environments, without metrics."""
    heads = jnp.asarray(env.heads)
    users = env.agents

    def slot(carry: tuple[Observation, Any], keys: Array) -> tuple[tuple[Observation, Any], tuple[Array, Array]]:
        _, state = carry
        numbers = uniform(keys[0], envs * users * len(env.heads)).reshape(envs, users, -1)
        action = jnp.floor(numbers * heads).astype(jnp.int32)
        observation, state, reward, *_ = jax.vmap(env.step, in_axes=(0, 0, 0, None))(keys[1:], state, action, params)
        return (observation, state), (jnp.mean(reward), jnp.mean(observation.features))

    return slot


def environment(env: EcoEnv, params: EnvParams, envs: int, slots: int) -> Case:
    """The environment alone, under uniform random actions."""
    slot = random_slot(env, params, envs)

    def run(carry: tuple[Observation, Any], key: PRNGKeyArray) -> tuple[Any, Any]:
        return lax.scan(slot, carry, jax.random.split(key, (slots, envs + 1)))

    return Case(
        ENVIRONMENT, envs, 1, slots, run, partial(_begun, env, params, envs), lambda call: (jax.random.key(call),),
        partial(_begun_shapes, env, params, envs),
    )  # fmt: skip


def inference(env: EcoEnv, params: EnvParams, algorithm: Algorithm, envs: int, slots: int) -> Case:
    """The environment under the samples of a fresh agent, which learns nothing."""
    heads = Heads(tuple(env.heads), tuple(env.gated))

    def run(carry: tuple[Observation, Any], key: PRNGKeyArray, agent: Any) -> tuple[Any, Any]:
        def slot(carry: tuple[Observation, Any, Any], keys: Array) -> tuple[Any, Array]:
            memory, observation, state = carry
            action, memory = algorithm.act(agent, memory, keys[0], observation, heads)
            new, state, reward, *_ = jax.vmap(env.step, in_axes=(0, 0, 0, None))(keys[1:], state, action, params)
            return (memory, new, state), jnp.mean(reward)

        begun = (algorithm.start((envs, env.agents)), *carry)
        (_, *after), rewards = lax.scan(slot, begun, jax.random.split(key, (slots, envs + 1)))
        return tuple(after), rewards

    @lru_cache(1)
    def agent() -> Any:
        return _agent(env, params, algorithm).params

    return Case(
        INFERENCE, envs, 1, slots, run, partial(_begun, env, params, envs),
        lambda call: (jax.random.key(call), agent()),
        partial(_begun_shapes, env, params, envs),
    )  # fmt: skip


def training(learner: Learner, algorithm: Algorithm, params: EnvParams, members: int, updates: int) -> Case:
    """`updates` updates of `members` agents side by side, from the first slot of an episode on in every call.

    The members begin as copies of one agent, each with a key of its own.
    """
    several = stack_algorithms([algorithm] * members)
    axes = jax.tree.map(lambda _: None, params)
    config = learner.config

    def shapes() -> Any:
        keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), members))
        return jax.eval_shape(partial(learner.init, axes), several, keys, params)

    def start() -> Any:
        one = _agent(learner.env, params, algorithm)
        agent = jax.tree.map(lambda leaf: np.broadcast_to(np.asarray(leaf), (members, *leaf.shape)), one)
        blank = shapes()._replace(agent=(), key=())
        held = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), blank)._replace(agent=agent)
        return jax.device_put(held)._replace(key=jax.random.split(jax.random.key(0), members))

    def arguments(call: int) -> tuple[Any, ...]:
        return several, params, jnp.int32(0), jnp.int32(config.updates)

    slots = updates * config.rollout
    return Case(TRAINING, config.envs, members, slots, partial(learner.chunk, updates, axes), start, arguments, shapes)


def memory(program: Any) -> dict[str, float]:
    """What a call takes of the device's memory, by XLA's own count, MB."""
    found = program.memory_analysis()
    if found is None:
        return {}
    names = ("argument", "output", "temp", "alias")
    sizes = {name: getattr(found, f"{name}_size_in_bytes") / MB for name in names}
    return sizes | {"total": sizes["argument"] + sizes["output"] + sizes["temp"] - sizes["alias"]}


def _agent(env: Environment, params: EnvParams, algorithm: Algorithm) -> Any:
    """A fresh agent for the environment."""
    inputs = inputs_of(env, jax.eval_shape(env.reset, jax.random.key(0), params)[0].features.shape[-1])
    return jax.jit(lambda key: algorithm.init(key, inputs, Heads(tuple(env.heads), tuple(env.gated))))(
        jax.random.key(0)
    )


@lru_cache(8)
def _reset(env: EcoEnv) -> Any:
    return jax.jit(jax.vmap(env.reset, in_axes=(0, None)))


def _begun(env: EcoEnv, params: EnvParams, envs: int) -> Any:
    """(observation, state) at the beginning of an episode in `envs` environments."""
    drawn = min(envs, DRAWN)
    few = _reset(env)(jax.random.split(jax.random.key(0), drawn), params)
    ids = np.arange(envs) % drawn
    return jax.device_put(jax.tree.map(lambda leaf: np.asarray(leaf)[ids], few))


def _begun_shapes(env: EcoEnv, params: EnvParams, envs: int) -> Any:
    return jax.eval_shape(
        lambda: jax.vmap(env.reset, in_axes=(0, None))(jax.random.split(jax.random.key(0), envs), params)
    )
