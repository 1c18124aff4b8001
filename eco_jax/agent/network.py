"""The actor and the critic. The only file that knows Flax.

Outside it a network is two functions, `init(key) -> params` and `apply(params, features) -> (logits, value)`, and
`params` is a plain dict of arrays.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array
from jaxtyping import Float, PRNGKeyArray

Params = dict[str, Any]


class Network(NamedTuple):
    """A network as two pure functions."""

    init: Callable[[PRNGKeyArray], Params]
    """key -> {"actor": ..., "critic": ...}"""
    apply: Callable[[Params, Array], tuple[Array, Array]]
    """(params, features [..., features]) -> (logits [..., choices], value [...])"""


def inputs(params: Params) -> int:
    """How many features of a user a network with these parameters takes; they may have leading axes."""
    return int(params["actor"]["dense_0"]["kernel"].shape[-2])


class _MLP(nnx.Module):
    """Hidden ReLU layers with orthogonal kernels, and a linear layer on top."""

    def __init__(self, inputs: int, outputs: int, hidden: int, layers: int, scale: float, rngs: nnx.Rngs) -> None:
        self.depth = layers
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

    def __call__(self, x: Array) -> Array:
        for i in range(self.depth):
            x = nnx.relu(getattr(self, f"dense_{i}")(x))
        return getattr(self, f"dense_{self.depth}")(x)


def make_network(features: int, choices: int, hidden: int = 64, layers: int = 3) -> Network:
    """An actor and a critic of their own, each `layers` hidden layers of `hidden` units.

    The actor's last layer starts near zero (a uniform policy), the critic's at scale one.

    Args:
        features: inputs of one user.
        choices: outputs of the actor: all action heads, concatenated.
        hidden: width of a hidden layer.
        layers: hidden layers (three in the paper).
    """
    sizes = {"actor": (choices, 0.01), "critic": (1, 1.0)}

    def build(name: str, rngs: nnx.Rngs) -> _MLP:
        outputs, scale = sizes[name]
        return _MLP(features, outputs, hidden, layers, scale, rngs)

    graphs = {name: nnx.split(nnx.eval_shape(lambda name=name: build(name, nnx.Rngs(0))))[0] for name in sizes}

    def init(key: PRNGKeyArray) -> Params:
        keys = dict(zip(sizes, jax.random.split(key), strict=True))
        return {name: nnx.to_pure_dict(nnx.state(build(name, nnx.Rngs(keys[name])))) for name in sizes}

    @jax.named_scope("network")
    def apply(params: Params, x: Float[Array, "*batch features"]) -> tuple[Array, Array]:
        logits, value = (nnx.merge(graphs[name], nnx.State(params[name]))(x) for name in sizes)
        return logits, jnp.squeeze(value, -1)

    return Network(init, apply)
