"""A memory where one is needed: a T-maze, which no agent without a memory solves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_up_maze import TMaze

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import GRU, MLP, where_ended
from eco_jax.train import loop
from eco_jax.train.config import TrainConfig
from eco_jax.train.evaluate import Remembering, play_episodes
from eco_jax.train.fit import fit, member
from eco_jax.train.loop import Learner

WORLD = {"gain": jnp.float32(1.0)}
MEMORY = GRU(memory=16, hidden=16, layers=1)
NONE = MLP(hidden=16, layers=1)
UPDATES = {True: 150, False: 100}
"""Of a fixed horizon, and of another."""


def learnt(network, fixed):
    """A2C in the maze, of three seeds. A rollout has at least one whole episode."""
    config = TrainConfig(updates=UPDATES[fixed], envs=128 if fixed else 64, rollout=6 if fixed else 12, chunk=50)
    algorithm = A2C(network=network, actor_lr=0.02, critic_lr=0.02, decay=0.95, entropy=0.02, final_entropy=1.0)
    keys = [jax.random.key(seed) for seed in range(3)]
    return algorithm, fit(Learner(TMaze(fixed), config), WORLD, [algorithm] * 3, keys)


def solved(metrics):
    """Share of the turns to the rewarded side, of the last 20 updates, [seeds]."""
    return metrics["solved"][-20:].sum(axis=0) / metrics["turns"][-20:].sum(axis=0)


def chance(share):
    return (abs(share - 0.5) < 0.06).all()


@pytest.mark.long
def test_a_memory_solves_it():
    _, fitted = learnt(MEMORY, fixed=False)
    assert chance(fitted.metrics["solved"][:5].sum(axis=0) / fitted.metrics["turns"][:5].sum(axis=0))
    assert (solved(fitted.metrics) > 0.95).all()


@pytest.mark.long
def test_with_a_fixed_horizon_too_and_it_is_played_with_its_memory():
    algorithm, fitted = learnt(MEMORY, fixed=True)
    assert (solved(fitted.metrics) > 0.95).all()
    env = TMaze()
    policy = Learner(env, TrainConfig(rollout=6)).policy(algorithm, member(fitted.state.agent.params, 0))
    assert isinstance(policy, Remembering)

    def played(policy):
        return 6 * float(play_episodes(env, WORLD, policy, jax.random.key(9), 64)["solved"].mean())

    def forgetful(memory, *given):
        action, _ = policy.act(memory, *given)
        return action, memory

    assert played(policy) > 0.97
    assert chance(np.array(played(policy._replace(act=forgetful))))


@pytest.mark.long
@pytest.mark.parametrize("fixed", [True, False])
def test_without_a_memory_nobody_does(fixed):
    assert chance(solved(learnt(NONE, fixed)[1].metrics))


class Late(GRU):
    """Learns with a memory that is begun anew one slot after an episode ended: when the sign was seen."""

    def unroll(self, params, carry, features, ended):
        return super().unroll(params, carry, features, jnp.roll(ended, 1, axis=0))


@pytest.mark.long
def test_it_does_not_learn_with_the_ends_in_other_slots():
    assert chance(solved(learnt(Late(memory=16, hidden=16, layers=1), fixed=True)[1].metrics))


class Kept(GRU):
    """The same network; its program is not taken from those compiled before."""


@pytest.mark.long
def test_a_memory_that_outlives_an_episode_misleads(monkeypatch):
    """It acts with the memory of the episode before, and learns as if it had begun with a fresh one."""

    def but_for_the_memory(ended, fresh, now):
        return now[0], *where_ended(ended, fresh[1:], now[1:])

    monkeypatch.setattr(loop, "where_ended", but_for_the_memory)
    _, fitted = learnt(Kept(memory=16, hidden=16, layers=1), fixed=False)
    assert (solved(fitted.metrics) < 0.7).all()
