"""All layers in one kernel: the same numbers as layer by layer, run without a GPU."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent import fused, perceptron
from eco_jax.agent.network import MLP
from eco_jax.errors import UserError

FEATURES, CHOICES, HIDDEN, LAYERS = 5, 3, 20, 2
TOLERANCE = {"fp32": 1e-5, "bf16": 0.05}
"""Sums are in another order. A bf16 activation next to zero may be zero in one of them."""
ROWS = [(2, 3, 5), (2, 21 * fused.ROWS)]
"""Less than a block, and more blocks than one program takes, the last one not full."""


def network(**settings):
    return MLP(hidden=HIDDEN, layers=LAYERS, **settings)


def parts(shape, features=FEATURES):
    """Parameters of an actor, inputs, and a cotangent of its outputs."""
    keys = jax.random.split(jax.random.key(0), 3)
    params = network().init(keys[0], features, CHOICES)["actor"]
    return params, jax.random.normal(keys[1], (*shape, features)), jax.random.normal(keys[2], (*shape, CHOICES))


def layerwise(precision):
    if precision == "bf16":
        return perceptron.apply_bf16
    return lambda params, x: perceptron.apply("actor", params, x, HIDDEN, LAYERS)


def dtype_of(precision):
    return jnp.bfloat16 if precision == "bf16" else jnp.float32


def close(one, other, tolerance):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * float(jnp.abs(b).max()))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shape", ROWS)
def test_the_kernel_gives_the_outputs(shape, precision):
    params, x, _ = parts(shape)
    x = x.astype(dtype_of(precision))
    made = fused.forward(dtype_of(precision), params, x, interpret=True)
    assert made.shape == (*shape, CHOICES)
    assert made.dtype == jnp.float32
    close(made, layerwise(precision)(params, x), TOLERANCE[precision])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shape", ROWS)
def test_the_other_kernel_gives_the_gradient(shape, precision):
    params, x, towards = parts(shape)
    x = x.astype(dtype_of(precision))
    made = fused.gradient(dtype_of(precision), params, x, towards, interpret=True)
    wanted = jax.vjp(lambda p: layerwise(precision)(p, x), params)[1](towards)[0]
    assert jax.tree.map(jnp.shape, made) == jax.tree.map(jnp.shape, params)
    close(made, wanted, TOLERANCE[precision])


def test_members_have_kernels_of_their_own():
    params, x, towards = parts((2, 3, 5))
    several = jax.tree.map(lambda leaf: jnp.stack([leaf, 2.0 * leaf]), params)
    rollouts = jnp.stack([x, x[::-1]], axis=1)  # as a rollout of several members lies: time, members, ...
    made = jax.vmap(partial(fused.gradient, jnp.float32, interpret=True), in_axes=(0, 1, None))(
        several, rollouts, towards
    )
    for i in range(2):
        own = jax.tree.map(lambda leaf, i=i: leaf[i], several)
        one = fused.gradient(jnp.float32, own, rollouts[:, i], towards, interpret=True)
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), made, one)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_elsewhere_it_runs_layer_by_layer(precision):
    """Outputs and gradients, those towards the features too, are to the bit what they are without the setting."""
    plain, one = network(precision=precision), network(precision=precision, fused=True)
    params = plain.init(jax.random.key(0), FEATURES, CHOICES)
    x = jax.random.normal(jax.random.key(1), (4, 2, FEATURES))

    def total(net, params, x):
        logits, value, _ = net.apply(params, (), x)
        return jnp.sum(jnp.sin(logits)) + jnp.sum(value**2)

    for net in (plain, one):
        assert net.apply(params, (), x)[0].shape == (4, 2, CHOICES)
    wanted, made = (jax.jit(jax.value_and_grad(partial(total, net), argnums=(0, 1)))(params, x) for net in (plain, one))
    close(made, wanted, 1e-6)
    assert float(jnp.abs(made[1][1]).max()) > 0


def test_what_a_kernel_has_no_room_for_is_refused():
    def begun(features=FEATURES, **settings):
        return MLP(fused=True, **settings).init(jax.random.key(0), features, CHOICES)

    with pytest.raises(UserError, match=r"network.hidden = 129: network.fused takes at most 128"):
        begun(hidden=129)
    with pytest.raises(UserError, match=r"features = 129: network.fused takes at most 128"):
        begun(features=129)
    with pytest.raises(UserError, match=r"network.layers = 4, network.hidden = 64: network.fused has room for 36864 "):
        begun(features=92, layers=4)
    assert jax.eval_shape(partial(begun, features=92))  # the size that the program comes with


def test_units_are_filled_up_to_a_power_of_two():
    assert [fused.width(n) for n in (1, 16, 17, 64, 92, 128)] == [16, 16, 32, 64, 128, 128]
