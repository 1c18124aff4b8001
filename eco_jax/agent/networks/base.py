"""The protocol of networks: from what users observe, logits of the action and a value of the state."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, PRNGKeyArray

from eco_jax.agent.distribution import Heads
from eco_jax.env.protocol import Inputs
from eco_jax.errors import UserError
from eco_jax.parts import Part

Params = dict[str, Any]
"""A nested dict of arrays, by names."""


class Network(Part, kind="network"):
    """An actor and a critic, shared by all users. Holds its settings; the parameters are given and returned."""

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Params:
        """New parameters: a nested dict of arrays.

        Args:
            key: for whatever is random.
            inputs: layout of a user's features.
            heads: layout of the action: a user's logits are those of all heads, concatenated.
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

    def check_inputs(self, params: Params, inputs: Inputs) -> None:
        """Whether a network with these parameters takes features of this layout.

        Args:
            params: may have leading axes.
            inputs: layout of a user's features.

        Raises:
            UserError: it does not.
        """
        takes = self.inputs(params)
        if takes not in (None, inputs.total):
            raise UserError(
                f"its network takes {takes} features, these settings give {inputs.total} "
                "(env.candidates, env.beta_levels?)"
            )

    def check(self, env: Any, params: Any) -> None:
        """Whether an agent may have this network in this world; asked before it is trained or played there.

        Args:
            env: an `Environment`.
            params: of it; its numbers may have leading axes, as those of many members have.

        Raises:
            UserError: it would see more than it may.
        """

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
