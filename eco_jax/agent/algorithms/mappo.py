"""Multi-agent proximal policy optimisation (Yu et al. 2022): PPO whose critic sees all users, in training alone."""

import math
from collections.abc import Sequence
from dataclasses import field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from eco_jax.agent.algorithms.base import Agent
from eco_jax.agent.algorithms.ppo import PPO
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP, Network, Params
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs, Observation
from eco_jax.parts import register
from eco_jax.settings import choice, switch, whole

POOLINGS = ("mean", "mean-max")
"""What the central critic takes of all users' embedded rows."""
START = 0.01
"""Gain of the last layer of the central critic: training begins with the values of the network's own critic."""


@register("algorithm", "mappo")
class MAPPO(PPO):
    """PPO with a central critic (Yu et al. 2022): users act on their own rows, values are of all users' rows.

    The critic is for training alone: neither acting nor evaluation uses it, so that below `forecast`, too, a user acts
    on no more than its level of knowledge gives it. The network may be any, with or without a memory.

    With `team` each user learns from the mean of all users' rewards, as in the paper and in Yu et al.; with the credit
    `user` that is the environment's reward. Else each learns from its own.
    """

    critic_hidden: int = whole(64, 1, 10**5, "units of the central critic", source="Yu et al. 2022")
    critic_layers: int = whole(1, 1, 1000, "layers before pooling, and after it", source="assumed")
    pooling: str = choice("mean", POOLINGS, "how the critic pools the users", source="Zaheer et al. 2017")
    team: bool = switch(False, "learn from the users' mean reward")

    @property
    def trained(self) -> Network:
        """The network with the central critic beside its own."""
        return Central(
            actor=self.network, hidden=self.critic_hidden, layers=self.critic_layers, highest=self.pooling != "mean"
        )

    def learn(
        self, agent: Agent, rollout: Rollout, heads: Heads, key: PRNGKeyArray, progress: Float[Array, ""]
    ) -> tuple[Agent, dict[str, Float[Array, ""]]]:
        """See `PPO.learn`."""
        if self.team:
            rollout = rollout._replace(reward=shared(rollout.reward))
        return super().learn(agent, rollout, heads, key, progress)

    def act(
        self,
        params: Params,
        carry: Any,
        key: PRNGKeyArray,
        observation: Observation,
        heads: Heads,
        greedy: bool | Bool[Array, ""] = False,
    ) -> tuple[Int[Array, "*batch users heads"], Any]:
        """See `Algorithm.act`: of the network alone."""
        return super().act(own(params), carry, key, observation, heads, greedy)


def shared(reward: Float[Array, "*batch users"]) -> Float[Array, "*batch users"]:
    """The mean over the users, for each of them."""
    return jnp.broadcast_to(jnp.mean(reward, axis=-1, keepdims=True), reward.shape)


def own(params: Params) -> Params:
    """The parameters of the network that acts, as its own `init` made them.

    Args:
        params: of `Central`.
    """
    acting = {name: part for name, part in params.items() if name != "critic"}
    critic = params["critic"]
    return acting | ({"critic": critic["own"]} if "own" in critic else {})


class Central(Network):
    """A network with a second critic, which sees all users; a user's value is the sum of both critics'.

    The second one embeds each user's row, pools the embeddings over the users, and gives each user a value from its own
    embedding and what was pooled. It knows no order of the users, and its parameters do not depend on their number.
    What the network remembers enters the value through its own critic.
    """

    actor: Any = MLP()
    """the network that acts, with its own critic"""
    hidden: int = field(default=64, metadata={"static": True})
    """units of a hidden layer of the second critic"""
    layers: int = field(default=1, metadata={"static": True})
    """its hidden layers before pooling, and as many after it"""
    highest: bool = field(default=False, metadata={"static": True})
    """pools the largest of each embedded number beside the mean"""

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Params:
        """The network's parameters; under `critic` its own critic's as `own`, `rows` before pooling and `all` after."""
        acting, rows, pooled = jax.random.split(key, 3)
        params = self.actor.init(acting, inputs, heads)
        width = self.hidden * (3 if self.highest else 2)
        wide = [self.hidden] * self.layers
        beside = {
            "rows": perceptron(rows, [inputs.total, *wide], math.sqrt(2.0)),
            "all": perceptron(pooled, [width, *wide, 1], START),
        }
        return params | {"critic": beside | ({"own": params["critic"]} if "critic" in params else {})}

    def apply(
        self, params: Params, carry: Any, features: Float[Array, "*batch users features"]
    ) -> tuple[Array, Array, Any]:
        """See `Network.apply`; the last axis of the batch is that of the users who share an environment."""
        logits, value, carry = self.actor.apply(own(params), carry, features)
        return logits, value + self._beside(params["critic"], features), carry

    def unroll(
        self,
        params: Params,
        carry: Any,
        features: Float[Array, "time envs users features"],
        ended: Bool[Array, "time envs"],
    ) -> tuple[Array, Array, Any]:
        """See `Network.unroll`; the second critic has no memory, and sees all slots at once."""
        logits, values, after = self.actor.unroll(own(params), carry, features, ended)
        return logits, values + self._beside(params["critic"], features), after

    def start(self, shape: tuple[int, ...]) -> Any:
        """See `Network.start`."""
        return self.actor.start(shape)

    def stored(self, features: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """See `Network.stored`."""
        return self.actor.stored(features)

    @jax.named_scope("central")
    def _beside(self, params: Params, features: Float[Array, "*batch users features"]) -> Float[Array, "*batch users"]:
        """The values of the second critic."""
        rows = features
        for layer in numbered(params["rows"]):
            rows = jax.nn.relu(rows @ layer["kernel"] + layer["bias"])
        pooled = jnp.mean(rows, axis=-2, keepdims=True)
        if self.highest:
            pooled = jnp.concatenate([pooled, jnp.max(rows, axis=-2, keepdims=True)], axis=-1)
        first, *others = numbered(params["all"])
        # What was pooled is the same for all users of an environment: its product is, too, and is made once.
        each, together = jnp.split(first["kernel"], [self.hidden])
        value = rows @ each + pooled @ together + first["bias"]
        for layer in others:
            value = jax.nn.relu(value) @ layer["kernel"] + layer["bias"]
        return jnp.squeeze(value, -1)


def perceptron(key: PRNGKeyArray, widths: Sequence[int], last: float) -> Params:
    """Layers {"dense_0": {"bias", "kernel"}, ...} with orthogonal kernels, of gain sqrt 2, the last one's `last`.

    Args:
        key: for the kernels.
        widths: of the input and of the output of each layer.
        last: see above.
    """
    keys = jax.random.split(key, len(widths) - 1)
    gains = [math.sqrt(2.0)] * (len(widths) - 2) + [last]
    return {
        f"dense_{i}": {
            "bias": jnp.zeros(widths[i + 1]),
            "kernel": jax.nn.initializers.orthogonal(gain)(keys[i], (widths[i], widths[i + 1])),
        }
        for i, gain in enumerate(gains)
    }


def numbered(layers: Params) -> list[Params]:
    """Layers in their order."""
    return [layers[f"dense_{i}"] for i in range(len(layers))]
