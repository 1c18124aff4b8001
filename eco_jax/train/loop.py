"""The training loop: rollout, update, and chunks of updates, one jitted program for any number of members.

`Learner.update` is written for one run. A seed, a configuration or a level of knowledge is a member: an axis over
which `Learner.chunk` vmaps it if there are several. Of the algorithm the loop knows the protocol only
(`agent.algorithms.base`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Key, PRNGKeyArray

from eco_jax.agent.algorithms import Algorithm
from eco_jax.agent.algorithms.base import check_agent
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import Params, where_ended
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Environment, Observation, inputs_of
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import Policy, Remembering


class TrainState(NamedTuple):
    """Everything that a run carries from one update to the next."""

    agent: Any
    """what the algorithm learns: a named tuple with `params`, see `agent.algorithms.base.Agent`"""
    carry: Any
    """the agent's memory, leaves [envs, users, ...]; `()` without one"""
    observation: Observation
    env_state: Any
    key: PRNGKeyArray


World = tuple[Any, Observation, Any]
"""The agent's memory, observation and environment state of all environments."""


@dataclass(frozen=True)
class Learner:
    """An environment and the settings of the loop. Hashable: a static argument of what is jitted."""

    env: Environment
    config: TrainConfig

    def __post_init__(self) -> None:
        horizon = self.env.fixed_horizon
        if horizon is not None and horizon % self.config.rollout:
            divisors = [n for n in range(1, horizon + 1) if horizon % n == 0]
            raise UserError(
                f"train.rollout = {self.config.rollout}: must divide the episode of {horizon} slots: "
                f"one of {', '.join(map(str, divisors))}"
            )

    @property
    def heads(self) -> Heads:
        """Layout of the action."""
        return Heads(tuple(self.env.heads), tuple(self.env.gated))

    def init(self, axes: Any, algorithm: Algorithm, keys: Key[Array, " members"], env_params: Any) -> TrainState:
        """The state of all members before the first update, from one key each (`axes` and `algorithm` as in `chunk`).

        Raises:
            UserError: the algorithm's agent is not as the protocol wants it.
        """
        keys = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
        if self.env.fixed_horizon is None:
            reset = jax.vmap(partial(self._reset, algorithm), in_axes=(0, axes))
            observation, env_state = reset(keys[:, 1], env_params)
        else:
            # The first update resets (see `update`): compiling the same reset here would cost seconds for nothing.
            new, env_state = jax.eval_shape(self.env.reset, keys[0, 1], _of_first(env_params, axes))
            blank = jax.eval_shape(algorithm.stored, new), env_state
            observation, env_state = jax.tree.map(
                lambda leaf: jnp.zeros((len(keys), self.config.envs, *leaf.shape), leaf.dtype), blank
            )
        inputs = inputs_of(self.env, observation.features.shape[-1])

        def begin(given: tuple[Algorithm, PRNGKeyArray]) -> Any:
            agent = given[0].init(given[1], inputs, self.heads)
            check_agent(given[0], agent)
            return agent

        # One agent after the other: the kernels' QR decompositions, batched by vmap and running at once, lock up the
        # thread pool of XLA's CPU runtime (jaxlib 0.10.2).
        agent = lax.map(begin, (algorithm, keys[:, 0]))
        carry = jax.vmap(lambda own, _: self._start(own))(algorithm, keys)
        return TrainState(agent, carry, observation, env_state, keys[:, 2])

    def _reset(self, algorithm: Algorithm, key: PRNGKeyArray, env_params: Any) -> tuple[Observation, Any]:
        keys = jax.random.split(key, self.config.envs)
        observation, env_state = jax.vmap(self.env.reset, in_axes=(0, None))(keys, env_params)
        return algorithm.stored(observation), env_state

    def _start(self, algorithm: Algorithm) -> Any:
        """The agent's memory at the beginning of an episode, in all environments."""
        return algorithm.start((self.config.envs, self.env.agents))

    def _slot(
        self,
        algorithm: Algorithm,
        params: Params,
        env_params: Any,
        world: World,
        given: tuple[Key[Array, " more"], World | None],
    ) -> tuple[World, tuple[Rollout, dict[str, Array]]]:
        """One slot in every environment; where episodes end at times of their own, those that did start anew.

        `given`: keys, one for the actions and one for each environment; and new episodes, None with a fixed horizon.
        """
        keys, fresh = given
        carry, observation, env_state = world
        action, carry = algorithm.act(params, carry, keys[0], observation, self.heads, False)
        new, env_state, reward, terminated, truncated, info = jax.vmap(self.env.step, in_axes=(0, 0, 0, None))(
            keys[1:], env_state, action, env_params
        )
        new = algorithm.stored(new)
        ended = terminated | truncated
        step = Rollout(observation, action, reward, None if fresh is None else new, terminated, ended)  # type: ignore[arg-type]
        world = carry, new, env_state
        if fresh is not None:
            world = where_ended(ended, fresh, world)
        # Reduced over the environments only once a rollout: small sums at every slot cost more than they save.
        return world, (step, info["metrics"])

    def _collect(
        self, algorithm: Algorithm, state: TrainState, key: PRNGKeyArray, env_params: Any, index: Array
    ) -> tuple[World, Rollout, dict[str, Array]]:
        """`rollout` slots in every environment: where they lead to, what happened, and its metrics."""
        slots, envs = self.config.rollout, self.config.envs
        rollout_key, reset_key = jax.random.split(key)
        start: World = state.carry, state.observation, state.env_state
        fresh: Any = None
        if self.env.fixed_horizon is not None:
            # The index is the same for all members, so this stays a branch under vmap.
            first = index % (self.env.fixed_horizon // slots) == 0
            begun = start
            start = lax.cond(
                first, lambda: (self._start(algorithm), *self._reset(algorithm, reset_key, env_params)), lambda: begun
            )
        else:
            # All at once, most of them for nothing: one by one inside the loop costs far more.
            resets = jax.vmap(partial(self._reset, algorithm), in_axes=(0, None))(
                jax.random.split(reset_key, slots), env_params
            )
            memory = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (slots, *leaf.shape)), self._start(algorithm))
            fresh = (memory, *resets)
        world, (rollout, metrics) = lax.scan(
            partial(self._slot, algorithm, state.agent.params, env_params),
            start,
            (jax.random.split(rollout_key, (slots, envs + 1)), fresh),
        )
        rollout = rollout._replace(carry=start[0])
        if rollout.next_observation is None:
            # With a fixed horizon an episode can end only where the rollout does: the next value of every slot but
            # the last is the following slot's, and the last observation is the true one, reset or not.
            rollout = rollout._replace(next_observation=jax.tree.map(lambda leaf: leaf[None], world[1]))
        return world, rollout, {name: jnp.mean(value) for name, value in metrics.items()}

    def update(
        self,
        state: TrainState,
        algorithm: Algorithm,
        env_params: Any,
        index: Array,
        total: Array,
        alone: bool = False,
    ) -> tuple[TrainState, dict[str, Array]]:
        """A rollout, and what the algorithm makes of it. What is not finite is not taken, and says so (`finite`).

        Args:
            state: of one member.
            algorithm: its algorithm.
            env_params: its environment's.
            index: number of this update, from 0; the same for all members.
            total: updates in the whole run.
            alone: no other member is in the program.

        Raises:
            UserError: the algorithm reports something under a name that the environment has.
        """
        key, collect_key, learn_key = jax.random.split(state.key, 3)
        (carry, observation, env_state), rollout, metrics = self._collect(
            algorithm, state, collect_key, env_params, index
        )
        progress = index / jnp.maximum(total - 1, 1)

        def learn(algorithm: Algorithm, agent: Any, rollout: Rollout, key: PRNGKeyArray) -> Any:
            return algorithm.learn(agent, rollout, self.heads, key, progress)

        if alone:
            learn = _with_an_axis_of_one(learn)
        learnt, losses = learn(algorithm, state.agent, rollout, learn_key)
        for name in losses:
            if name in metrics or name == "finite":
                raise UserError(
                    f"algorithm {type(algorithm).__name__}: learn: reports {name!r}, the name of another metric"
                )

        metrics = metrics | losses
        finite = jnp.all(jnp.isfinite(jnp.stack(list(metrics.values())))) & algorithm.finite(learnt)
        agent = jax.tree.map(lambda new, old: jnp.where(finite, new, old), learnt, state.agent)
        return TrainState(agent, carry, observation, env_state, key), metrics | {"finite": finite}

    def chunk(
        self,
        length: int,
        axes: Any,
        state: TrainState,
        algorithm: Algorithm,
        env_params: Any,
        start: Array,
        total: Array,
    ) -> tuple[TrainState, dict[str, Array]]:
        """`length` updates of every member from update `start` on; metrics [length, members].

        Args:
            length: updates (static).
            axes: pytree of 0 (a member's own) and None (shared by all) over `env_params` (static).
            state: of all members.
            algorithm: of all members: its traced numbers have a leading axis of them.
            env_params: see `axes`.
            start: number of the first update.
            total: updates in the whole run.
        """
        steps = start + jnp.arange(length)
        if len(state.key) > 1:
            update = jax.vmap(self.update, in_axes=(0, 0, axes, None, None))
            return lax.scan(lambda state, index: update(state, algorithm, env_params, index, total), state, steps)
        # Of one member, the environment has no axis of members: it is traced and compiled the sooner.
        state, algorithm = jax.tree.map(lambda leaf: leaf[0], (state, algorithm))
        own = _of_first(env_params, axes)
        state, metrics = lax.scan(
            lambda state, index: self.update(state, algorithm, own, index, total, alone=True), state, steps
        )
        return jax.tree.map(lambda leaf: leaf[None], state), jax.tree.map(lambda leaf: leaf[:, None], metrics)

    def policy(self, algorithm: Algorithm, params: Params, greedy: bool | Array = True) -> Policy | Remembering:
        """An agent as a policy for evaluation: the most likely choices (`greedy`), or samples.

        Args:
            algorithm: that made the agent.
            params: of the agent.
            greedy: may be traced.
        """
        memory = algorithm.start((self.env.agents,))

        def act(
            memory: Any, key: PRNGKeyArray, observation: Observation, state: Any, env_params: Any
        ) -> tuple[Array, Any]:
            return algorithm.act(params, memory, key, observation, self.heads, greedy)

        if jax.tree.leaves(memory):
            return Remembering(memory, act)
        return lambda *given: act(memory, *given)[0]


def _of_first(env_params: Any, axes: Any) -> Any:
    """The parameters of the first member's environments; `axes` as in `Learner.chunk`."""
    return jax.tree.map(
        lambda axis, leaf: leaf if axis is None else leaf[0], axes, env_params, is_leaf=lambda axis: axis is None
    )


def _with_an_axis_of_one(learn: Callable[..., Any]) -> Callable[..., Any]:
    """The same result: on a CPU, XLA's products for many gradients are a tenth slower without an axis of members."""

    def learn_with_it(*given: Any) -> Any:
        learnt = jax.vmap(learn)(*jax.tree.map(lambda leaf: leaf[None], given))
        return jax.tree.map(lambda leaf: leaf[0], learnt)

    return learn_with_it
