"""What `reset` and `step` refuse while they are traced, and where they can be traced."""

import dataclasses

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from env_worlds import SMALL, world
from jax.sharding import PartitionSpec

import eco_jax
from eco_jax.env import EnvParams, make
from eco_jax.env.parts import Replay
from eco_jax.env.policies import posterior_outcomes
from eco_jax.errors import UserError

HERE = world()
KEY = jax.random.key(0)


def refused(traced, *arguments):
    """The message with which a function refuses to be traced; the annotation checker, where it is on, may be first."""
    with pytest.raises((UserError, jaxtyping.TypeCheckError)) as error:
        jax.eval_shape(traced, *arguments)
    if not isinstance(error.value, UserError):
        pytest.skip("refused by its annotation")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "action", [np.zeros((4, 3), int), np.zeros((3, 4), int), np.zeros(4, int), np.zeros((2, 4, 4))]
)
def test_an_action_of_another_shape(action):
    _, state = jax.eval_shape(HERE.env.reset, KEY, HERE.params)
    said = refused(HERE.env.step, KEY, state, jnp.asarray(action), HERE.params)
    assert f"action: has shape {action.shape}, must be (4, 4)" in said


def test_an_action_that_is_no_integer():
    _, state = jax.eval_shape(HERE.env.reset, KEY, HERE.params)
    assert "float32, must be integers" in refused(HERE.env.step, KEY, state, jnp.zeros((4, 4)), HERE.params)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda p: None, "must be an EnvParams, not NoneType"),
        (lambda p: dataclasses.replace(p, sites=jnp.zeros((6, 2))), "params.sites: has shape (6, 2), must be (9, 2)"),
        (lambda p: dataclasses.replace(p, side=jnp.ones(3)), "params.side: has shape (3,), must be a number"),
        (lambda p: jax.tree.map(lambda *x: jnp.stack(x), p, p), "has shape (2,), must be a number"),
        (lambda p: dataclasses.replace(p, mobility=Replay()), "params.mobility: has no trace to replay"),
    ],
)
def test_parameters_of_another_world(given, said):
    _, state = jax.eval_shape(HERE.env.reset, KEY, HERE.params)
    params = given(HERE.params)
    assert said in refused(HERE.env.reset, KEY, params)
    assert said in refused(HERE.env.step, KEY, state, jnp.zeros((4, 4), int), params)


def test_a_state_of_another_world():
    action = jnp.zeros((4, 4), int)
    for other, said in (
        (make(**SMALL | {"servers": 16}), "state: has servers (16,), must be (9,)"),
        (make(**SMALL | {"candidates": 2}), "state: has users and candidates (4, 2), must be (4, 3)"),
    ):
        _, state = jax.eval_shape(other[0].reset, KEY, other[1])
        assert said in refused(HERE.env.step, KEY, state, action, HERE.params)
    assert "state: must be a State" in refused(HERE.env.step, KEY, (1, 2), action, HERE.params)


def carried(env, params, keys):
    """An episode's mean rewards by a scan that carries observation and state, as `jax.shard_map` runs it."""
    action = jnp.zeros((env.agents, 4), int)

    def slot(carry, key):
        observation, state, reward, *_ = env.step(key, carry[1], action, params)
        return (observation, state), reward.mean()

    return jax.lax.scan(slot, env.reset(keys[0], params), jax.random.split(keys[0], 3))[1][None]


@pytest.mark.parametrize("by", ["key", "params"])
def test_inside_shard_map(by):
    """One device will do: what is checked are the types of the carry, not where they lie."""
    env, params = eco_jax.make("tiny")
    mesh = jax.make_mesh((1,), ("d",), axis_types=(jax.sharding.AxisType.Auto,))
    split = PartitionSpec("d")
    keys = KEY[None]
    if by == "key":
        run = jax.shard_map(lambda keys: carried(env, params, keys), mesh=mesh, in_specs=split, out_specs=split)
        shape = jax.eval_shape(run, keys)
    else:

        def one(side):
            return carried(env, dataclasses.replace(params, side=side[0]), keys)

        shape = jax.eval_shape(jax.shard_map(one, mesh=mesh, in_specs=split, out_specs=split), params.side[None])
    assert shape.shape == (1, 3)


def test_parameters_made_by_hand():
    """`EnvParams.of` and `EnvParams()` are whole: servers stand where the side says, and knowledge has a value."""
    env, usual = make(**SMALL)
    of = EnvParams.of()
    assert bool(of.knowledge.sync)
    assert not bool(of.knowledge.truth)
    assert jax.tree.structure(of) == jax.tree.structure(usual) == jax.tree.structure(EnvParams())
    for mine, plain, theirs in zip(*map(jax.tree.leaves, (of, EnvParams(), usual)), strict=True):
        assert float(mine) == float(theirs) == pytest.approx(float(plain), rel=1e-6)
    jax.eval_shape(env.reset, KEY, of)
    jax.eval_shape(env.reset, KEY, EnvParams())


def test_servers_follow_the_side():
    """Replaced or vmapped over, a side takes its servers along."""
    sides = jnp.array([1000.0, 3000.0])

    def distance(side):
        state = HERE.env.reset(KEY, dataclasses.replace(HERE.params, side=side))[1]
        return state.place.distance / side, state.place.candidates

    share, candidates = jax.jit(jax.vmap(distance))(sides)
    np.testing.assert_allclose(share[0], share[1], rtol=1e-4)
    np.testing.assert_array_equal(candidates[0], candidates[1])
    _, state = world(side=1000).reset()
    np.testing.assert_allclose(share[0] * 1000, state.place.distance, rtol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"mobility": "gauss-markov", "access": "direct", "spectrum": "shared"}])
def test_numbers_are_fp32_whatever_jax_is_set_to(settings):
    with jax.enable_x64(True):
        env, params = make(**{**SMALL, **settings})
        observation, state = jax.eval_shape(env.reset, KEY, params)
        action = jnp.zeros((4, 4), jnp.int32)
        new, after, *rest = jax.eval_shape(env.step, KEY, state, action, params)
    for before, later in zip(jax.tree.leaves((observation, state)), jax.tree.leaves((new, after)), strict=True):
        assert before.dtype == later.dtype
    numbers = [leaf for leaf in jax.tree.leaves((new, after, rest)) if jnp.issubdtype(leaf.dtype, jnp.number)]
    assert {leaf.dtype.itemsize for leaf in numbers} == {4}


@pytest.mark.parametrize("settings", [{}, {"preset": "printed", "mobility": "gauss-markov", "access": "direct"}])
def test_a_slot_computes_in_the_precision_of_its_parameters(settings):
    def reals(tree):
        return {leaf.dtype for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)}

    with jax.enable_x64(True):
        env, params = make(**{**SMALL, **settings})
        params = jax.tree.map(lambda leaf: leaf if leaf.dtype == bool else leaf.astype(jnp.float64), params)
        first = jax.eval_shape(env.reset, KEY, params)
        slot = jax.eval_shape(env.step, KEY, first[1], jnp.zeros((4, 4), jnp.int32), params)
        mean = jax.eval_shape(lambda state: posterior_outcomes(env.config, env.view(state, params), params), first[1])
    assert reals((first, slot, mean)) == {jnp.dtype(jnp.float64)}
