"""Multilayer perceptrons of an actor and a critic."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks.base import Network, Params
from eco_jax.env.protocol import Inputs
from eco_jax.parts import register
from eco_jax.settings import choice, whole

PRECISIONS = ("fp32", "bf16")
"""Of features and hidden activations. bf16 has the range of fp32, and 8 of its 24 significant bits."""
NORMS = ("none", "layer")
"""Normalisation of what enters a ReLU."""


@register("network", "mlp")
class MLP(Network):
    """An actor and a critic of their own, each of hidden ReLU layers; the actor starts as a nearly uniform policy."""

    hidden: int = whole(64, 1, 10**5, "units of a hidden layer", source="assumed")
    layers: int = whole(3, 1, 1000, "hidden layers of the actor and of the critic", source="paper")
    precision: str = choice(
        "fp32", PRECISIONS, "of features and hidden activations; weights, outputs, losses and the optimizer are fp32"
    )
    norm: str = choice(
        "none", NORMS, "layer normalisation (Ba et al. 2016) before each ReLU, which keeps Q-learning stable",
        source="assumed",
    )  # fmt: skip

    def init(self, key: PRNGKeyArray, inputs: Inputs, heads: Heads) -> Params:
        """{"actor": ..., "critic": ...}, each {"dense_0": {"bias", "kernel"}, ...}; and "norm_0" with `norm`."""
        from eco_jax.agent import layers  # Flax costs a quarter of a second

        outputs = {"actor": sum(heads.sizes), "critic": 1}
        return layers.init(key, inputs.total, outputs, self.hidden, self.layers, self.norm == "layer")

    @jax.named_scope("network")
    def apply(self, params: Params, carry: Any, features: Float[Array, "*batch features"]) -> tuple[Array, Array, Any]:
        """See `Network.apply`; the memory is `()`."""
        logits, value = (self._outputs(name, params[name], features) for name in ("actor", "critic"))
        return logits, jnp.squeeze(value, -1), carry

    def _outputs(self, name: str, params: Params, features: Array) -> Array:
        """Of the actor or the critic (`name`)."""
        from eco_jax.agent import layers

        if self.precision == "bf16":
            return layers.apply_bf16(params, features)
        return layers.apply(name, params, features, self.hidden, self.layers, self.norm == "layer")

    def stored(self, features: Float[Array, "*batch features"]) -> Float[Array, "*batch features"]:
        """See `Network.stored`."""
        return features.astype(jnp.bfloat16) if self.precision == "bf16" else features

    def inputs(self, params: Params) -> int | None:
        """See `Network.inputs`; None of parameters that an algorithm made without its network."""
        first = params.get("actor", {}).get("dense_0")
        return None if first is None else int(first["kernel"].shape[-2])
