"""Ours under gymnax: one user's view as a pure environment, in the forms of gymnax 1.x and of 0.0.9.

One user learns (`user=0`), all others act by a rule (`others="greedy"`). An action is the number of a joint choice, see
`common.table`; the reward is the user's credit. All is pure: jit, vmap and scan it.

    env, params = eco_gymnax("repaired", users=10)               # six values a step, as gymnax 1.x has them
    env, params = eco_gymnax("repaired", five=True, users=10)    # five, as gymnax 0.0.9: rejax, PureJaxRL

As gymnax has it, `step` begins the next episode by itself. The true last observation is in
`info["final_observation"]` in both forms, and `info["truncated"]` says that an episode was truncated, not terminated.
The form of five values has one flag for both, `done`: what bootstraps by it alone takes the end of an episode for a
state of no value.
"""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from eco_jax.adapters.common import check_user, needs, rule_of, table, table_mask, with_others
from eco_jax.env import EcoEnv, EnvParams, State, make
from eco_jax.env.joined import HIGHEST
from eco_jax.env.observe import mask, observe, view
from eco_jax.env.policies import Rule
from eco_jax.env.policies.rules import GREEDY
from eco_jax.metrics import REWARD

EXTRA = "gymnax"
Environment: Any = needs("gymnax.environments.environment", EXTRA).Environment
spaces = needs("gymnax.environments.spaces", EXTRA)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GymnaxParams:
    """Parameters as gymnax has them: `replace(world=params.world.set(sync_energy=5))`."""

    world: EnvParams
    max_steps_in_episode: int = dataclasses.field(metadata={"static": True})
    """T_max; fixed by the setting `slots`"""

    def replace(self, **changes: Any) -> "GymnaxParams":
        """The same with other fields."""
        return dataclasses.replace(self, **changes)


class EcoGymnax(Environment):
    """One user's view of our environment, as gymnax 1.x has it: see the module."""

    def __init__(self, env: EcoEnv, params: EnvParams, user: int = 0, others: str | Rule = GREEDY) -> None:
        """The view of a user.

        Args:
            env: as `make` gives it.
            params: its parameters, the default ones here.
            user: the one that acts.
            others: the rule of the others, by name or as an object.

        Raises:
            UserError: there is no such user or rule.
        """
        check_user(env.config, user)
        self.env, self.user, self.rule = env, user, rule_of(others)
        self._params = GymnaxParams(params, env.config.slots)
        self._features = jax.eval_shape(env.reset, jax.random.key(0), params)[0].features.shape[-1]

    @property
    def default_params(self) -> GymnaxParams:
        """The parameters that it was made with."""
        return self._params

    def reset_env(self, key: PRNGKeyArray, params: GymnaxParams) -> tuple[Float[Array, " features"], State]:
        """A new episode."""
        observation, state = self.env.reset(key, params.world)
        return observation.features[self.user], state

    def _slot(
        self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams
    ) -> tuple[Array, State, Array, Array, Array, dict[str, Any]]:
        """One slot without a new episode: the true next observation."""
        act = jnp.asarray(table(self.env.config))[jnp.asarray(action)]
        joint = with_others(self.env, self.rule, key, state, act, self.user, params.world)
        observation, state, reward, terminated, truncated, info = self.env.step(key, state, joint, params.world)
        # Shapes of all infos are alike in a scan; what is legal is in it, for trainers that mask.
        told = {"discount": 1.0 - terminated, "action_mask": table_mask(self.env.config, observation.mask[self.user])}
        told |= {str(name): value for name, value in info["metrics"].items() if name != REWARD}
        told["team_reward"] = info[REWARD]
        return observation.features[self.user], state, reward[self.user], terminated, truncated, told

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams
    ) -> tuple[Array, State, Array, Array, dict[str, Any]]:
        """One slot: (observation, state, reward, terminated, info)."""
        observation, state, reward, terminated, _, info = self._slot(key, state, action, params)
        return observation, state, reward, terminated, info

    def is_truncated(self, state: State, params: GymnaxParams) -> Array:
        """Whether the episode is over."""
        return state.t >= params.max_steps_in_episode

    def is_terminated(self, state: State, params: GymnaxParams) -> Array:
        """Never."""
        return jnp.asarray(False)

    def observe(self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams) -> Float[Array, " features"]:
        """The user's observation in this state."""
        return observe(self.env.config, state, params.world).features[self.user]

    def get_obs(self, state: State, params: Any = None, key: Any = None) -> Float[Array, " features"]:
        """The same, as gymnax 0.0.9 calls it."""
        return self.observe(key, state, None, self.default_params if params is None else params)

    def action_mask(self, state: State, params: GymnaxParams) -> Array:
        """Which actions are legal in this state."""
        seen = view(state, params.world)
        return table_mask(self.env.config, mask(self.env.config, seen)[self.user])

    @property
    def num_actions(self) -> int:
        """Rows of the table."""
        return len(table(self.env.config))

    def action_space(self, params: Any = None) -> Any:
        """A row of the table."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: Any) -> Any:
        """Features are cut at +-`HIGHEST`."""
        return spaces.Box(-HIGHEST, HIGHEST, (self._features,), jnp.float32)

    def state_space(self, params: Any) -> Any:
        """The state is a tree of arrays that gymnax's spaces do not describe.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the state has no space")

    def _stepped(
        self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams | None
    ) -> tuple[Array, State, Array, Array, Array, dict[str, Any]]:
        """One slot, and the next episode's beginning where it was the last."""
        params = self.default_params if params is None else params
        slot, fresh = jax.random.split(key)
        last, after, reward, terminated, truncated, info = self._slot(slot, state, action, params)
        first, begun = self.reset_env(fresh, params)
        done = terminated | truncated

        def either(new: Array, old: Array) -> Array:
            return jnp.where(done, new, old)

        info |= {"terminated": terminated, "truncated": truncated, "final_observation": last}
        state = jax.tree.map(either, begun, after)
        return either(first, last), state, reward, terminated, truncated, info

    @partial(jax.jit, static_argnames=("self",))
    def reset(self, key: PRNGKeyArray, params: GymnaxParams | None = None) -> tuple[Array, State]:
        """A new episode."""
        return self.reset_env(key, self.default_params if params is None else params)

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams | None = None) -> tuple[Any, ...]:
        """One slot: (observation, state, reward, terminated, truncated, info)."""
        return self._stepped(key, state, action, params)


class EcoGymnaxFive(EcoGymnax):
    """The same as gymnax 0.0.9 has it."""

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams
    ) -> tuple[Array, State, Array, Array, dict[str, Any]]:
        """One slot: (observation, state, reward, done, info)."""
        observation, state, reward, terminated, truncated, info = self._slot(key, state, action, params)
        return observation, state, reward, terminated | truncated, info

    @partial(jax.jit, static_argnames=("self",))
    def step(self, key: PRNGKeyArray, state: State, action: Any, params: GymnaxParams | None = None) -> tuple[Any, ...]:
        """One slot: (observation, state, reward, done, info)."""
        observation, state, reward, terminated, truncated, info = self._stepped(key, state, action, params)
        return observation, state, reward, terminated | truncated, info

    def is_terminal(self, state: State, params: GymnaxParams) -> Array:
        """Whether the episode is over."""
        return self.is_truncated(state, params)


def eco_gymnax(
    preset: str = "repaired", *, user: int = 0, others: str | Rule = GREEDY, five: bool = False, **settings: Any
) -> tuple[EcoGymnax, GymnaxParams]:
    """An environment and its parameters, as `gymnax.make` gives them.

    Args:
        preset: a key of `eco_jax.PRESETS`.
        user: the one that acts.
        others: the rule of the others, by name or as an object.
        five: whether a step has five values, as in gymnax 0.0.9.
        settings: those of `eco_jax.make`, in their documented units.

    Raises:
        UserError: an unknown setting, or one out of its range.
    """
    env, params = make(preset, **settings)
    made = (EcoGymnaxFive if five else EcoGymnax)(env, params, user, others)
    return made, made.default_params
