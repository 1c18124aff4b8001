"""Spaces, observations, actions and masks as Gymnasium has them: for its own doors, and those that use its spaces."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from eco_jax.adapters.common import (
    HEADS,
    check_actions,
    check_choices,
    check_user,
    needs,
    table,
    table_mask,
)
from eco_jax.env import EcoEnv
from eco_jax.env.joined import HIGHEST


@dataclass(frozen=True)
class View:
    """What a controller is shown and may do: all users at once, or one of them."""

    env: EcoEnv
    features: int
    user: int | None
    """which; None: all"""
    flat: bool
    """all users' features in one row"""
    actions: str
    """a choice of each head, or the number of a row of `common.table`"""
    extra: str
    """that installs what it needs"""

    def __post_init__(self) -> None:
        check_user(self.env.config, self.user)
        check_actions(self.actions)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an observation."""
        rows = (self.env.agents,) if self.user is None else ()
        return (int(np.prod((*rows, self.features))),) if self.flat else (*rows, self.features)

    @property
    def observation_space(self) -> Any:
        """Features are cut at +-`HIGHEST`."""
        spaces = needs("gymnasium.spaces", self.extra)
        return spaces.Box(-HIGHEST, HIGHEST, self.shape, np.float32)

    @property
    def action_space(self) -> Any:
        """Choices user by user, of a user head by head; of one user a plain number with the table."""
        spaces = needs("gymnasium.spaces", self.extra)
        rows = self.env.agents if self.user is None else 1
        if self.actions == HEADS:
            return spaces.MultiDiscrete(np.array(self.env.heads * rows))
        size = len(table(self.env.config))
        return spaces.Discrete(size) if self.user is not None else spaces.MultiDiscrete(np.full(rows, size))

    def observed(self, features: np.ndarray) -> np.ndarray:
        """[envs, rows, features] -> [envs, *shape]."""
        return features.reshape(len(features), *self.shape)

    def chosen(self, action: Any) -> np.ndarray:
        """Actions of all environments as choices of the heads.

        Raises:
            UserError: one is no row of the table.
        """
        given = np.asarray(action)
        if self.actions == HEADS:
            return given
        rows = table(self.env.config)
        check_choices("action", given, len(rows))
        return rows[given]

    def masks(self, mask: np.ndarray) -> np.ndarray:
        """[envs, rows, choices] -> [envs, choices of all rows]: what is legal, in the order of the action space."""
        found = mask if self.actions == HEADS else table_mask(self.env.config, mask)
        return found.reshape(len(found), -1)

    def rewards(self, frame: Any) -> np.ndarray:
        """[envs]: the team's, or the user's credit."""
        return np.asarray(frame.team if self.user is None else frame.credit[:, 0], np.float64)

    def told(self, frame: Any) -> dict[str, np.ndarray]:
        """What `info` holds of a slot, [envs, ...] each."""
        mask = self.masks(frame.mask).astype(np.int8)
        return {"action_mask": mask, **{name: np.asarray(v, np.float64) for name, v in frame.metrics.items()}}
