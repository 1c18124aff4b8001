"""PPO with a memory: its samples are whole environments, which it goes through as it acted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_env import Guess

from eco_jax.agent.algorithms import PPO, Agent, a2c, ppo
from eco_jax.agent.distribution import Heads
from eco_jax.agent.networks import Network
from eco_jax.env import Inputs
from eco_jax.train.config import TrainConfig
from eco_jax.train.loop import Learner, TrainState


class Remembering(Network):
    """Its memory is a decaying sum of the features; logits and value are linear in it."""

    def init(self, key, inputs, heads):
        actor, critic = jax.random.split(key)
        return {
            "actor": {"kernel": jax.random.normal(actor, (inputs.total, sum(heads.sizes)))},
            "critic": {"kernel": jax.random.normal(critic, (inputs.total, 1))},
        }

    def start(self, shape):
        return {"sum": jnp.zeros((*shape, 3))}

    def apply(self, params, carry, features):
        total = 0.7 * carry["sum"] + features
        return total @ params["actor"]["kernel"], (total @ params["critic"]["kernel"])[..., 0], {"sum": total}


@pytest.fixture(scope="module")
def remembered():
    """An agent with a memory, what it did in the middle of episodes of random length, and log pi as it acted.

    (params, rollout, log-probabilities [time, envs, users])
    """
    learner = Learner(Guess(fixed=False), TrainConfig(envs=4, rollout=6))
    algorithm, world, shape = PPO(network=Remembering()), {"gain": jnp.float32(1.0)}, (4, 2)

    @jax.jit
    def collected(key):
        params = Remembering().init(key, Inputs(3), learner.heads)
        carry = {"sum": jax.random.normal(key, (*shape, 3))}
        observation, env_state = jax.vmap(learner.env.reset, in_axes=(0, None))(jax.random.split(key, 4), world)
        state = TrainState(Agent(params), carry, observation, env_state, key)
        _, rollout, _ = learner._collect(algorithm, state, key, world, jnp.int32(1))
        return params, rollout

    params, rollout = collected(jax.random.key(3))
    ended = np.asarray(rollout.ended)
    assert ended[:-1].any()
    assert not ended.all(axis=1).any()  # they end at times of their own
    total, found = np.asarray(rollout.carry["sum"]), []
    for slot in range(6):
        total = 0.7 * total + np.asarray(rollout.observation.features[slot])
        logits = total @ np.asarray(params["actor"]["kernel"])
        chosen = np.take_along_axis(logits, np.asarray(rollout.action[slot]), axis=-1)[..., 0]
        found.append(chosen - np.log(np.exp(logits).sum(axis=-1)))
        total = np.where(ended[slot][:, None, None], 0.0, total)
    return params, rollout, np.stack(found)


def recalled(params, rollout):
    """The rollout's samples, environment by environment, in two minibatches."""
    heads = Heads((3,), (False,))
    batch, _ = ppo.prepare(params, Remembering(), heads, rollout, 0.9, 0.8)
    return batch, ppo.shuffle(jax.random.key(5), batch, 2)


def test_samples_of_a_memory_are_whole_environments(remembered):
    params, rollout, acted = remembered
    batch, parts = jax.jit(recalled)(params, rollout)
    np.testing.assert_allclose(batch.log_prob, acted.swapaxes(0, 1), rtol=1e-4, atol=1e-5)
    assert parts.features.shape == (2, 2, 6, 2, 3)
    together = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(4, *leaf.shape[2:]), parts)
    where = [int(np.argmin(np.abs(batch.log_prob - row).sum(axis=(1, 2)))) for row in together.log_prob]
    assert sorted(where) == list(range(4)) != where
    for mine, all_of_it in zip(jax.tree.leaves(together), jax.tree.leaves(batch), strict=True):
        np.testing.assert_array_equal(mine, np.asarray(all_of_it)[np.array(where)])


def test_the_first_minibatch_of_a_memory_is_as_it_acted(remembered):
    params, rollout, _ = remembered
    _, parts = jax.jit(recalled)(params, rollout)
    first = jax.tree.map(lambda leaf: leaf[0], parts)

    @jax.jit
    def beyond(batch):
        """Share of the samples whose ratio is not 1."""
        options = {"ratio_limit": 1e-4, "entropy_weight": 0.0}
        return ppo.loss(params, Remembering(), Heads((3,), (False,)), batch, **options)[1]["clipped"]

    assert float(beyond(first)) == 0.0
    # It can fail: an episode's end in another slot, or another memory at the beginning, is another policy.
    assert float(beyond(first._replace(ended=jnp.roll(first.ended, 1, axis=1)))) > 0.1
    assert float(beyond(first._replace(carry=jax.tree.map(jnp.zeros_like, first.carry)))) > 0.1


def test_the_first_step_of_a_memory_on_the_whole_rollout_is_that_of_a2c(remembered):
    params, rollout, _ = remembered
    shared = {"entropy_weight": 0.03, "normalise": True}
    network, heads = Remembering(), Heads((3,), (False,))

    @jax.jit
    def both(params):
        batch, _ = ppo.prepare(params, network, heads, rollout, 0.9, 0.8)
        mine = jax.grad(ppo.loss, has_aux=True)(params, network, heads, batch, ratio_limit=0.2, **shared)[0]
        return mine, jax.grad(a2c.loss, has_aux=True)(
            params, network, heads, rollout, discount=0.9, decay=0.8, **shared
        )[0]

    mine, old = both(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), mine, old)
