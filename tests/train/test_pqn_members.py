"""PQN in the training loop: it learns, goes on bit for bit, and is in a population what it is alone."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import PQN
from eco_jax.agent.networks import MLP, Network
from eco_jax.parts import numbers_of
from eco_jax.sweep.population import Group, Population, changed
from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import play_episodes
from eco_jax.train.fit import fit, member, stack_params
from eco_jax.train.loop import Learner

LOOP = TrainConfig(updates=60, envs=8, rollout=4, chunk=20)
ENV, WORLD = Guess(), {"gain": jnp.float32(1.0)}
KEYS = [jax.random.key(0), jax.random.key(1)]
NETWORK = MLP(hidden=8, layers=2, norm="layer")
MEMBERS = [PQN(network=NETWORK, lr=0.01), PQN(network=NETWORK, lr=0.02, exploration=0.5, final_epsilon=0.2, decay=0.0)]


def bits(tree):
    raw = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for x in jax.tree.leaves(tree)]
    return [np.asarray(leaf).tobytes() for leaf in raw]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def trained(kept):
    with Checkpoints(kept, keep=9) as writer:
        return fit(Learner(ENV, LOOP), WORLD, MEMBERS, KEYS, on_chunk=lambda c: writer.save(c.done, c.state))


def test_it_learns_as_it_explores(trained):
    right, epsilon = trained.metrics["right"], trained.metrics["epsilon"]
    # Right with probability 1 - 2/3 epsilon of an agent that knows.
    np.testing.assert_allclose(right[-15:].mean(0), 1 - 2 / 3 * epsilon[-1], atol=0.08)
    assert (right[0] < 0.6).all()
    # Its first rollout and, as `learn` sets it for the next, its second have the first epsilon.
    np.testing.assert_allclose(epsilon[:3, 1], [1.0, 1.0, 1.0 - 0.8 * (1 / 59) / 0.5], rtol=1e-5)
    np.testing.assert_allclose(epsilon[-1], [0.05, 0.2], rtol=1e-6)
    assert set(trained.metrics) == {
        "reward", "right", "slot", "finite", "q", "q_loss", "epsilon", "explained_variance", "actor_gradient",
        "critic_gradient",
    }  # fmt: skip
    for which in range(2):  # greedily it makes no mistake
        policy = Learner(ENV, LOOP).policy(MEMBERS[which], member(trained.state.agent.params, which))
        assert float(play_episodes(ENV, WORLD, policy, jax.random.key(5), 16)["right"].mean()) == 1.0


def test_it_goes_on_from_a_checkpoint_bit_for_bit(trained, kept):
    def after_forty(like):
        for later in kept.glob("60*"):
            later.rename(kept / "other")
        return restore(kept, like, pytest.fail)

    on = fit(Learner(ENV, LOOP), WORLD, MEMBERS, KEYS, resume=after_forty)
    assert len(on.metrics["q_loss"]) == 20
    assert bits(on.state) == bits(trained.state)


def test_a_population_of_it_is_what_its_members_are_alone(trained):
    group = Group(Learner(ENV, LOOP), [WORLD, WORLD], (), MEMBERS, [0, 1])
    population = Population(group, pytest.fail)
    population.load(population.begin())
    for look in range(group.looks):
        population.advance(look)
    state = population.state()
    for which in range(2):
        assert params_sha256(member(state.agent.params, which)) == params_sha256(
            member(trained.state.agent.params, which)
        )
    assert set(numbers_of(MEMBERS[0])) == {
        "lr", "final_lr", "discount", "decay", "epsilon", "final_epsilon", "exploration", "clip"
    }  # fmt: skip
    numbers = numbers_of(state.algorithm) | {"lr": np.array([0.1, 0.2])}
    on = changed(state, np.ones(2, bool), np.array([1, 1]), numbers)
    np.testing.assert_allclose(on.algorithm.lr, [0.1, 0.2])
    assert bits(member(on.agent, 0)) == bits(member(state.agent, 1))


@pytest.mark.long
def test_side_by_side_in_one_program(trained, monkeypatch):
    monkeypatch.setattr("eco_jax.train.fit.together", lambda members, *more: members)
    both = fit(Learner(ENV, LOOP), WORLD, MEMBERS, KEYS)
    np.testing.assert_allclose(both.metrics["q_loss"][:5], trained.metrics["q_loss"][:5], rtol=1e-3)
    np.testing.assert_allclose(both.metrics["right"][-15:].mean(0), trained.metrics["right"][-15:].mean(0), atol=0.05)


def test_a_nan_stops_its_member_alone(trained):
    worlds, axes = stack_params([WORLD, {"gain": jnp.float32(jnp.nan)}])
    fitted = fit(Learner(ENV, LOOP), worlds, MEMBERS, KEYS, axes=axes)
    assert re.match("update 0: .*q_loss.* not finite", fitted.failed[1])
    assert list(fitted.failed) == [1]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(fitted.state.agent))
    assert params_sha256(member(fitted.state.agent.params, 0)) == params_sha256(member(trained.state.agent.params, 0))


class Recalling(Network):
    """A linear Q of what is seen now and of what was seen in the slot before."""

    def init(self, key, inputs, heads):
        return {
            "actor": {"w": 0.01 * jax.random.normal(key, (2 * inputs.total, sum(heads.sizes)))},
            "critic": {"w": jnp.zeros((2 * inputs.total, 1))},
        }

    def start(self, shape):
        return {"seen": jnp.zeros((*shape, 3))}

    def apply(self, params, carry, features):
        both = jnp.concatenate([features, carry["seen"]], axis=-1)
        return both @ params["actor"]["w"], (both @ params["critic"]["w"])[..., 0], {"seen": features}


@pytest.mark.parametrize("fixed", [pytest.param(True, marks=pytest.mark.long), False])
def test_it_learns_with_a_memory(fixed):
    algorithm = PQN(network=Recalling(), lr=0.02, minibatches=4)
    fitted = fit(Learner(Guess(fixed), LOOP), WORLD, [algorithm], KEYS[:1])
    assert fitted.metrics["right"][-15:, 0].mean() > 0.9 > 0.6 > fitted.metrics["right"][0, 0]
    assert fitted.failed == {}
