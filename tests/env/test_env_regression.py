"""The default world gives what an independent implementation of its description gives."""

import jax
import pytest

from eco_jax.env import KNOWLEDGE, make, policies
from eco_jax.train.evaluate import play_episodes

EPISODES = 64
# Four standard errors of 64 episodes of 60 slots and 30 users.
ENERGY, REWARD = 4 * 0.003, 4 * 0.008


@pytest.fixture(scope="module")
def run():
    """Play a rule at a level of knowledge, which is data: one program for each rule."""
    env, _ = make()
    params = {level: make(knowledge=level)[1] for level in KNOWLEDGE}
    rules = policies.named() | {
        "greedy-plain": policies.Greedy(cache=False),
        "greedy-sync": policies.Greedy(cache=False, sync=policies.Clock()),
    }

    def one(rule):
        policy = policies.as_policy(env, rules[rule])
        return jax.jit(lambda key, params: play_episodes(env, params, policy, key, EPISODES))

    programs = {rule: one(rule) for rule in ("local", "nearest-full", "greedy-plain", "greedy-sync")}
    return lambda rule, level: programs[rule](jax.random.key(2024), params[level])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "knowledge", "energy", "reward"),
    [
        ("local", "none", 0.296, -0.171),
        ("nearest-full", "none", 0.364, -0.236),
        ("greedy-plain", "none", 0.310, 0.082),
        ("greedy-plain", "telemetry", 0.235, 0.255),
        ("greedy-plain", "truth", 0.217, 0.302),
        ("greedy-sync", "twin", 0.235, 0.263),
    ],
)
def test_reference_values(run, rule, knowledge, energy, reward):
    means = {name: float(value.mean()) for name, value in run(rule, knowledge).items()}
    assert abs(means["energy"] - energy) < ENERGY, means
    assert abs(means["reward"] - reward) < REWARD, means
