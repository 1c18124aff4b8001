"""Multilayer perceptrons for the actor and the critic, and a memory before them. The only file that knows Flax.

Outside it a network's parameters are a plain nested dict of arrays: {"actor": {"dense_0": {"bias", "kernel"}, ...}}.
"""

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array, lax
from jaxtyping import BFloat16, Float, Float32, PRNGKeyArray

SCALES = {"actor": 0.01, "critic": 1.0}
"""Gain of the last layer: the actor starts near zero (a uniform policy), the critic at scale one."""
NORM_EPSILON = 1e-6
"""Added to the variance of a layer's units."""


class _MLP(nnx.Module):
    """Hidden ReLU layers with orthogonal kernels, and a linear layer on top; `norm`: normalised before each ReLU."""

    def __init__(
        self, inputs: int, outputs: int, hidden: int, layers: int, scale: float, rngs: nnx.Rngs, norm: bool = False
    ) -> None:
        self.depth, self.norm = layers, norm
        for i in range(layers + 1):
            last = i == layers
            gain = scale if last else 2.0**0.5
            layer = nnx.Linear(
                inputs if i == 0 else hidden,
                outputs if last else hidden,
                kernel_init=nnx.initializers.orthogonal(gain),
                rngs=rngs,
            )
            setattr(self, f"dense_{i}", layer)
            if norm and not last:
                setattr(self, f"norm_{i}", nnx.LayerNorm(hidden, epsilon=NORM_EPSILON, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        for i in range(self.depth):
            x = getattr(self, f"dense_{i}")(x)
            x = nnx.relu(getattr(self, f"norm_{i}")(x) if self.norm else x)
        return getattr(self, f"dense_{self.depth}")(x)


def init(
    key: PRNGKeyArray, inputs: int, outputs: dict[str, int], hidden: int, layers: int, norm: bool = False
) -> dict[str, Any]:
    """New parameters of an actor and a critic.

    Args:
        key: for the kernels.
        inputs: features of one user.
        outputs: of the actor and of the critic, by these names.
        hidden: units of a hidden layer.
        layers: hidden layers.
        norm: layer normalisation before each ReLU: parameters `norm_0` {"bias", "scale"} and so on, beside `dense_0`.
    """
    keys = dict(zip(SCALES, jax.random.split(key), strict=True))
    made = {
        name: _MLP(inputs, outputs[name], hidden, layers, scale, nnx.Rngs(keys[name]), norm)
        for name, scale in SCALES.items()
    }
    return {name: nnx.to_pure_dict(nnx.state(module)) for name, module in made.items()}


@lru_cache(32)
def _graph(name: str, inputs: int, outputs: int, hidden: int, layers: int, norm: bool) -> Any:
    """What a network is but for its parameters, as `nnx.merge` takes it."""
    return nnx.split(nnx.eval_shape(lambda: _MLP(inputs, outputs, hidden, layers, SCALES[name], nnx.Rngs(0), norm)))[0]


def apply(name: str, params: dict[str, Any], x: Array, hidden: int, layers: int, norm: bool = False) -> Array:
    """The outputs [..., outputs] of the actor or the critic (`name`) with its parameters, for x [..., inputs]."""
    outputs = params[f"dense_{layers}"]["bias"].shape[-1]
    graph = _graph(name, x.shape[-1], outputs, hidden, layers, norm)
    return nnx.merge(graph, nnx.State(params))(x)


def apply_bf16(params: dict[str, Any], x: Float[Array, "*batch inputs"]) -> Float32[Array, "*batch outputs"]:
    """The same with inputs and hidden activations in bf16; sums, biases, normalisation and outputs are fp32.

    Args:
        params: of the actor or the critic, fp32.
        x: inputs.
    """
    x = x.astype(jnp.bfloat16)
    depth = sum(name.startswith("dense_") for name in params) - 1
    for i in range(depth):
        layer, norm = params[f"dense_{i}"], params.get(f"norm_{i}")
        summed = product(x, layer["kernel"]) + layer["bias"]
        x = nnx.relu((summed if norm is None else _normalised(norm, summed)).astype(jnp.bfloat16))
    top = params[f"dense_{depth}"]
    return product(x, top["kernel"]) + top["bias"]


def init_memory(key: PRNGKeyArray, inputs: int, units: int) -> dict[str, Any]:
    """New parameters of a gated recurrent unit: {"dense_i": {"bias", "kernel"}, "dense_h": {"kernel"}}.

    Args:
        key: for the kernels.
        inputs: features of one user.
        units: of the memory.
    """
    cell = nnx.GRUCell(inputs, units, recurrent_kernel_init=_orthogonal_gates, rngs=nnx.Rngs(key))
    return nnx.to_pure_dict(nnx.state(cell, nnx.Param))


def _orthogonal_gates(key: PRNGKeyArray, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
    """Orthogonal kernels of the three gates, side by side. Flax's one for all three would shrink each gate's."""
    square = nnx.initializers.orthogonal()
    return jnp.concatenate([square(own, (shape[0], shape[0]), dtype) for own in jax.random.split(key, 3)], axis=1)


def gates(params: dict[str, Any], x: Float[Array, "*batch inputs"]) -> Float32[Array, "*batch gates"]:
    """What the inputs add to the three gates of a gated recurrent unit; see `product` for those in bf16.

    Args:
        params: of `init_memory`.
        x: inputs.
    """
    layer = params["dense_i"]
    times = product if x.dtype == jnp.bfloat16 else jnp.dot
    return times(x, layer["kernel"]) + layer["bias"]


def remember(
    params: dict[str, Any], memory: Float32[Array, "*batch units"], driven: Float32[Array, "*batch gates"]
) -> Float32[Array, "*batch units"]:
    """The memory after a slot, in fp32: the rest of `nnx.GRUCell`, apart from `gates`, which all slots have at once.

    Args:
        params: of `init_memory`.
        memory: after the slot before.
        driven: what the slot's inputs add, of `gates`.
    """
    own = jnp.split(jnp.dot(memory, params["dense_h"]["kernel"]), 3, axis=-1)
    reset, update, new = jnp.split(driven, 3, axis=-1)
    reset, update = nnx.sigmoid(reset + own[0]), nnx.sigmoid(update + own[1])
    return (1.0 - update) * nnx.tanh(new + reset * own[2]) + update * memory


def _normalised(norm: dict[str, Array], x: Float32[Array, "*batch units"]) -> Float32[Array, "*batch units"]:
    """Layer normalisation with its parameters, as `nnx.LayerNorm` does it."""
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    variance = jnp.mean(centred**2, axis=-1, keepdims=True)
    return centred * lax.rsqrt(variance + NORM_EPSILON) * norm["scale"] + norm["bias"]


@jax.custom_vjp
def product(
    x: BFloat16[Array, "*batch inputs"], kernel: Float32[Array, "inputs outputs"]
) -> Float32[Array, "*batch outputs"]:
    """A matrix product of bf16 factors, summed in fp32.

    So are those of its gradient. Without a rule for it one factor there would be the fp32 cotangent, at full width.
    """
    return jnp.dot(x, kernel.astype(jnp.bfloat16), preferred_element_type=jnp.float32)


def _kept(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return product(x, kernel), (x, kernel)


def _towards(kept: tuple[Array, Array], cotangent: Array) -> tuple[Array, Array]:
    x, kernel = kept
    lower, batch = cotangent.astype(jnp.bfloat16), tuple(range(x.ndim - 1))
    towards_x = jnp.dot(lower, kernel.astype(jnp.bfloat16).T, preferred_element_type=jnp.float32)
    towards_kernel = jnp.tensordot(x, lower, (batch, batch), preferred_element_type=jnp.float32)
    return towards_x.astype(jnp.bfloat16), towards_kernel


product.defvjp(_kept, _towards)
