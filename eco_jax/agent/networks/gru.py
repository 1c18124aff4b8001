"""A memory before another network: a gated recurrent unit for each user."""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Bool, Float, PRNGKeyArray

from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks.base import Network, Params, where_ended
from eco_jax.agent.networks.mlp import MLP
from eco_jax.env.protocol import Inputs
from eco_jax.parts import register
from eco_jax.settings import whole

OWN = "memory"
"""Name of the memory's parameters."""


class WithMemory(Network):
    """Puts a memory before a network: `class GRU(WithMemory, MLP)`.

    A gated recurrent unit (Cho et al. 2014), shared by all users, each with a memory of its own. The network behind it
    sees the memory as further features of the user, before the others, and both its actor and its critic train it.
    """

    memory: int = whole(32, 1, 10**5, "units of a user's memory", source="assumed")

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Params:
        """Those of the network behind, and {"memory": {"dense_i": {"bias", "kernel"}, "dense_h": {"kernel"}}}."""
        from eco_jax.agent import layers  # Flax costs a quarter of a second

        own, behind = jax.random.split(key)
        seen = inputs._replace(own=self.memory + inputs.own)
        return {OWN: layers.init_memory(own, inputs.total, self.memory)} | super().init(behind, seen, heads)

    def start(self, shape: tuple[int, ...]) -> Float[Array, "*shape memory"]:
        """See `Network.start`: zeros."""
        return jnp.zeros((*shape, self.memory))

    @jax.named_scope("network")
    def apply(
        self, params: Params, carry: Float[Array, "*batch memory"], features: Float[Array, "*batch features"]
    ) -> tuple[Array, Array, Array]:
        """See `Network.apply`."""
        from eco_jax.agent import layers

        features = self.stored(features)
        after = layers.remember(params[OWN], carry, layers.gates(params[OWN], features))
        return *self._behind(params, after, features), after

    @jax.named_scope("network")
    def unroll(
        self,
        params: Params,
        carry: Float[Array, "envs users memory"],
        features: Float[Array, "time envs users features"],
        ended: Bool[Array, "time envs"],
    ) -> tuple[Array, Array, Array]:
        """See `Network.unroll`. What does not depend on the memory before is computed for all slots at once."""
        from eco_jax.agent import layers

        features = self.stored(features)
        fresh = self.start(features.shape[1:-1])

        def slot(carry: Array, given: tuple[Array, Array]) -> tuple[Array, Array]:
            after = layers.remember(params[OWN], carry, given[0])
            return where_ended(given[1], fresh, after), after

        _, after = lax.scan(slot, carry, (layers.gates(params[OWN], features), ended))
        return *self._behind(params, after, features), after

    def _behind(self, params: Params, memory: Array, features: Array) -> tuple[Array, Array]:
        """Logits and value by the network behind, [*batch, choices] and [*batch]."""
        seen = jnp.concatenate([memory.astype(features.dtype), features], axis=-1)
        logits, value, _ = super().apply({name: params[name] for name in params if name != OWN}, (), seen)
        return logits, value

    def inputs(self, params: Params) -> int:
        """See `Network.inputs`."""
        return int(params[OWN]["dense_i"]["kernel"].shape[-2])


@register("network", "gru")
class GRU(WithMemory, MLP):
    """A memory before the multilayer perceptrons of `mlp`; in bf16 the memory itself stays fp32."""
