"""Peer: A2C of Stable-Baselines3 (PyTorch, CPU) on the NumPy environment.

The networks are those of the agent compared: actor and critic apart, three layers of 64 with ReLU, the weights shared
over users. `batched` puts one vectorised `NumpyEco` behind SB3's `VecEnv` interface, the fastest way to run it there;
`dummy` is SB3's usual `DummyVecEnv` of single Gymnasium environments. `grouped` heads hold the distributions of all
users in one tensor a head; `each` leaves them to SB3, which makes one object a user and head.
"""

import argparse
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import A2C
from stable_baselines3.common.distributions import MultiCategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from torch import Tensor, nn
from torch.distributions import Categorical
from worker import serve, versions

sys.path.append(str(Path(__file__).parents[1]))
from gym_env import NumpyEcoGym
from numpy_env import FEATURES, HEADS, NumpyEco

WIDTH, LAYERS, HORIZON, DISCOUNT = 64, 3, 10, 0.9


class BatchedVecEnv(VecEnv):
    """`NumpyEco` as a `VecEnv`: starts again at T_max, with the true last observation in the infos."""

    def __init__(self, envs: int, users: int) -> None:
        self.eco = NumpyEco(envs, users)
        super().__init__(
            envs,
            spaces.Box(-np.inf, np.inf, (users, FEATURES), np.float32),
            spaces.MultiDiscrete(HEADS * users),
        )

    def reset(self) -> np.ndarray:
        if self._seeds[0] is not None:
            self.eco.rng = np.random.default_rng(self._seeds[0])
            self._reset_seeds()
        return self.eco.reset()[0]

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions.reshape(self.num_envs, -1, len(HEADS))

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict]]:
        features, _, reward, truncated, _ = self.eco.step(self.actions)
        infos: list[dict] = [{} for _ in range(self.num_envs)]
        if truncated:
            infos = [{"terminal_observation": last, "TimeLimit.truncated": True} for last in features]
            features = self.eco.reset()[0]
        return features, reward.mean(axis=1), np.full(self.num_envs, truncated), infos

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list:
        return [None if attr_name == "render_mode" else getattr(self.eco, attr_name)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        setattr(self.eco, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list:
        raise NotImplementedError("all environments are one object")

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class PerUser(nn.Module):
    """SB3's extractor: the same network for every user; the critic's output is averaged over users.

    The value layer behind it is affine, so this equals the mean over users of a value each.
    """

    latent_dim_pi = latent_dim_vf = WIDTH

    def __init__(self) -> None:
        super().__init__()

        def network() -> nn.Sequential:
            widths = [FEATURES] + [WIDTH] * LAYERS
            layers: list[nn.Module] = []
            for inputs, outputs in pairwise(widths):
                layers += [nn.Linear(inputs, outputs), nn.ReLU()]
            return nn.Sequential(*layers)

        self.actor, self.critic = network(), network()

    def forward(self, flat: Tensor) -> tuple[Tensor, Tensor]:
        return self.forward_actor(flat), self.forward_critic(flat)

    def forward_actor(self, flat: Tensor) -> Tensor:
        return self.actor(flat.unflatten(1, (-1, FEATURES)))

    def forward_critic(self, flat: Tensor) -> Tensor:
        return self.critic(flat.unflatten(1, (-1, FEATURES))).mean(dim=1)


class EachHead(MultiCategoricalDistribution):
    """SB3's own distributions, one a user and head, behind an output layer that the users share."""

    def proba_distribution_net(self, latent_dim: int) -> nn.Module:
        return nn.Sequential(nn.Linear(latent_dim, sum(HEADS)), nn.Flatten())


class GroupedHeads(EachHead):
    """The same distribution, with one object a head for all users."""

    def proba_distribution(self, action_logits: Tensor) -> "GroupedHeads":
        logits = action_logits.unflatten(1, (-1, sum(HEADS))).split(HEADS, dim=2)
        self.distribution = [Categorical(logits=head, validate_args=False) for head in logits]
        return self

    def log_prob(self, actions: Tensor) -> Tensor:
        choices = actions.unflatten(1, (-1, len(HEADS))).unbind(dim=2)
        return sum(head.log_prob(choice) for head, choice in zip(self.distribution, choices, strict=True)).sum(dim=1)

    def entropy(self) -> Tensor:
        return sum(head.entropy() for head in self.distribution).sum(dim=1)

    def sample(self) -> Tensor:
        return torch.stack([head.sample() for head in self.distribution], dim=2).flatten(1)

    def mode(self) -> Tensor:
        return torch.stack([head.logits.argmax(dim=2) for head in self.distribution], dim=2).flatten(1)


class PerUserPolicy(ActorCriticPolicy):
    """SB3's actor-critic policy with the networks above."""

    def __init__(self, *args: Any, heads: type[EachHead], **kwargs: Any) -> None:
        self.heads = heads
        super().__init__(*args, **kwargs)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        self.action_dist = self.heads(self.action_dist.action_dims)
        super()._build(lr_schedule)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = PerUser()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20_000, help="environment steps of a repeat, at least")
    parser.add_argument("--vec", choices=("batched", "dummy"), default="batched")
    parser.add_argument("--heads", choices=("grouped", "each"), default="grouped")
    args = parser.parse_args()

    def prepare() -> tuple[Callable[[], int], dict]:
        torch.set_num_threads(args.threads)
        if args.vec == "batched":
            env: VecEnv = BatchedVecEnv(args.envs, args.users)
        else:
            env = DummyVecEnv([lambda: NumpyEcoGym(args.users, details=False)] * args.envs)
        heads = GroupedHeads if args.heads == "grouped" else EachHead
        model = A2C(
            PerUserPolicy,
            env,
            n_steps=HORIZON,
            gamma=DISCOUNT,
            policy_kwargs={"heads": heads},
            seed=0,
            device="cpu",
        )

        def repeat() -> int:
            before = model.num_timesteps
            model.learn(args.steps, log_interval=None, reset_num_timesteps=False)
            return model.num_timesteps - before

        settings = vars(args) | {"n_steps": HORIZON, "gamma": DISCOUNT, "layers": [WIDTH] * LAYERS}
        return repeat, {"versions": versions("stable-baselines3", "torch", "gymnasium", "numpy"), "settings": settings}

    serve(prepare)


if __name__ == "__main__":
    main()
