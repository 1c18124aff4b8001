"""Gradient steps: clipping, learning rates of the parts, optimizers."""

import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.gradient import clip_by_norm, descend, transformation


def test_clip_by_norm():
    tree = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}  # norm 5
    clipped, norm = clip_by_norm(tree, 1.0)
    assert float(norm) == 5.0
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0]], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(clip_by_norm(tree, 10.0)[0]["b"], [4.0])
    assert np.isfinite(clip_by_norm({"a": jnp.zeros(2)}, 1.0)[0]["a"]).all()


@pytest.mark.parametrize(("optimizer", "size"), [("sgd", (2.0, 0.3)), ("radam", (2.0, 0.3)), ("adam", (1.0, 1.0))])
def test_each_part_is_clipped_alone_and_has_its_rate(optimizer, size):
    params = {"actor": {"w": jnp.array([1.0])}, "critic": {"w": jnp.array([1.0])}}
    gradient = {"actor": {"w": jnp.array([5.0])}, "critic": {"w": jnp.array([0.3])}}
    state = transformation(optimizer).init(params)
    new, state, norms = descend(optimizer, {"actor": 0.1, "critic": 0.01}, 2.0, params, state, gradient)
    # The actor's 5 is clipped to 2. Adam's first step is of size 1, whatever the gradient's; RAdam's is the gradient.
    np.testing.assert_allclose(new["actor"]["w"], [1.0 - 0.1 * size[0]], rtol=1e-4)
    np.testing.assert_allclose(new["critic"]["w"], [1.0 - 0.01 * size[1]], rtol=1e-4)
    assert {name: round(float(norm), 5) for name, norm in norms.items()} == {
        "actor_gradient": 5.0, "critic_gradient": 0.3,
    }  # fmt: skip
