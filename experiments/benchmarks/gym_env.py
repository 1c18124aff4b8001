"""One environment of `numpy_env.NumpyEco` behind Gymnasium's interface."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy_env import FEATURES, HEADS, NumpyEco


class NumpyEcoGym(gymnasium.Env):
    """One controller for all users: features [users, 92], an action of 4 choices a user, the mean reward.

    Choices are flat, user by user: target (0 local, k the k-th candidate), β level, cache, sync. All are legal but
    `sync` below the level "twin", which has no effect.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(
        self,
        users: int = 30,
        servers: int = 45,
        knowledge: str = "twin",
        credit: str = "difference",
        details: bool = True,
    ) -> None:
        """As for `NumpyEco`; without `details`, `info` stays empty, which spares a `VecEnv` from copying it."""
        self.details = details
        self.eco = NumpyEco(1, users, servers, knowledge, credit)
        self.observation_space = spaces.Box(-np.inf, np.inf, (users, FEATURES), np.float32)
        self.action_space = spaces.MultiDiscrete(HEADS * users)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode; features [users, 92]. A seed restarts the generator, None lets it run on."""
        super().reset(seed=seed)
        self.eco.rng = self.np_random
        features, _ = self.eco.reset()
        return features[0], {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One slot; `info` holds every quantity of `NumpyEco.step` as [users]. Truncated, never terminated."""
        choices = np.asarray(action).reshape(1, -1, len(HEADS))
        features, _, reward, truncated, info = self.eco.step(choices)
        details = {name: value[0] for name, value in info.items()} if self.details else {}
        return features[0], float(reward.mean()), False, truncated, details
