"""Networks: what an agent computes from what its users observe, logits of the action and a value of the state.

A network of a user's own is a class with `init` and `apply`; with a memory it says in `start` how an episode begins.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, PRNGKeyArray

from eco_jax.parts import Part, register
from eco_jax.settings import choice, whole

PRECISIONS = ("fp32", "bf16")
"""Of features and hidden activations. bf16 has the range of fp32, and 8 of its 24 significant bits."""

Params = dict[str, Any]
"""A nested dict of arrays, by names."""


class Network(Part, kind="network"):
    """An actor and a critic, shared by all users. Holds its settings; the parameters are given and returned."""

    def init(self, key: PRNGKeyArray, features: int, choices: int) -> Params:
        """New parameters: a nested dict of arrays.

        Args:
            key: for whatever is random.
            features: inputs of one user.
            choices: logits of one user: those of all action heads, concatenated.
        """
        raise NotImplementedError

    def apply(self, params: Params, carry: Any, features: Float[Array, "*batch features"]) -> tuple[Array, Array, Any]:
        """One slot.

        Args:
            params: of the network.
            carry: memory after the slot before, leaves [*batch, ...]; `start` at the beginning of an episode.
            features: of each user.

        Returns:
            logits [*batch, choices], value of the state [*batch], memory after this slot.
        """
        raise NotImplementedError

    def start(self, shape: tuple[int, ...]) -> Any:
        """Memory at the beginning of an episode: a pytree of arrays [*shape, ...]; `()` of a network without memory.

        Args:
            shape: of the batch, in training (environments, users).
        """
        return ()

    def stored(self, features: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """The features as training holds them from when they are observed, rounded where `apply` would do it."""
        return features

    def inputs(self, params: Params) -> int | None:
        """How many features of a user a network with these parameters takes; None where they do not tell.

        Args:
            params: may have leading axes, as those of many members have.
        """
        return None

    def unroll(
        self,
        params: Params,
        carry: Any,
        features: Float[Array, "time envs users features"],
        ended: Bool[Array, "time envs"],
    ) -> tuple[Array, Array, Any]:
        """Many slots, one after the other where there is a memory; each episode begins with a fresh one.

        Args:
            params: of the network.
            carry: memory before the first slot, leaves [envs, users, ...].
            features: of each user in each slot.
            ended: whether an episode ended with the slot.

        Returns:
            logits [time, envs, users, choices], values [time, envs, users], and the memory after each slot, leaves
            [time, envs, users, ...] (`()` without one).
        """
        if not jax.tree.leaves(carry):
            return self.apply(params, carry, features)
        fresh = self.start(features.shape[1:-1])

        def slot(carry: Any, given: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array, Any]]:
            logits, value, after = self.apply(params, carry, given[0])
            return where_ended(given[1], fresh, after), (logits, value, after)

        return lax.scan(slot, carry, (features, ended))[1]


def where_ended(ended: Bool[Array, " envs"], fresh: Any, now: Any) -> Any:
    """A tree of leaves [envs, ...]: `fresh` where an episode ended, else `now`."""

    def chosen(a: Array, b: Array) -> Array:
        return jnp.where(ended.reshape(ended.shape + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(chosen, fresh, now)


@register("network", "mlp")
class MLP(Network):
    """An actor and a critic of their own, each of hidden ReLU layers; the actor starts as a nearly uniform policy."""

    hidden: int = whole(64, 1, 10**5, "units of a hidden layer", source="assumed")
    layers: int = whole(3, 1, 1000, "hidden layers of the actor and of the critic", source="paper")
    precision: str = choice(
        "fp32", PRECISIONS, "of features and hidden activations; weights, outputs, losses and the optimizer are fp32"
    )

    def init(self, key: PRNGKeyArray, features: int, choices: int) -> Params:
        """{"actor": ..., "critic": ...}, each {"dense_0": {"bias", "kernel"}, ...}."""
        from eco_jax.agent import perceptron  # Flax costs a quarter of a second

        return perceptron.init(key, features, {"actor": choices, "critic": 1}, self.hidden, self.layers)

    @jax.named_scope("network")
    def apply(self, params: Params, carry: Any, features: Float[Array, "*batch features"]) -> tuple[Array, Array, Any]:
        """See `Network.apply`; the memory is `()`."""
        logits, value = (self._outputs(name, params[name], features) for name in ("actor", "critic"))
        return logits, jnp.squeeze(value, -1), carry

    def _outputs(self, name: str, params: Params, features: Array) -> Array:
        """Of the actor or the critic (`name`)."""
        from eco_jax.agent import perceptron

        if self.precision == "bf16":
            return perceptron.apply_bf16(params, features)
        return perceptron.apply(name, params, features, self.hidden, self.layers)

    def stored(self, features: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """See `Network.stored`."""
        return features.astype(jnp.bfloat16) if self.precision == "bf16" else features

    def inputs(self, params: Params) -> int:
        """See `Network.inputs`."""
        return int(params["actor"]["dense_0"]["kernel"].shape[-2])
