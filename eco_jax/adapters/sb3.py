"""Ours under Stable-Baselines3: a `VecEnv` whose rows are the users of all environments, which share one policy.

A row is one user of one environment: its own 92 features, its four choices, its credit as the reward. A policy that is
trained on the rows is the same network for every user, as the package's own agents are. All environments of a `VecEnv`
run side by side on the device; they end together and begin again at once, with the true last observation in
`infos[row]["terminal_observation"]` and `infos[row]["TimeLimit.truncated"]` set: episodes are truncated, never
terminated, and Stable-Baselines3 bootstraps there.

    env = EcoVecEnv(8, "repaired", users=10)                    # 80 rows: A2C, PPO, MaskablePPO
    env = EcoVecEnv(8, "repaired", users=10, actions="table")   # the same for DQN, which needs one number
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from eco_jax.adapters.common import HEADS, Batch, needs
from eco_jax.adapters.spaces import View
from eco_jax.env import make

EXTRA = "sb3"
VecEnv: Any = needs("stable_baselines3.common.vec_env.base_vec_env", EXTRA).VecEnv


class Row:
    """What Stable-Baselines3 takes for one environment: one user of one of ours."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # as Gymnasium declares it
    spec = None
    render_mode = None

    def __init__(self, venv: "EcoVecEnv", index: int) -> None:
        """Row `index` of a `VecEnv`."""
        self._venv, self._index = venv, index
        self.environment, self.user = divmod(index, venv.users)
        self.observation_space, self.action_space = venv.observation_space, venv.action_space

    @property
    def unwrapped(self) -> "Row":
        """There is no wrapper."""
        return self

    def action_masks(self) -> np.ndarray:
        """What is legal for the user now, [choices]."""
        return self._venv.action_masks()[self._index]

    def close(self) -> None:
        """Nothing is open."""


class EcoVecEnv(VecEnv):
    """Environments times users, a row each: see the module."""

    def __init__(self, num_envs: int = 1, preset: str = "repaired", *, actions: str = HEADS, **settings: Any) -> None:
        """Rows of `num_envs` environments.

        Args:
            num_envs: environments; there are as many rows as these have users together.
            preset: a key of `eco_jax.PRESETS`.
            actions: "heads" for a choice of each head, "table" for the number of a joint choice.
            settings: those of `eco_jax.make`, in their documented units.

        Raises:
            UserError: an unknown setting, or one out of its range.
        """
        env, params = make(preset, **settings)
        self.batch, self.users = Batch(env, params, num_envs), env.agents
        one = View(env, self.batch.features, 0, False, actions, EXTRA)  # every row is shown what a single user is
        self.view, self.observation_space, self.action_space = one, one.observation_space, one.action_space
        rows = self.batch.envs * self.users
        self.envs = [Row(self, index) for index in range(rows)]
        self._masks = np.zeros((rows, 0), bool)
        self._actions = np.zeros(0, np.int32)
        super().__init__(rows, self.observation_space, self.action_space)

    def _rows(self, leaf: np.ndarray) -> np.ndarray:
        """[environments, users, ...] -> [rows, ...]."""
        return leaf.reshape(self.num_envs, *leaf.shape[2:])

    def _begin(self) -> np.ndarray:
        found = self.batch.reset()
        self._masks = self.view.masks(self._rows(found.mask)[:, None])
        return self._rows(found.features)

    def reset(self) -> np.ndarray:
        """The next episodes; the first ones of the seeds that `seed` gave, or of drawn ones where it never did."""
        first = self._seeds[0]
        if first is None and not self.batch.seeded.all():
            first = int(np.random.default_rng().integers(2**32))
        if first is not None:
            self.batch.seed([first + i for i in range(self.batch.envs)])
        self._reset_seeds()
        self._reset_options()
        self.reset_infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return self._begin()

    def step_async(self, actions: np.ndarray) -> None:
        """Take the rows' actions; they are carried out by `step_wait`."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """One slot. At the end of an episode the observation is the next one's first."""
        frame = self.batch.step(self.view.chosen(self._actions))
        features, ended = self._rows(frame.features), np.repeat(frame.truncated, self.users)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if ended.any():  # all at once: they began together, and T_max is the same
            infos = [{"terminal_observation": last, "TimeLimit.truncated": True} for last in features]
            features = self._begin()
        else:
            self._masks = self.view.masks(self._rows(frame.mask)[:, None])
        return features, self._rows(frame.credit), ended, infos

    def action_masks(self) -> np.ndarray:
        """What is legal now, [rows, choices], in the order of the action space."""
        return self._masks

    def close(self) -> None:
        """Nothing is open."""

    def _chosen(self, indices: int | Iterable[int] | None) -> list[Row]:
        return [self.envs[index] for index in self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute of rows."""
        return [getattr(row, attr_name) for row in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set an attribute of rows."""
        for row in self._chosen(indices):
            setattr(row, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: int | Iterable[int] | None = None, **kwargs: Any
    ) -> list[Any]:
        """What a method of rows returns."""
        return [getattr(row, method_name)(*args, **kwargs) for row in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: int | Iterable[int] | None = None) -> list[bool]:
        """No row is wrapped."""
        return [False for _ in self._chosen(indices)]
