"""The training loop: rollout, update, and chunks of updates, one jitted program for any number of members.

`Learner.update` is written for one run. A seed, a configuration or a level of knowledge is a member: an axis over
which `Learner.chunk` vmaps it.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array, lax
from jaxtyping import Key, PRNGKeyArray

from eco_jax.agent import a2c, ppo
from eco_jax.agent.distribution import Heads, mode, sample
from eco_jax.agent.network import Network, Params, make_network
from eco_jax.env import Environment, Observation
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import Policy


class TrainState(NamedTuple):
    """Everything that a run carries from one update to the next."""

    params: Params
    optimizer: Any
    observation: Observation
    env_state: Any
    key: PRNGKeyArray


@dataclass(frozen=True)
class Learner:
    """An environment and the settings to learn it with. Hashable: a static argument of what is jitted."""

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

    def network(self, features: int) -> Network:
        """The actor and the critic for observations of `features` features."""
        return make_network(features, sum(self.env.heads), self.config.hidden, self.config.layers)

    @property
    def _optimizer(self) -> optax.GradientTransformation:
        # Learning rates are traced, so they multiply what the optimizer gives (see `_apply`).
        return optax.scale_by_adam(eps=1e-5) if self.config.optimizer == "adam" else optax.identity()

    def init(self, axes: Any, keys: Key[Array, " members"], env_params: Any) -> TrainState:
        """The state of all members before the first update, from one key each (`axes` as in `chunk`)."""
        keys = jax.vmap(lambda key: jax.random.split(key, 3))(keys)
        reset = jax.vmap(self._reset, in_axes=(0, axes))
        if self.env.fixed_horizon is None:
            observation, env_state = reset(keys[:, 1], env_params)
        else:
            # The first update resets (see `update`): compiling the same reset here would cost seconds for nothing.
            blank = jax.eval_shape(reset, keys[:, 1], env_params)
            observation, env_state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), blank)
        # One network after the other: the kernels' QR decompositions, batched by vmap and running at once, lock up
        # the thread pool of XLA's CPU runtime (jaxlib 0.10.2).
        params = lax.map(self.network(observation.features.shape[-1]).init, keys[:, 0])
        return TrainState(params, jax.vmap(self._optimizer.init)(params), observation, env_state, keys[:, 2])

    def _reset(self, key: PRNGKeyArray, env_params: Any) -> tuple[Observation, Any]:
        return jax.vmap(self.env.reset, in_axes=(0, None))(jax.random.split(key, self.config.envs), env_params)

    def _slot(
        self,
        network: Network,
        params: Params,
        env_params: Any,
        carry: tuple[Observation, Any],
        given: tuple[Key[Array, " more"], tuple[Observation, Any] | None],
    ) -> tuple[tuple[Observation, Any], tuple[Any, dict[str, Array]]]:
        """One slot in every environment; where episodes end at times of their own, those that did start anew.

        `given`: keys, one for the actions and one for each environment; and new episodes, None with a fixed horizon.
        """
        keys, fresh = given
        observation, env_state = carry
        logits, _ = network.apply(params, observation.features)
        action = sample(self.heads, keys[0], logits, observation.mask)
        new, env_state, reward, terminated, truncated, info = jax.vmap(self.env.step, in_axes=(0, 0, 0, None))(
            keys[1:], env_state, action, env_params
        )
        ended = terminated | truncated
        step = (
            observation.features, observation.mask, action, reward, None if fresh is None else new.features,
            terminated, ended,
        )  # fmt: skip
        if fresh is not None:

            def choose(a: Array, b: Array) -> Array:
                return jnp.where(ended.reshape(ended.shape + (1,) * (a.ndim - 1)), a, b)

            new, env_state = jax.tree.map(choose, fresh, (new, env_state))
        # Reduced over the environments only once a rollout: small sums at every slot cost more than they save.
        return (new, env_state), (step, info["metrics"])

    def _collect(
        self, network: Network, state: TrainState, key: PRNGKeyArray, env_params: Any, index: Array
    ) -> tuple[Observation, Any, a2c.Rollout, dict[str, Array]]:
        """`rollout` slots in every environment: the last (observation, state), what happened, and its metrics."""
        slots, envs = self.config.rollout, self.config.envs
        rollout_key, reset_key = jax.random.split(key)
        start, fresh = (state.observation, state.env_state), None
        if self.env.fixed_horizon is not None:
            # The index is the same for all members, so this stays a branch under vmap.
            first = index % (self.env.fixed_horizon // slots) == 0
            start = lax.cond(first, lambda: self._reset(reset_key, env_params), lambda: start)
        else:
            # All at once, most of them for nothing: one by one inside the loop costs far more.
            fresh = jax.vmap(self._reset, in_axes=(0, None))(jax.random.split(reset_key, slots), env_params)
        (observation, env_state), (steps, metrics) = lax.scan(
            partial(self._slot, network, state.params, env_params),
            start,
            (jax.random.split(rollout_key, (slots, envs + 1)), fresh),
        )
        features, mask, action, reward, next_features, terminated, ended = steps
        if next_features is None:
            # With a fixed horizon an episode can end only where the rollout does: the next value of every slot but
            # the last is the following slot's, and the last observation is the true one, reset or not.
            next_features = observation.features[None]
        rollout = a2c.Rollout(features, mask, action, reward, next_features, terminated, ended)
        return observation, env_state, rollout, {name: jnp.mean(value) for name, value in metrics.items()}

    def _descend(
        self, params: Params, optimizer: Any, gradient: Params, hyper: dict[str, Array]
    ) -> tuple[Params, Any, dict[str, Array]]:
        """One gradient step of actor and critic, each clipped by its own norm; the norms before."""
        clipped, norms = {}, {}
        for part in gradient:
            clipped[part], norms[f"{part}_gradient"] = a2c.clip_by_norm(gradient[part], hyper["clip"])
        direction, optimizer = self._optimizer.update(clipped, optimizer)
        params = {
            part: jax.tree.map(lambda p, d, lr=hyper[f"{part}_lr"] * hyper["rate"]: p - lr * d, params[part], tree)
            for part, tree in direction.items()
        }
        return params, optimizer, norms

    def update(
        self, state: TrainState, hyper: dict[str, Array], env_params: Any, index: Array, total: Array
    ) -> tuple[TrainState, dict[str, Array]]:
        """A rollout, and what the algorithm makes of it. What is not finite is not taken, and says so (`finite`).

        Args:
            state: of one member.
            hyper: its hyperparameters, `Hyper.arrays()`.
            env_params: its environment's.
            index: number of this update, from 0; the same for all members.
            total: updates in the whole run.
        """
        network = self.network(state.observation.features.shape[-1])
        key, collect_key, learn_key = jax.random.split(state.key, 3)
        observation, env_state, rollout, metrics = self._collect(network, state, collect_key, env_params, index)

        progress = index / jnp.maximum(total - 1, 1)
        scheduled = {
            "entropy": hyper["entropy"] * hyper["final_entropy"] ** progress,
            "rate": 1.0 + progress * (hyper["final_lr"] - 1.0),
        }
        learn = self._ppo if self.config.algorithm == "ppo" else self._a2c
        params, optimizer, losses = learn(network, state, rollout, hyper | scheduled, learn_key)

        metrics = metrics | losses
        finite = jnp.all(jnp.isfinite(jnp.stack(list(metrics.values()))))
        params, optimizer = jax.tree.map(
            lambda new, old: jnp.where(finite, new, old), (params, optimizer), (state.params, state.optimizer)
        )
        return TrainState(params, optimizer, observation, env_state, key), metrics | {"finite": finite}

    def _a2c(
        self, network: Network, state: TrainState, rollout: a2c.Rollout, hyper: dict[str, Array], key: PRNGKeyArray
    ) -> tuple[Params, Any, dict[str, Array]]:
        """One gradient step on the whole rollout."""
        gradient, losses = jax.grad(a2c.loss, has_aux=True)(
            state.params, network, self.heads, rollout, discount=hyper["discount"], decay=hyper["decay"],
            entropy_weight=hyper["entropy"], normalise=self.config.normalise, residual=self.config.residual,
        )  # fmt: skip
        params, optimizer, norms = self._descend(state.params, state.optimizer, gradient, hyper)
        return params, optimizer, losses | norms

    def _ppo(
        self, network: Network, state: TrainState, rollout: a2c.Rollout, hyper: dict[str, Array], key: PRNGKeyArray
    ) -> tuple[Params, Any, dict[str, Array]]:
        """`epochs` passes over the rollout, each in `minibatches` gradient steps; the losses' means."""
        batch, reported = ppo.prepare(state.params, network, self.heads, rollout, hyper["discount"], hyper["decay"])

        def step(carry: tuple[Params, Any], part: ppo.Batch) -> tuple[tuple[Params, Any], dict[str, Array]]:
            params, optimizer = carry
            gradient, losses = jax.grad(ppo.loss, has_aux=True)(
                params, network, self.heads, part, ratio_limit=hyper["ratio_limit"], entropy_weight=hyper["entropy"],
                normalise=self.config.normalise,
            )  # fmt: skip
            params, optimizer, norms = self._descend(params, optimizer, gradient, hyper)
            return (params, optimizer), losses | norms

        def epoch(carry: tuple[Params, Any], key: PRNGKeyArray) -> tuple[tuple[Params, Any], dict[str, Array]]:
            return lax.scan(step, carry, ppo.shuffle(key, batch, self.config.minibatches))

        (params, optimizer), losses = lax.scan(
            epoch, (state.params, state.optimizer), jax.random.split(key, self.config.epochs)
        )
        return params, optimizer, {name: jnp.mean(value) for name, value in losses.items()} | reported

    def chunk(
        self,
        length: int,
        axes: Any,
        state: TrainState,
        hyper: dict[str, Array],
        env_params: Any,
        start: Array,
        total: Array,
    ) -> tuple[TrainState, dict[str, Array]]:
        """`length` updates of every member from update `start` on; metrics [length, members].

        Args:
            length: updates (static).
            axes: pytree of 0 (a member's own) and None (shared by all) over `env_params` (static).
            state: of all members.
            hyper: of all members.
            env_params: see `axes`.
            start: number of the first update.
            total: updates in the whole run.
        """
        update = jax.vmap(self.update, in_axes=(0, 0, axes, None, None))
        return lax.scan(
            lambda state, index: update(state, hyper, env_params, index, total), state, start + jnp.arange(length)
        )

    def policy(self, params: Params, greedy: bool | Array = True) -> Policy:
        """The agent as a policy for evaluation: the most likely choice of each head (`greedy`), or a sample."""

        def act(key: PRNGKeyArray, observation: Observation, state: Any, env_params: Any) -> Array:
            network = self.network(observation.features.shape[-1])
            logits, _ = network.apply(params, observation.features)
            return jnp.where(
                greedy, mode(self.heads, logits, observation.mask), sample(self.heads, key, logits, observation.mask)
            )

        return act
