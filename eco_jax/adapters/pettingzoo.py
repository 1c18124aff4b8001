"""Ours under PettingZoo: a parallel environment whose agents are the users, `user_0`, `user_1`, ...

An agent's observation is its own row of features, its reward its credit (by default its own reward less what its task
costs the others), and `infos[agent]["action_mask"]` what is legal for it. All agents act in every slot and end
together, truncated, never terminated.

    env = parallel_env("repaired", users=10)
    observations, infos = env.reset(seed=1)
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from eco_jax.adapters.common import HEADS, Batch, needs
from eco_jax.adapters.spaces import View
from eco_jax.env import make
from eco_jax.env.joined import HIGHEST
from eco_jax.errors import UserError, quoted

EXTRA = "pettingzoo"
ParallelEnv: Any = needs("pettingzoo", EXTRA).ParallelEnv


class EcoParallel(ParallelEnv):
    """The users as agents: see the module."""

    metadata: dict[str, Any] = {  # noqa: RUF012  # as PettingZoo declares it
        "name": "eco_jax_v0", "render_modes": [], "is_parallelizable": True,
    }  # fmt: skip
    render_mode = None

    def __init__(self, preset: str = "repaired", *, actions: str = HEADS, **settings: Any) -> None:
        """An environment of as many agents as it has users.

        Args:
            preset: a key of `eco_jax.PRESETS`.
            actions: "heads" for a choice of each head, "table" for the number of a joint choice.
            settings: those of `eco_jax.make`, in their documented units.

        Raises:
            UserError: an unknown setting, or one out of its range.
        """
        env, params = make(preset, **settings)
        self.batch = Batch(env, params, 1)
        self.view = View(env, self.batch.features, 0, False, actions, EXTRA)  # an agent is shown what a user is
        self.possible_agents = [f"user_{i}" for i in range(env.agents)]
        self.agents: list[str] = []
        # A space of its own for each: a space that is seeded samples by itself.
        spaces = [(self.view.observation_space, self.view.action_space) for _ in self.possible_agents]
        self.observation_spaces = {agent: seen for agent, (seen, _) in zip(self.possible_agents, spaces, strict=True)}
        self.action_spaces = {agent: act for agent, (_, act) in zip(self.possible_agents, spaces, strict=True)}
        self._features = np.zeros((env.agents, self.batch.features), np.float32)

    def observation_space(self, agent: str) -> Any:
        """Of an agent: all have the same."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Of an agent: all have the same."""
        return self.action_spaces[agent]

    @cached_property
    def state_space(self) -> Any:
        """Of `state`."""
        return needs("gymnasium.spaces", EXTRA).Box(-HIGHEST, HIGHEST, (self._features.size,), np.float32)

    def state(self) -> np.ndarray:
        """What all users see together, user by user, for a central critic: never the hidden slowdowns."""
        return self._features.reshape(-1).copy()

    def reset(
        self, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """A new episode: the first one of a seed, or the next one where there is none. `options` has no effect."""
        if seed is None and not self.batch.seeded[0]:
            seed = int(np.random.default_rng().integers(2**32))
        self.batch.seed([seed])
        found = self.batch.reset()
        self.agents = list(self.possible_agents)
        return self._told(found.features[0], found.mask[0])

    def _told(self, features: np.ndarray, mask: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        self._features = features
        masks = self.view.masks(mask[:, None]).astype(np.int8)
        infos = {agent: {"action_mask": own} for agent, own in zip(self.agents, masks, strict=True)}
        return dict(zip(self.agents, features, strict=True)), infos

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One slot.

        Args:
            actions: of every agent.

        Raises:
            UserError: one has none, there is no such agent, or the episode has ended.
        """
        if not self.agents:
            raise UserError("step: no episode is under way; call reset first")
        missing = [agent for agent in self.agents if agent not in actions]
        if missing:
            raise UserError(f"actions: {missing[0]} has none; every agent acts in every slot")
        unknown = [agent for agent in actions if agent not in self.agents]
        if unknown:
            raise UserError(f"actions: {quoted(unknown[0])} is no agent; they are user_0 to {self.agents[-1]}")
        given = [np.asarray(actions[agent]) for agent in self.agents]
        if len({own.shape for own in given}) > 1:
            raise UserError("actions: must have one shape for every agent")
        frame = self.batch.step(self.view.chosen(np.stack(given))[None])
        observations, infos = self._told(frame.features[0], frame.mask[0])
        rewards = {agent: float(own) for agent, own in zip(self.agents, frame.credit[0], strict=True)}
        terminated = dict.fromkeys(self.agents, False)
        ended = bool(frame.truncated[0])
        truncated = dict.fromkeys(self.agents, ended)
        if ended:
            self.agents = []
        return observations, rewards, terminated, truncated, infos

    def render(self) -> None:
        """Nothing is rendered."""

    def close(self) -> None:
        """Nothing is open."""


parallel_env = EcoParallel
"""PettingZoo's name for what makes one."""
