"""PQN: targets worked by hand, minibatches, exploration."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent.algorithms import PQN, pqn
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import MLP, Network
from eco_jax.agent.rollout import Rollout
from eco_jax.env import Inputs, Observation
from eco_jax.errors import UserError
from eco_jax.train.config import TrainConfig

HEADS = Heads((2,), (False,))


class Shown(Network):
    """The features of a user are (V, A): its Q of choice 0 is V + A, of choice 1 V - A."""

    def init(self, key, inputs, heads):
        return {"critic": {"bias": jnp.float32(0.0)}}

    def apply(self, params, carry, features):
        value, advantage = features[..., 0], features[..., 1]
        return jnp.stack([advantage, -advantage], axis=-1), value + params["critic"]["bias"], carry


def shown(values, advantages):
    """Observations of one user, [time, envs, 1, 2]."""
    features = jnp.stack([jnp.array(values, jnp.float32), jnp.array(advantages, jnp.float32)], axis=-1)[:, :, None]
    return Observation(features, jnp.ones((*features.shape[:3], 2), bool))


# Slots down, environments across: nothing ends; terminated in slot 1; truncated in slot 1; its choice 0 is illegal.
TERMINATED = jnp.array([[False] * 4, [False, True, False, False], [False] * 4])
ENDED = jnp.array([[False] * 4, [False, True, True, False], [False] * 4])


def rollout():
    seen = shown([[1.0] * 4, [2.0] * 4, [3.0] * 4], [[0.5] * 4, [-0.5] * 4, [1.0] * 4])
    later = shown([[2.0] * 4, [3.0, 8.0, 8.0, 3.0], [5.0] * 4], [[-0.5] * 4, [1.0, 2.0, 2.0, 1.0], [0.0] * 4])
    mask = jnp.ones(4, bool).at[3].set(False)
    seen, later = (o._replace(mask=o.mask.at[..., 0].set(mask[None, :, None])) for o in (seen, later))
    action = jnp.ones((3, 4, 1, 1), jnp.int32)
    reward = jnp.broadcast_to(jnp.array([10.0, 20.0, 40.0])[:, None, None], (3, 4, 1))
    return Rollout(seen, action, reward, later, TERMINATED, ENDED)


@jax.jit
def prepared(r):
    return pqn.prepare({"critic": {"bias": jnp.float32(0.0)}}, Shown(), HEADS, r, 0.5, 0.2)


def targets(r):
    return np.asarray(prepared(r)[0].target)


def test_targets_by_hand():
    # max Q of the three states is 1.5, 2.5 and 4, of the last observation 5; gamma 0.5, lambda 0.2.
    end = 40 + 0.5 * 5
    one = 20 + 0.5 * (0.2 * end + 0.8 * 4)
    open_ended = [10 + 0.5 * (0.2 * one + 0.8 * 2.5), one, end]
    terminated = [10 + 0.5 * (0.2 * 20 + 0.8 * 2.5), 20, end]
    cut = 20 + 0.5 * 10  # max Q of the true last observation, 8 + 2, not of the next episode's first
    truncated = [10 + 0.5 * (0.2 * cut + 0.8 * 2.5), cut, end]
    # With choice 1 alone, its logit is the mean: max Q = V.
    one_choice = 20 + 0.5 * (0.2 * end + 0.8 * 3)
    masked = [10 + 0.5 * (0.2 * one_choice + 0.8 * 2), one_choice, end]
    expected = np.array([open_ended, terminated, truncated, masked]).T
    np.testing.assert_allclose(targets(rollout())[..., 0], expected, rtol=1e-6)


def test_with_a_fixed_horizon_the_next_slots_are_used():
    whole = jax.tree.map(lambda leaf: leaf[:, :1], rollout())  # nothing ends
    last = whole._replace(next_observation=jax.tree.map(lambda leaf: leaf[-1:], whole.next_observation))
    np.testing.assert_array_equal(targets(last), targets(whole))
    np.testing.assert_allclose(targets(last)[:, 0, 0], targets(rollout())[:, 0, 0], rtol=1e-6)


def test_the_loss_and_its_gradient_are_those_of_the_action_taken():
    batch, reported = prepared(rollout())
    q = np.array([1 - 0.5, 2 + 0.5, 3 - 1.0])  # choice 1
    expected = np.stack([q, q, q, [1.0, 2.0, 3.0]], axis=1)
    assert float(reported["q"]) == pytest.approx(expected.mean())
    bias = {"critic": {"bias": jnp.float32(0.0)}}
    of = jax.jit(jax.value_and_grad(pqn.loss), static_argnums=2)
    value, gradient = of(bias, Shown(), HEADS, pqn.single_slots(batch))
    error = np.asarray(batch.target)[..., 0] - expected
    assert float(value) == pytest.approx(0.5 * np.mean(error**2), rel=1e-5)
    assert float(gradient["critic"]["bias"]) == pytest.approx(-error.mean(), rel=1e-5)  # none through the target


class Counting(Network):
    """Its memory counts the slots of an episode, and is the value; which environment it is, is the first feature."""

    def init(self, key, inputs, heads):
        return {"actor": {"bias": jnp.float32(0.0)}}

    def start(self, shape):
        return {"slots": jnp.zeros(shape)}

    def apply(self, params, carry, features):
        slots = carry["slots"] + 1.0
        logits = jnp.zeros((*features.shape[:-1], 2)) + params["actor"]["bias"]
        return logits, 100.0 * features[..., 0] + slots, {"slots": slots}


def remembered():
    """Three slots of four environments, the memory before them 10 slots old, each environment's number its feature."""
    r = rollout()
    numbers = jnp.broadcast_to(jnp.arange(4.0)[None, :, None, None], (3, 4, 1, 2))
    seen = r.observation._replace(features=numbers)
    return r._replace(observation=seen, next_observation=seen, carry={"slots": jnp.full((4, 1), 10.0)})


@pytest.mark.parametrize("minibatches", [1, 2])
def test_with_a_memory_environments_are_learnt_whole(minibatches):
    r = remembered()

    @jax.jit
    def unrolled(r):
        """The minibatches, and the values of each as the loss has them."""
        params = {"actor": {"bias": 0.0}}
        batch, _ = pqn.prepare(params, Counting(), HEADS, r, 0.0, 0.0)
        parts = pqn.shuffle(jax.random.key(3), batch, minibatches)
        values = jax.vmap(lambda own: Counting().unroll(params, own.carry, own.features, own.ended)[1])(parts)
        return batch.target, parts, values

    target, parts, values = unrolled(r)
    np.testing.assert_array_equal(target, r.reward)  # nothing of what comes
    assert parts.features.shape == (minibatches, 3, 4 // minibatches, 1, 2)
    assert sorted(parts.features[:, 0, :, 0, 0].ravel().tolist()) == [0, 1, 2, 3]
    for part in range(minibatches):
        for column, number in enumerate(np.asarray(parts.features)[part, 0, :, 0, 0].astype(int).tolist()):
            slots = [11, 12, 1] if number in (1, 2) else [11, 12, 13]  # those whose episode ended in slot 1
            assert (np.asarray(values)[part, :, column, 0] - 100 * number).tolist() == slots


def test_without_memory_every_slot_is_a_sample():
    batch, _ = prepared(rollout())
    parts = jax.jit(partial(pqn.shuffle, minibatches=3))(jax.random.key(0), pqn.single_slots(batch))
    assert parts.target.shape == (3, 1, 4, 1)
    assert sorted(parts.target.ravel().tolist()) == sorted(batch.target.ravel().tolist())
    assert parts.target.ravel().tolist() != batch.target.ravel().tolist()
    for features, target in zip(parts.features.reshape(12, 2), parts.target.ravel(), strict=True):
        where = np.isclose(batch.target, target)[..., 0]
        assert (np.asarray(batch.features)[where][:, 0] == features).all(axis=1).any()


def test_minibatches_must_divide():
    loop = TrainConfig(envs=16, rollout=10)
    with pytest.raises(UserError, match=r"algorithm.minibatches = 7: must divide the rollout of .* = 160 samples"):
        PQN(minibatches=7).check(loop, None)
    PQN(minibatches=10).check(loop, None)
    with pytest.raises(
        UserError, match=r"algorithm.minibatches = 10: must divide the rollout of train.envs = 16 .* a memory"
    ):
        PQN(minibatches=10, network=Counting()).check(loop, None)
    PQN(minibatches=8, network=Counting()).check(loop, None)


def test_epsilon_falls_linearly_to_its_last_value():
    algorithm = PQN(epsilon=0.8, final_epsilon=0.2, exploration=0.5)
    found = [float(algorithm.epsilon_at(jnp.float32(p))) for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    np.testing.assert_allclose(found, [0.8, 0.5, 0.2, 0.2, 0.2], rtol=1e-6)


@pytest.mark.slow
def test_what_acts_is_in_the_parameters_and_what_learns_is_not():
    algorithm = PQN(network=MLP(hidden=4, layers=1), epsilon=0.7)
    agent = algorithm.init(jax.random.key(0), Inputs(2), HEADS)
    assert set(agent.params) == {"actor", "critic", "explore"}
    assert float(agent.params["explore"]["epsilon"]) == pytest.approx(0.7)
    assert len(jax.tree.leaves(agent.optimizer.mu)) == len(jax.tree.leaves(agent.params)) - 1
    observation = jax.tree.map(lambda leaf: leaf[0], rollout().observation)
    acts = jax.jit(algorithm.act, static_argnums=4)
    random = agent.params | {"explore": {"epsilon": jnp.float32(1.0)}}
    many = jax.jit(jax.vmap(lambda key, greedy: acts(random, (), key, observation, HEADS, greedy)[0], (0, None)))
    drawn = many(jax.random.split(jax.random.key(1), 200), jnp.bool_(False))
    assert 0.35 < float(drawn[:, 0].mean()) < 0.65
    assert (drawn[:, 3] == 1).all()  # choice 0 is illegal there
    best, _ = algorithm.act(random, (), jax.random.key(1), observation, HEADS, True)
    assert (many(jax.random.split(jax.random.key(1), 50), jnp.bool_(True)) == best).all()


class Named(Shown):
    """It has a part of the name that the exploration has."""

    def init(self, key, inputs, heads):
        return {"explore": {}}


def test_a_network_s_part_that_would_be_overwritten_is_refused():
    with pytest.raises(UserError, match="network Named: no part of it may have the name 'explore'"):
        PQN(network=Named()).init(jax.random.key(0), Inputs(2), HEADS)
