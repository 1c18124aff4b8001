"""Agents with a memory as members of a run: resumed, alone, and beside one whose numbers are not finite."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import GRU
from eco_jax.sweep.population import Group, Population
from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.fit import fit, member, stack_params
from eco_jax.train.loop import Learner

# Rollouts of 2 slots in episodes of at most 4: a memory lasts from one update to the next, and most episodes end there.
LOOP = TrainConfig(updates=6, envs=8, rollout=2, chunk=3)
WORLD, BAD = {"gain": jnp.float32(1.0)}, {"gain": jnp.float32(jnp.nan)}
KEYS = [jax.random.key(0), jax.random.key(1)]


def members(precision="fp32"):
    return [A2C(network=GRU(memory=4, hidden=8, layers=1, precision=precision), actor_lr=lr) for lr in (0.1, 0.02)]


def bits(tree):
    raw = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(tree)]
    return [np.asarray(leaf).tobytes() for leaf in raw]


@pytest.fixture(scope="module")
def alone():
    return fit(Learner(Guess(False), LOOP), WORLD, members()[1:], KEYS[1:])


@pytest.mark.parametrize(
    ("fixed", "precision"),
    [
        (True, "fp32"),
        pytest.param(False, "fp32", marks=pytest.mark.long),
        pytest.param(False, "bf16", marks=pytest.mark.long),
    ],
)
def test_killed_and_resumed_it_ends_with_the_same_bits(fixed, precision, tmp_path):
    learner = Learner(Guess(fixed), LOOP)
    with Checkpoints(tmp_path) as writer:
        whole = fit(
            learner, WORLD, members(precision), KEYS, on_chunk=lambda c: writer.save(c.done, c.state)
        )  # fmt: skip
    memory, t = whole.state.carry, np.asarray(whole.state.env_state["t"])
    assert memory.shape == (2, 8, 2, 4)
    assert memory.dtype == jnp.float32
    begun = t > 0  # with a fixed horizon everywhere: the next update resets
    assert np.asarray(memory)[begun].all()
    assert fixed or (0 < begun.mean() < 1 and not np.asarray(memory)[~begun].any())
    (tmp_path / "6").rename(tmp_path / "other")
    on = fit(learner, WORLD, members(precision), KEYS, resume=lambda like: restore(tmp_path, like, pytest.fail))
    assert bits(on.state) == bits(whole.state)
    for name in whole.metrics:
        np.testing.assert_array_equal(on.metrics[name], whole.metrics[name][3:])
    assert "memory_gradient" in whole.metrics


def test_a_member_is_to_the_last_bit_what_it_is_alone(alone):
    group = Group(Learner(Guess(False), LOOP), [WORLD, WORLD], (), members(), [0, 1])
    population = Population(group, pytest.fail)
    population.load(population.begin())
    for look in range(group.looks):
        population.advance(look)
    assert bits(member(population.state().agent, 1)) == bits(member(alone.state.agent, 0))
    assert bits(member(population.state().agent, 0)) != bits(member(alone.state.agent, 0))


def test_a_nan_fails_its_member_alone(alone):
    worlds, axes = stack_params([BAD, WORLD])
    fitted = fit(Learner(Guess(False), LOOP), worlds, members(), KEYS, axes=axes)
    assert list(fitted.failed) == [0]
    assert re.match("update 0: .*reward.* not finite", fitted.failed[0])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((fitted.state.agent, fitted.state.carry)))
    assert params_sha256(member(fitted.state.agent.params, 1)) == params_sha256(member(alone.state.agent.params, 0))


@pytest.mark.long
def test_side_by_side_in_one_program(alone, monkeypatch):
    monkeypatch.setattr("eco_jax.train.fit.together", lambda members, *more: members)
    both = fit(Learner(Guess(False), LOOP), WORLD, members(), KEYS)
    for a, b in zip(*(jax.tree.leaves(f.state.agent) for f in (both, alone)), strict=True):
        np.testing.assert_allclose(a[-1], b[-1], rtol=1e-3, atol=1e-4)
