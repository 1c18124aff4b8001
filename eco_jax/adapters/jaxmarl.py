"""Ours under JaxMARL: a `MultiAgentEnv` whose agents are the users, `user_0`, `user_1`, ...

An agent's observation is its own row of features, its action the number of a joint choice (see `common.table`), its
reward its credit (by default its own reward less what its task costs the others). All agents act in every slot and end
together. As JaxMARL has it, `step` begins the next episode by itself, and `dones` does not tell a truncation from a
termination: the true last observations are in `infos["final_obs"]`, and `infos["truncated"]` says which it was.

    env = EcoMarl("repaired", users=10)
    observations, state = env.reset(jax.random.key(0))
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import PRNGKeyArray

from eco_jax.adapters.common import needs, table, table_mask
from eco_jax.env import Observation, State, make
from eco_jax.env.joined import HIGHEST
from eco_jax.env.observe import mask, observe, view
from eco_jax.metrics import REWARD

EXTRA = "jaxmarl"
MultiAgentEnv: Any = needs("jaxmarl.environments.multi_agent_env", EXTRA).MultiAgentEnv
spaces = needs("jaxmarl.environments.spaces", EXTRA)
ALL = "__all__"
"""JaxMARL's name for all agents together."""
WORLD = "world_state"
"""JaxMARL's name for what a central critic sees."""


class EcoMarl(MultiAgentEnv):
    """The users as agents: see the module."""

    def __init__(self, preset: str = "repaired", **settings: Any) -> None:
        """An environment of as many agents as it has users.

        Args:
            preset: a key of `eco_jax.PRESETS`.
            settings: those of `eco_jax.make`, in their documented units.

        Raises:
            UserError: an unknown setting, or one out of its range.
        """
        self.env, self.params = make(preset, **settings)
        super().__init__(num_agents=self.env.agents)
        self.agents = [f"user_{i}" for i in range(self.env.agents)]
        features = jax.eval_shape(self.env.reset, jax.random.key(0), self.params)[0].features.shape[-1]
        space = spaces.Box(-HIGHEST, HIGHEST, (features,), jnp.float32)
        self.observation_spaces = dict.fromkeys(self.agents, space)
        self.action_spaces = dict.fromkeys(self.agents, spaces.Discrete(len(table(self.env.config))))
        self.world_state_size = features * self.env.agents

    def _shown(self, observation: Observation) -> dict[str, Array]:
        return dict(zip(self.agents, observation.features, strict=True)) | {WORLD: observation.features.reshape(-1)}

    @partial(jax.jit, static_argnums=0)
    def reset(self, key: PRNGKeyArray) -> tuple[dict[str, Array], State]:
        """A new episode."""
        observation, state = self.env.reset(key, self.params)
        return self._shown(observation), state

    def step_env(
        self, key: PRNGKeyArray, state: State, actions: dict[str, Array]
    ) -> tuple[dict[str, Array], State, dict[str, Array], dict[str, Array], dict[str, Any]]:
        """One slot without a new episode: the true next observations."""
        chosen = jnp.stack([jnp.asarray(actions[agent]).reshape(()) for agent in self.agents])
        joint = jnp.asarray(table(self.env.config))[chosen]
        observation, state, reward, terminated, truncated, info = self.env.step(key, state, joint, self.params)
        done = terminated | truncated
        # JaxMARL's loops stack what is in the infos over agents, so each has one value for each of them.
        infos = {"truncated": jnp.full(self.num_agents, truncated), "final_obs": observation.features}
        infos["team_reward"] = jnp.full(self.num_agents, info[REWARD])
        dones = dict.fromkeys([*self.agents, ALL], done)
        return self._shown(observation), state, dict(zip(self.agents, reward, strict=True)), dones, infos

    def get_obs(self, state: State) -> dict[str, Array]:
        """The agents' observations in this state."""
        return self._shown(observe(self.env.config, state, self.params))

    @partial(jax.jit, static_argnums=0)
    def get_avail_actions(self, state: State) -> dict[str, Array]:
        """Which actions are legal for each agent in this state."""
        legal = table_mask(self.env.config, mask(self.env.config, view(state, self.params)))
        return dict(zip(self.agents, legal, strict=True))

    @property
    def name(self) -> str:
        """Of the environment."""
        return "eco_jax"

    @property
    def agent_classes(self) -> dict[str, list[str]]:
        """All users are of one kind."""
        return {"users": list(self.agents)}
