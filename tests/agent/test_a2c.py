"""The A2C loss: what flows where."""

import jax
import jax.numpy as jnp
import numpy as np
from eco_jax.agent.a2c import Rollout, clip_by_norm, loss

from eco_jax.agent.distribution import Heads
from eco_jax.agent.network import make_network

HEADS = Heads((2,), (False,))
NETWORK = make_network(3, 2, hidden=4, layers=3)


def rollout(fixed=True, time=4):
    keys = jax.random.split(jax.random.key(0), 4)
    shape = (time, 2, 3)
    later = 1 if fixed else time
    return Rollout(
        features=jax.random.normal(keys[0], (*shape, 3)),
        mask=jnp.ones((*shape, 2), bool),
        action=jax.random.randint(keys[1], (*shape, 1), 0, 2),
        reward=jax.random.normal(keys[2], shape),
        next_features=jax.random.normal(keys[3], (later, 2, 3, 3)),
        terminated=jnp.zeros((time, 2), bool),
        ended=jnp.zeros((time, 2), bool),
    )


def gradient(r, **options):
    chosen = {"discount": 0.9, "decay": 0.0, "entropy_weight": 0.0} | options
    return jax.grad(loss, has_aux=True)(NETWORK.init(jax.random.key(1)), NETWORK, HEADS, r, **chosen)[0]


def same(a, b):
    return all(np.allclose(x, y, atol=1e-7) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_three_hidden_layers_each_and_a_nearly_uniform_start():
    params = NETWORK.init(jax.random.key(0))
    assert set(params) == {"actor", "critic"}
    assert all(len(params[part]) == 4 for part in params)  # three hidden, one output
    logits, value = NETWORK.apply(params, jnp.ones((5, 3)))
    assert logits.shape == (5, 2)
    assert value.shape == (5,)
    assert float(jnp.abs(logits).max()) < 0.2
    kernel = params["actor"]["dense_1"]["kernel"]
    np.testing.assert_allclose(kernel.T @ kernel, 2.0 * np.eye(4), atol=1e-5)  # orthogonal, gain sqrt 2


def test_semi_gradient_ignores_the_next_value_and_residual_does_not():
    r = rollout(fixed=False)
    critic = gradient(r)["critic"]
    # By hand: the semi-gradient is that of 1/2 (target - V)^2 with the target a number.
    params = NETWORK.init(jax.random.key(1))
    target = r.reward + 0.9 * NETWORK.apply(params, r.next_features)[1]

    def squared(p):
        return 0.5 * jnp.mean((target - NETWORK.apply(p, r.features)[1]) ** 2)

    assert same(critic, jax.grad(squared)(params)["critic"])
    assert not same(critic, gradient(r, residual=True)["critic"])


def test_actor_gradient_is_that_of_log_probability_times_advantage():
    r = rollout(fixed=False)
    params = NETWORK.init(jax.random.key(1))
    value, later = NETWORK.apply(params, r.features)[1], NETWORK.apply(params, r.next_features)[1]
    advantage = r.reward + 0.9 * later - value

    def surrogate(p):
        log_p = jax.nn.log_softmax(NETWORK.apply(p, r.features)[0])
        return -jnp.mean(jnp.take_along_axis(log_p, r.action, axis=-1)[..., 0] * advantage)

    assert same(gradient(r)["actor"], jax.grad(surrogate)(params)["actor"])


def test_fixed_horizon_shortcut_equals_the_general_form():
    r = rollout(fixed=True)
    following = jnp.concatenate([r.features[1:], r.next_features])
    general = r._replace(next_features=following)
    assert same(gradient(r, decay=0.7, entropy_weight=0.1), gradient(general, decay=0.7, entropy_weight=0.1))


def test_clip_by_norm():
    tree = {"a": jnp.array([3.0]), "b": jnp.array([4.0])}  # norm 5
    clipped, norm = clip_by_norm(tree, 1.0)
    assert float(norm) == 5.0
    np.testing.assert_allclose([clipped["a"][0], clipped["b"][0]], [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(clip_by_norm(tree, 10.0)[0]["b"], [4.0])
    assert np.isfinite(clip_by_norm({"a": jnp.zeros(2)}, 1.0)[0]["a"]).all()
