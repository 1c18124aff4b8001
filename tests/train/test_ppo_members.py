"""PPO and MAPPO, with and without a memory: same bits when they go on, alone as among others, and beside a NaN."""

import re
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import MAPPO, PPO
from eco_jax.agent.networks import MLP, Network
from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit, member, stack_algorithms
from eco_jax.train.loop import Learner


class Decaying(Network):
    """A memory of what was seen, and a layer on it."""

    def init(self, key, inputs, heads):
        outputs = {"actor": sum(heads.sizes), "critic": 1}
        return {name: {"kernel": 0.1 * jax.random.normal(key, (inputs.total, n))} for name, n in outputs.items()}

    def start(self, shape):
        return jnp.zeros((*shape, 3))

    def apply(self, params, carry, features):
        carry = 0.5 * carry + features
        return carry @ params["actor"]["kernel"], (carry @ params["critic"]["kernel"])[..., 0], carry


TINY = MLP(hidden=4, layers=1)
LEARNER = Learner(Guess(fixed=False), TrainConfig(updates=4, envs=4, rollout=3, chunk=2))
KEYS = [jax.random.key(0), jax.random.key(1)]
NUMBERS = {"minibatches": 2, "epochs": 2}
WORLD = {"gain": jnp.float32(1.0)}


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(PPO(network=Decaying(), **NUMBERS), marks=pytest.mark.long),
        pytest.param(MAPPO(network=TINY, critic_hidden=4, **NUMBERS), marks=pytest.mark.long),
        MAPPO(network=Decaying(), critic_hidden=4, pooling="mean-max", team=True, **NUMBERS),
    ],
    ids=["ppo with a memory", "mappo", "mappo with a memory"],
)
def trained(request, tmp_path_factory):
    """(algorithm, two members of different learning rates, folder of the checkpoints, what became of them)."""
    several = [request.param, request.param.set(actor_lr=0.02)]
    kept = tmp_path_factory.mktemp("kept")
    with Checkpoints(kept) as writer:
        fitted = fit(LEARNER, WORLD, several, KEYS, on_chunk=lambda chunk: writer.save(chunk.done, chunk.state))
    return several, kept, fitted


def test_going_on_gives_the_same_bits(trained):
    several, kept, fitted = trained
    shutil.rmtree(kept / "4")
    on = fit(LEARNER, WORLD, several, KEYS, resume=lambda like: restore(kept, like, pytest.fail))
    for name in fitted.metrics:
        np.testing.assert_array_equal(on.metrics[name], fitted.metrics[name][2:])
    for a, b in zip(leaves(on.state), leaves(fitted.state), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(fitted.metrics["actor_loss"][0], fitted.metrics["actor_loss"][-1])


def test_a_member_is_what_it_is_alone(trained):
    several, _, fitted = trained
    alone = fit(LEARNER, WORLD, several[1:], KEYS[1:])
    for a, b in zip(leaves(member(alone.state, 0)), leaves(member(fitted.state, 1)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert params_sha256(member(fitted.state.agent.params, 0)) != params_sha256(member(fitted.state.agent.params, 1))


def test_nan_fails_its_member_and_no_other(trained):
    several, _, fitted = trained
    bad = {"gain": jnp.array([1.0, jnp.nan])}
    found = fit(LEARNER, bad, several, KEYS, axes={"gain": 0})
    assert set(found.failed) == {1}
    assert re.match(r"update 0: .*reward.* not finite", found.failed[1])
    start = LEARNER.init({"gain": 0}, stack_algorithms(several), jnp.stack(KEYS), bad)
    assert params_sha256(member(found.state.agent.params, 1)) == params_sha256(member(start.agent.params, 1))
    np.testing.assert_allclose(found.metrics["reward"][:, 0], fitted.metrics["reward"][:, 0], rtol=1e-4)
