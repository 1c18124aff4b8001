"""Ours under Gymnasium 1.x: a single environment, and a vector environment that runs on the device.

Importing this module registers an id for every preset. Gymnasium imports it itself when it is named before the id:

    gymnasium.make("eco_jax.adapters.gymnasium:eco_jax/Repaired-v0", users=10)
    gymnasium.make_vec("eco_jax.adapters.gymnasium:eco_jax/Repaired-v0", num_envs=64)

Two views:

- One controller decides for all users (`user=None`). Observation [users, features], or one row of them with
  `flat=True`; action: target, offloading factor, cache and sync of user 0, then of user 1, and so on. Its reward is the
  team's: the mean of the users' own rewards (their sum for the equations as printed), whatever `credit` is.
- One user decides for itself (`user=0`), and all others act by a rule (`others="greedy"`). Observation [features],
  action of four choices. Its reward is its credit: by default its own reward less what its task costs the others.

`actions="table"` makes one number of a user's four choices: see `common.table`. What is legal is in
`info["action_mask"]` and in `action_masks()`, all choices in one row, as MaskablePPO of sb3-contrib takes it; an
illegal target counts as local. Features lie in [-10, 10]. Episodes are truncated, never terminated.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eco_jax.adapters.common import HEADS, Batch, needs
from eco_jax.adapters.spaces import View
from eco_jax.env import PRESETS, make
from eco_jax.env.policies import Rule
from eco_jax.env.policies.rules import GREEDY
from eco_jax.errors import UserError, quoted

EXTRA = "gymnasium"
gymnasium = needs("gymnasium", EXTRA)
vector = needs("gymnasium.vector", EXTRA)
Env: Any = gymnasium.Env
VectorEnv: Any = vector.VectorEnv
batch_space = needs("gymnasium.vector.utils", EXTRA).batch_space


class EcoGymnasium(Env):
    """One environment: see the module."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(
        self,
        preset: str = "repaired",
        *,
        user: int | None = None,
        others: str | Rule = GREEDY,
        flat: bool = False,
        actions: str = HEADS,
        render_mode: None = None,
        **settings: Any,
    ) -> None:
        """An environment of one controller.

        Args:
            preset: a key of `eco_jax.PRESETS`.
            user: the one that acts; None for a controller of all users.
            others: the rule of the other users, by name or as an object; only where there is one `user`.
            flat: whether the features of all users come in one row.
            actions: "heads" for a choice of each head, "table" for the number of a joint choice.
            render_mode: nothing is rendered.
            settings: those of `eco_jax.make`, in their documented units.

        Raises:
            UserError: an unknown setting, or one out of its range.
        """
        self.batch, self.view = _made(1, preset, user, others, flat, actions, settings)
        self.observation_space, self.action_space = self.view.observation_space, self.view.action_space
        self.render_mode = render_mode
        self._mask = np.zeros(0, bool)
        self._ended = False

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """A new episode: the first one of a seed, or the next one where there is none. `options` has no effect."""
        super().reset(seed=seed)
        if seed is None and not self.batch.seeded[0]:
            seed = int(self.np_random.integers(2**32))
        self.batch.seed([seed])
        found = self.batch.reset()
        self._mask, self._ended = self.view.masks(found.mask)[0], False
        return self.view.observed(found.features)[0], {"action_mask": self._mask.astype(np.int8)}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One slot; `info` has the mask of the next one and the means of all metrics over the users.

        Raises:
            UserError: the action is none, or no episode is under way.
        """
        if self._ended:
            raise UserError("step: the episode has ended; call reset first")
        frame = self.batch.step(self.view.chosen(action)[None])
        self._mask, self._ended = self.view.masks(frame.mask)[0], bool(frame.truncated[0])
        info = {name: value[0] if value.ndim > 1 else float(value[0]) for name, value in self.view.told(frame).items()}
        observed = self.view.observed(frame.features)[0]
        return observed, float(self.view.rewards(frame)[0]), False, self._ended, info

    def action_masks(self) -> np.ndarray:
        """What is legal now, choices of all users and heads in one row."""
        return self._mask


class EcoVector(VectorEnv):
    """Environments side by side on the device: see the module. Environment i of seed s is `EcoGymnasium` of s + i."""

    def __init__(
        self,
        num_envs: int = 1,
        preset: str = "repaired",
        *,
        user: int | None = None,
        others: str | Rule = GREEDY,
        flat: bool = False,
        actions: str = HEADS,
        autoreset_mode: Any = vector.AutoresetMode.NEXT_STEP,
        render_mode: None = None,
        **settings: Any,
    ) -> None:
        """Environments of one controller each.

        Args:
            num_envs: how many.
            preset: as for `EcoGymnasium`, and so is what is not explained here.
            user: see there.
            others: see there.
            flat: see there.
            actions: see there.
            autoreset_mode: what follows an episode's end. NextStep: the next call of `step` resets, and ignores its
                action. SameStep: the observation is the next episode's first, the true last one is in
                `info["final_obs"]`. Disabled: nothing, until `reset(options={"reset_mask": ...})`.
            render_mode: nothing is rendered.
            settings: those of `eco_jax.make`.

        Raises:
            UserError: an unknown setting, or one out of its range.
        """
        modes = vector.AutoresetMode
        if not isinstance(autoreset_mode, modes) and autoreset_mode not in [mode.value for mode in modes]:
            known = ", ".join(mode.value for mode in modes)
            raise UserError(f"autoreset_mode = {quoted(autoreset_mode)}: must be one of {known}")
        self.mode = modes(autoreset_mode)
        self.metadata = {"render_modes": [], "autoreset_mode": self.mode}
        self.batch, self.view = _made(num_envs, preset, user, others, flat, actions, settings)
        self.num_envs, self.render_mode = self.batch.envs, render_mode
        self.single_observation_space, self.single_action_space = self.view.observation_space, self.view.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._ended = np.zeros(self.num_envs, bool)
        self._masks = np.zeros((self.num_envs, 0), bool)
        self._observed = np.zeros(self.observation_space.shape, np.float32)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """New episodes, of all environments or of those in `options["reset_mask"]`.

        Args:
            seed: of the first environment, or of each; None to go on with those there are.
            options: `reset_mask`, a flag for each environment; anything else has no effect.

        Raises:
            UserError: another number of seeds or flags.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        which = np.ones(self.num_envs, bool)
        if options is not None and "reset_mask" in options:
            which = np.asarray(options["reset_mask"])
            if which.shape != (self.num_envs,) or which.dtype != bool:
                raise UserError(f"reset_mask: must be {self.num_envs} flags, not {which.dtype} of shape {which.shape}")
        seeds = self._seeds(seed)
        self.batch.seed([own if chosen else None for own, chosen in zip(seeds, which, strict=True)])
        info: dict[str, Any] = {}
        self._restart(which, info)
        return self._observed.copy(), info

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        if seed is not None and len(seed) != self.num_envs:
            raise UserError(f"seed: has {len(seed)} values, must have one for each of {self.num_envs} environments")
        given = [None] * self.num_envs if seed is None else list(seed)
        drawn = self.np_random.integers(2**32, size=self.num_envs) if not self.batch.seeded.all() else given
        fresh = [s is None and not known for s, known in zip(given, self.batch.seeded, strict=True)]
        return [int(d) if new else s for s, d, new in zip(given, drawn, fresh, strict=True)]

    def _restart(self, which: np.ndarray, info: dict[str, Any]) -> None:
        """Begin the next episode of some environments; their masks are told."""
        found = self.batch.reset(which)
        masks = self.view.masks(found.mask)
        if which.all():
            self._observed, self._masks = self.view.observed(found.features), masks
        else:
            self._observed[which] = self.view.observed(found.features)[which]
            self._masks = np.where(which[:, None], masks, self._masks)
        self._ended = self._ended & ~which
        _tell(info, {"action_mask": masks.astype(np.int8)}, which)

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """One slot of all environments, but for those that the mode resets instead."""
        resets = self._ended.copy()
        if resets.any() and self.mode == vector.AutoresetMode.DISABLED:
            raise UserError("step: an episode has ended; reset it with options={'reset_mask': ...}")
        info: dict[str, Any] = {}
        reward, ended = np.zeros(self.num_envs), np.zeros(self.num_envs, bool)
        if not resets.all():
            frame = self.batch.step(self.view.chosen(actions))
            live = ~resets
            reward, ended = np.where(live, self.view.rewards(frame), 0.0), frame.truncated & live
            self._observed, self._masks = self.view.observed(frame.features), self.view.masks(frame.mask)
            self._told(frame, live, ended, info)
        self._ended = ended
        if self.mode == vector.AutoresetMode.SAME_STEP:
            resets = ended
        if resets.any():
            self._restart(resets, info)
        return self._observed.copy(), reward, np.zeros(self.num_envs, bool), ended, info

    def _told(self, frame: Any, live: np.ndarray, ended: np.ndarray, info: dict[str, Any]) -> None:
        told = self.view.told(frame)
        if self.mode != vector.AutoresetMode.SAME_STEP or not ended.any():
            _tell(info, told, live)
            return
        last = np.full(self.num_envs, None, dtype=object)
        for i in np.flatnonzero(ended):
            last[i] = self._observed[i].copy()
        info["final_obs"], info["_final_obs"] = last, ended.copy()
        info["final_info"], info["_final_info"] = {}, ended.copy()
        _tell(info["final_info"], told, ended)
        if not ended.all():
            _tell(info, told, ~ended)

    def action_masks(self) -> np.ndarray:
        """What is legal now, [environments, choices of all users and heads]."""
        return self._masks


def _tell(info: dict[str, Any], told: Mapping[str, np.ndarray], which: np.ndarray) -> None:
    """Put arrays [envs, ...] into the infos of a vector environment where `which` says; `_NAME` says whose they are."""
    for name, value in told.items():
        chosen = which.reshape(-1, *[1] * (value.ndim - 1))
        info[name] = np.where(chosen, value, info.get(name, np.zeros_like(value)))
        info[f"_{name}"] = which | info.get(f"_{name}", np.zeros_like(which))


def _made(
    envs: int, preset: str, user: int | None, others: str | Rule, flat: bool, actions: str, settings: dict[str, Any]
) -> tuple[Batch, View]:
    if user is None and others != GREEDY:
        raise UserError(f"others = {quoted(others)}: has no effect without user; one controller decides for all users")
    env, params = make(preset, **settings)
    batch = Batch(env, params, envs, user, others)
    return batch, View(env, batch.features, user, flat, actions, EXTRA)


def ids() -> dict[str, str]:
    """Gymnasium's id -> the preset: `eco_jax/HardCoverage-v0` is "hard-coverage"."""
    return {f"eco_jax/{''.join(word.capitalize() for word in name.split('-'))}-v0": name for name in PRESETS}


def register() -> None:
    """Register the ids that are not there yet."""
    for name, preset in ids().items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point=f"{__name__}:{EcoGymnasium.__name__}",
                vector_entry_point=f"{__name__}:{EcoVector.__name__}",
                kwargs={"preset": preset},
            )


register()
