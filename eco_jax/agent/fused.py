"""A multilayer perceptron in one kernel, and its gradient in another, on an NVIDIA GPU.

Layer by layer, hidden activations go to the device's memory and back, in the forward pass and twice in the backward
pass: most of the bytes of a training program. Here a block of rows goes through all layers on the chip; the gradient's
kernel computes the activations again, and sums its block's part of every weight's gradient.

Written with Pallas for Triton. On other devices the same function runs layer by layer.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from eco_jax.errors import UserError

ROWS = 64
"""Rows that a kernel holds at once."""
BLOCKS = 8
"""Blocks of rows that a program of a kernel goes through, at least: it reads the weights once for all of them."""
PROGRAMS = 264
"""Programs of a kernel for one network, at most: two for each multiprocessor of an H100."""
LEAST, MOST = 16, 128
"""Least and most units of a layer in a kernel: what tensor cores take, and what registers hold."""
HELD = 9 * 2**12
"""Weights of a network and activations of a block of rows that a kernel holds at most: an H100 has no room for more."""

Layers = list[tuple[Array, Array]]
"""Kernel [inputs, outputs] and bias [outputs] of each layer."""
Plain = Callable[[Any, Array], Array]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def apply(plain: Plain, dtype: Any, params: Any, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
    """The outputs of a perceptron of hidden ReLU layers and a linear one on top.

    Args:
        plain: (params, x) -> the same, layer by layer, for devices without the kernels.
        dtype: of the factors of each product; sums are fp32.
        params: {"dense_0": {"bias", "kernel"}, ...}, fp32.
        x: inputs.
    """
    return lax.platform_dependent(params, x, cuda=partial(forward, dtype), default=plain)


def _kept(plain: Plain, dtype: Any, params: Any, x: Array) -> tuple[Array, tuple[Any, Array]]:
    return apply(plain, dtype, params, x), (params, x)


def _gradient(plain: Plain, dtype: Any, kept: tuple[Any, Array], cotangent: Array) -> tuple[Any, Array]:
    params, x = kept

    def layerwise(params: Any, x: Array, cotangent: Array) -> Any:
        return jax.vjp(lambda p: plain(p, x), params)[1](cotangent)[0]

    towards = lax.platform_dependent(params, x, cotangent, cuda=partial(gradient, dtype), default=layerwise)
    # The inputs of a policy are numbers of the environment: nobody asks for this one, and the compiler drops it.
    return towards, jax.vjp(lambda x: plain(params, x), x)[1](cotangent)[0]


apply.defvjp(_kept, _gradient)


def check(inputs: int, hidden: int, layers: int) -> None:
    """Whether there are kernels for a perceptron of this size.

    Raises:
        UserError: it is too large.
    """
    for name, units in (("network.hidden", hidden), ("features", inputs)):
        if units > MOST:
            raise UserError(f"{name} = {units}: network.fused takes at most {MOST}")
    weights = width(inputs) * width(hidden) + (layers - 1) * width(hidden) ** 2
    if (held := weights + ROWS * (width(inputs) + layers * width(hidden))) > HELD:
        raise UserError(
            f"network.layers = {layers}, network.hidden = {hidden}: network.fused has room for {HELD} weights and "
            f"activations, and these are {held} (each layer filled up to a power of two)"
        )


def width(units: int) -> int:
    """Units of a layer, filled up to what a kernel can have."""
    return max(LEAST, 1 << (units - 1).bit_length())


def _padded(params: Any) -> Layers:
    """The layers with zeros up to `width`: a unit of zeros changes nothing."""

    def padded(leaf: Array) -> Array:
        return jnp.pad(leaf, [(0, width(units) - units) for units in leaf.shape])

    made = [params[f"dense_{i}"] for i in range(len(params))]
    return [(padded(layer["kernel"]), padded(layer["bias"])) for layer in made]


def _block(shape: tuple[int, ...], number: Array) -> tuple[tuple[Array, ...], Array]:
    """Indices into the batch's axes of the rows of a block, each [ROWS], and which of them there are."""
    rows = number * ROWS + jnp.arange(ROWS)
    indices, rest = [], rows
    for units in reversed(shape[1:]):
        indices.append(rest % units)
        rest = rest // units
    return (rest, *reversed(indices)), rest < shape[0]


def _at(ref: Any, indices: tuple[Array, ...], there: Array, units: int, wide: int) -> tuple[Any, Array]:
    """A block of an array [*batch, units], [ROWS, wide], and which of its numbers there are."""
    columns = jnp.broadcast_to(jnp.arange(wide)[None], (ROWS, wide))
    whole = tuple(jnp.broadcast_to(index[:, None], (ROWS, wide)) for index in indices)
    return ref.at[(*whole, columns)], there[:, None] & (columns < units)


def _hidden(dtype: Any, layers: Layers, x: Array) -> list[Array]:
    """The inputs of each layer for a block of rows."""
    inputs = [x.astype(dtype)]
    for kernel, bias in layers[:-1]:
        product = jnp.dot(inputs[-1], kernel.astype(dtype), preferred_element_type=jnp.float32)
        inputs.append(jnp.maximum(product + bias[None], 0.0).astype(dtype))
    return inputs


def _shared(rows: int) -> tuple[int, int]:
    """Programs of a kernel, and blocks of rows that each goes through."""
    blocks = -(-rows // ROWS)
    programs = max(1, min(PROGRAMS, blocks // BLOCKS))
    return programs, -(-blocks // programs)


def forward(dtype: Any, params: Any, x: Float[Array, "*batch inputs"], interpret: bool = False) -> Array:
    """See `apply`; `interpret` runs the kernel without a GPU, for tests."""
    from jax.experimental import pallas as pl  # costs half a second
    from jax.experimental.pallas import triton

    layers, shape = _padded(params), x.shape[:-1]
    inputs, outputs = x.shape[-1], params[f"dense_{len(params) - 1}"]["bias"].shape[-1]
    programs, turns = _shared(x.size // inputs)

    def kernel(*refs: Any) -> None:
        x_ref, *held, out_ref = refs
        own = [(held[2 * i][...], held[2 * i + 1][...]) for i in range(len(layers))]
        first = pl.program_id(0)

        def turn(number: Array, _: None) -> None:
            indices, there = _block(shape, first + number * programs)
            given, mask = _at(x_ref, indices, there, inputs, width(inputs))
            last = _hidden(dtype, own, triton.load(given, mask=mask, other=0.0))[-1]
            top, bias = own[-1]
            out = jnp.dot(last, top.astype(dtype), preferred_element_type=jnp.float32) + bias[None]
            place, mask = _at(out_ref, indices, there, outputs, width(outputs))
            triton.store(place, out, mask=mask)

        lax.fori_loop(0, turns, turn, None)

    made: Array = pl.pallas_call(
        kernel,
        out_shape=jax.ShapeDtypeStruct((*shape, outputs), jnp.float32),
        grid=(programs,),
        compiler_params=triton.CompilerParams(num_warps=4, num_stages=1),
        interpret=interpret,
        name="perceptron",
    )(x, *[leaf for layer in layers for leaf in layer])
    return made


def gradient(
    dtype: Any,
    params: Any,
    x: Float[Array, "*batch inputs"],
    cotangent: Float[Array, "*batch outputs"],
    interpret: bool = False,
) -> Any:
    """The gradient towards the parameters of `apply`, as they, fp32; `interpret` as in `forward`."""
    from jax.experimental import pallas as pl
    from jax.experimental.pallas import triton

    layers, shape, inputs, outputs = _padded(params), x.shape[:-1], x.shape[-1], cotangent.shape[-1]
    programs, turns = _shared(x.size // inputs)
    flat = [leaf for layer in layers for leaf in layer]

    def kernel(*refs: Any) -> None:
        x_ref, cotangent_ref, held, made = refs[0], refs[1], refs[2 : 2 + len(flat)], refs[2 + len(flat) :]
        own = [(held[2 * i][...], held[2 * i + 1][...]) for i in range(len(layers))]
        first = pl.program_id(0)

        def turn(number: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
            indices, there = _block(shape, first + number * programs)
            given, mask = _at(x_ref, indices, there, inputs, width(inputs))
            hidden = _hidden(dtype, own, triton.load(given, mask=mask, other=0.0))
            given, mask = _at(cotangent_ref, indices, there, outputs, width(outputs))
            towards = triton.load(given, mask=mask, other=0.0)
            added: list[Array] = []
            for below, (weights, _) in zip(reversed(hidden), reversed(own), strict=True):
                lower = towards.astype(dtype)
                bias = jnp.sum(towards, axis=0)
                added = [jnp.dot(below.T, lower, preferred_element_type=jnp.float32), bias, *added]
                if below is not hidden[0]:
                    back = jnp.dot(lower, weights.astype(dtype).T, preferred_element_type=jnp.float32)
                    towards = jnp.where(below > 0, back, 0.0)
            return tuple(total + new for total, new in zip(sums, added, strict=True))

        sums = lax.fori_loop(0, turns, turn, tuple(jnp.zeros(leaf.shape, jnp.float32) for leaf in flat))
        for ref, total in zip(made, sums, strict=True):
            ref[...] = total

    def of_program(leaf: Array) -> Any:
        return pl.BlockSpec((None, *leaf.shape), lambda program: (program, *[0] * leaf.ndim))

    parts = pl.pallas_call(
        kernel,
        out_shape=[jax.ShapeDtypeStruct((programs, *leaf.shape), jnp.float32) for leaf in flat],
        out_specs=[of_program(leaf) for leaf in flat],
        grid=(programs,),
        compiler_params=triton.CompilerParams(num_warps=8, num_stages=1),
        interpret=interpret,
        name="perceptron_gradient",
    )(x, cotangent, *flat)
    sums = [jnp.sum(part, axis=0) for part in parts]
    towards = {}
    for i in range(len(layers)):
        like = params[f"dense_{i}"]
        kernel_, bias_ = like["kernel"].shape, like["bias"].shape
        towards[f"dense_{i}"] = {
            "bias": sums[2 * i + 1][: bias_[0]], "kernel": sums[2 * i][: kernel_[0], : kernel_[1]],
        }  # fmt: skip
    return towards
