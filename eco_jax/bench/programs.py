"""Compiled programs to time."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import PRNGKeyArray

from eco_jax.agent.algorithms import Algorithm
from eco_jax.agent.distribution import sample
from eco_jax.agent.networks import MLP
from eco_jax.bench import cases
from eco_jax.env import EcoEnv, EnvParams, Inputs, Observation
from eco_jax.metrics import REWARD
from eco_jax.random import uniform
from eco_jax.train.fit import stack_algorithms
from eco_jax.train.loop import Learner
from eco_jax.train.program import Members, begin, compile_program, cores, split, together


@dataclass(frozen=True)
class Program:
    """Something compiled, ready to repeat."""

    run: Callable[[], int]
    """one repeat: environment steps done (or floating-point operations, or bytes, where it says so)"""
    compile_s: float
    """tracing, lowering and compilation"""
    memory_bytes: int
    """arguments, outputs and temporaries at once"""
    costs: dict[str, float]
    """XLA's own count of one environment step: flops, bytes accessed"""
    text: str = ""
    """the compiled program, for the profile"""


def _compile(function: Callable[..., Any], *arguments: Any, donate: Any = ()) -> tuple[Any, float, int]:
    started = time.perf_counter()
    compiled = jax.jit(function, donate_argnums=donate).lower(*arguments).compile()
    seconds = time.perf_counter() - started
    return compiled, seconds, round(cases.MB * cases.memory(compiled).get("total", 0.0))


def environment(env: EcoEnv, params: EnvParams, envs: int, slots: int, analyse: bool = False) -> Program:
    """The environment alone: `slots` slots of uniform random actions in `envs` environments, without learning.

    `analyse` asks for XLA's count of a slot's costs, which takes another compilation.
    """
    case = cases.environment(env, params, envs, slots)
    start = jax.jit(jax.vmap(env.reset, in_axes=(0, None)))(jax.random.split(jax.random.key(0), envs), params)
    compiled, compile_s, memory = _compile(case.function, start, jax.random.key(1), donate=0)
    one: Any = {}
    if analyse:
        slot = cases.random_slot(env, params, envs)
        one = jax.jit(slot).lower(start, jax.random.split(jax.random.key(1), envs + 1)).compile().cost_analysis() or {}
    held, count = [start], [0]

    def repeat() -> int:
        count[0] += 1
        held[0], out = compiled(held[0], jax.random.key(count[0]))
        jax.block_until_ready(out)
        return envs * slots

    costs = {name: one.get(name, 0.0) / envs for name in ("flops", "bytes accessed")}
    return Program(repeat, compile_s, memory, costs, compiled.as_text())


@dataclass(frozen=True)
class DummyEnv:
    """Observations and rewards of the shape of another environment's, and no work: what remains is the training."""

    shape: EcoEnv
    features: int

    @property
    def heads(self) -> tuple[int, ...]:
        """Of the environment that it stands for."""
        return self.shape.heads

    @property
    def gated(self) -> tuple[bool, ...]:
        """Likewise."""
        return self.shape.gated

    @property
    def agents(self) -> int:
        """Likewise."""
        return self.shape.agents

    @property
    def fixed_horizon(self) -> int | None:
        """Likewise."""
        return self.shape.fixed_horizon

    def _observation(self, state: Array) -> Observation:
        return Observation(state, jnp.ones((self.agents, sum(self.heads)), bool))

    def reset(self, key: PRNGKeyArray, params: Any) -> tuple[Observation, Any]:
        """Any numbers."""
        state = uniform(key, self.agents * self.features).reshape(self.agents, self.features)
        return self._observation(state), state

    def step(
        self, key: PRNGKeyArray, state: Array, action: Array, params: Any
    ) -> tuple[Observation, Any, Array, Array, Array, dict[str, Any]]:
        """Nearly the same numbers again."""
        state = state + 1e-3 * action[:, :1]
        reward = state[:, 0]
        info = {"metrics": {REWARD: jnp.mean(reward)}}
        return self._observation(state), state, reward, jnp.asarray(False), jnp.asarray(False), info


def training(learner: Learner, algorithm: Algorithm, params: Any, members: int, updates: int) -> Program:
    """`updates` updates of `members` agents side by side."""
    learner = dataclasses.replace(learner, config=dataclasses.replace(learner.config, updates=1_000_000))  # no end
    axes = jax.tree.map(lambda _: None, params)
    keys = jnp.stack([jax.random.key(seed) for seed in range(members)])
    several = stack_algorithms([algorithm] * members)
    whole = Members(begin(learner, axes, several, keys, params), several, params)
    held, done = [split(whole, axes, together(members))], [0]
    program = compile_program(learner, axes, held[0][0], updates)

    def repeat() -> int:
        held[0], _ = program.advance(held[0], done[0])
        done[0] += updates
        return members * updates * learner.config.envs * learner.config.rollout

    side = min(len(held[0]), cores())
    return Program(repeat, program.compile_s, side * program.memory, {})


def network_flops(learner: Learner, network: MLP, features: int) -> int:
    """Floating-point operations of the network's matrix products for one environment step of A2C training.

    For each user: the actor once while rolling out; actor and critic once forwards; twice backwards, less the gradient
    towards the features, which nobody needs.
    """
    hidden, depth, choices = network.hidden, network.layers, sum(learner.env.heads)
    body = features * hidden + (depth - 1) * hidden**2
    actor, critic = body + hidden * choices, body + hidden
    backward = 2 * (actor + critic) - 2 * features * hidden
    return 2 * learner.env.agents * (actor + actor + critic + backward)


def network_alone(learner: Learner, network: MLP, features: int, updates: int) -> Program:
    """The network's matrix products of an update and nothing else: the rollout's forward passes, and the gradient.

    It counts environment steps as `training` does, so that their ratio is the share of training spent in the network.
    """
    c, users = learner.config, learner.env.agents
    shape = (c.rollout, c.envs, users, features)
    x = jax.random.normal(jax.random.key(0), shape)

    def update(params: Any, _: None) -> tuple[Any, None]:
        def act(carry: Array, x: Array) -> tuple[Array, None]:
            return carry + jnp.mean(network.apply(params, (), x)[0]), None

        def linear(params: Any) -> Array:
            logits, values, _ = network.apply(params, (), x)
            return jnp.mean(logits) + jnp.mean(values)

        acted, _ = lax.scan(act, jnp.zeros(()), x)
        gradient = jax.grad(linear)(params)
        return jax.tree.map(lambda p, g: p - 1e-9 * (g + acted), params, gradient), None

    def run(params: Any) -> Any:
        return lax.scan(update, params, None, length=updates)[0]

    params = network.init(jax.random.key(1), Inputs(features), learner.heads)
    compiled, compile_s, memory = _compile(run, params)

    def repeat() -> int:
        jax.block_until_ready(compiled(params))
        return updates * c.rollout * c.envs

    return Program(repeat, compile_s, memory, {})


def sampling(learner: Learner, updates: int) -> Program:
    """Drawing the actions of a rollout, and nothing else."""
    c = learner.config
    logits = jax.random.normal(jax.random.key(0), (c.envs, learner.env.agents, sum(learner.env.heads)))
    mask = jnp.ones(logits.shape, bool)

    def draw(carry: Array, key: PRNGKeyArray) -> tuple[Array, None]:
        return carry + jnp.sum(sample(learner.heads, key, logits + carry, mask)), None

    def run(key: PRNGKeyArray) -> Array:
        return lax.scan(draw, jnp.zeros(()), jax.random.split(key, updates * c.rollout))[0]

    compiled, compile_s, memory = _compile(run, jax.random.key(1))

    def repeat() -> int:
        jax.block_until_ready(compiled(jax.random.key(2)))
        return updates * c.rollout * c.envs

    return Program(repeat, compile_s, memory, {})


def matmul(rows: int, inner: int, outer: int, count: int = 40) -> Program:
    """`count` products [rows, inner] x [inner, outer] and back, in one call; a repeat counts its flops."""
    there = jax.random.normal(jax.random.key(0), (inner, outer)) / inner**0.5
    back = jax.random.normal(jax.random.key(1), (outer, inner)) / outer**0.5

    def run(x: Array) -> Array:
        return lax.fori_loop(0, count, lambda _, x: (x @ there) @ back, x)

    x = jax.random.normal(jax.random.key(2), (rows, inner))
    compiled, compile_s, memory = _compile(run, x)

    def repeat() -> int:
        jax.block_until_ready(compiled(x))
        return 2 * count * 2 * rows * inner * outer

    return Program(repeat, compile_s, memory, {})


def copy(size: int, count: int = 20) -> Program:
    """`count` passes over `size` bytes, read and written; a repeat counts the bytes."""

    def run(x: Array) -> Array:
        return lax.fori_loop(0, count, lambda _, x: x + 1.0, x)

    x = jnp.zeros(size // 4)
    compiled, compile_s, memory = _compile(run, x)

    def repeat() -> int:
        jax.block_until_ready(compiled(x))
        return 2 * count * size

    return Program(repeat, compile_s, memory, {})
