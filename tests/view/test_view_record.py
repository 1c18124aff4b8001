"""What is recorded is the episode that an evaluation plays, and what the step says of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from episodes import played, world

from eco_jax.env.policies import as_policy, named
from eco_jax.train.config import PLAYED
from eco_jax.train.evaluate import Remembering, episode_key, play_episodes
from eco_jax.view.record import age, record


@pytest.mark.slow  # compiles the evaluation and the recording
@pytest.mark.parametrize("level", ["none", "twin"])
def test_it_is_the_episode_of_an_evaluation(level):
    env, params = world()
    policy = as_policy(env, named()["greedy"])
    means = jax.jit(lambda p: play_episodes(env, p, policy, jax.random.key(PLAYED), 2))(params.with_knowledge(level))
    found = played(f"greedy-{level}").record.metrics
    for name in found:
        np.testing.assert_allclose(found[name].mean(), means[name][0], rtol=1e-5, atol=1e-7)
    assert found["reward"].mean() != pytest.approx(float(means["reward"][1]))  # the other episode


def test_a_memory_begins_anew_and_goes_on():
    """A policy whose action depends on how many slots it remembers."""
    env, params = world()

    def act(memory, key, observation, state, params):
        action = jnp.zeros((env.agents, 4), int).at[:, 0].set(memory % 2)
        return action, memory + 1

    key = jax.random.key(5)
    found = record(env, params, lambda start: Remembering(start, act), jnp.asarray(1), episode_key(key, 0))
    assert (np.asarray(found.server >= 0).all(axis=1) == [True, False] * 3).all()


def test_what_the_step_says_and_what_is_computed_again_agree():
    r = played().record
    assert r.server.shape == (6, 3)
    d, out = r.decision, r.outcome
    np.testing.assert_allclose(out.energy, sum(out.terms), rtol=1e-5)
    np.testing.assert_allclose(d.migrates.mean(axis=1), r.metrics["migrations"], rtol=1e-6)
    np.testing.assert_allclose(d.synced.mean(axis=1), r.metrics["syncs"], rtol=1e-6)
    np.testing.assert_allclose(d.placed.mean(axis=1), r.metrics["placements"], rtol=1e-6)
    np.testing.assert_allclose((r.server >= 0).mean(axis=1), r.metrics["offloaded"], rtol=1e-6)
    assert (r.load.sum(axis=1) == (r.server >= 0).sum(axis=1)).all()
    assert ((out.terms.synchronisation > 0) == d.synced).all()
    assert (r.devices.low <= r.devices.believed).all()
    assert (r.devices.believed <= r.devices.high).all()
    # The next slot's last server is this one's, where there was one.
    moved = np.where(r.server[:-1] >= 0, r.server[:-1], r.last_server[:-1])
    assert (r.last_server[1:] == moved).all()


def test_a_cpu_is_measured_where_a_task_ran_and_at_no_level_without_memory():
    r = played().record
    executed = r.load > 0
    assert (r.servers.measured == (executed | r.synced)).all()
    assert not played("greedy-none").record.servers.measured.any()
    assert not played("greedy-none").record.devices.measured.any()


def test_the_truth_is_believed_at_the_level_that_sees_it():
    speeds = played("greedy-truth").record.servers
    np.testing.assert_allclose(speeds.true, speeds.believed, rtol=1e-6)
    blind = played("greedy-none").record.servers
    np.testing.assert_allclose(blind.true, speeds.true, rtol=1e-6)  # the same episode
    assert (blind.believed == blind.believed[0]).all()
    assert (blind.true != blind.true[0]).any()


def test_the_age_of_a_belief_counts_from_the_last_measurement():
    measured = np.array([[0, 1], [1, 0], [0, 0], [0, 1], [0, 0]], bool)
    assert age(measured).tolist() == [[-1, -1], [-1, 1], [1, 2], [2, 3], [3, 1]]
