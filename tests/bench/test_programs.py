"""What is timed does the work that it says."""

import jax
import jax.numpy as jnp
import pytest

from eco_jax.agent.algorithms import A2C
from eco_jax.agent.networks import MLP
from eco_jax.bench import programs
from eco_jax.env import Environment, make
from eco_jax.train.config import TrainConfig
from eco_jax.train.loop import Learner

SMALL = TrainConfig(envs=2, rollout=3, updates=2)
NETWORK = MLP(hidden=8, layers=2)


def learner():
    env, params = make("tiny")
    return Learner(env, SMALL), params


def test_programs_count_their_steps():
    agent, _ = learner()
    assert programs.network_alone(agent, NETWORK, 5, 2).run() == 2 * 2 * 3
    assert programs.sampling(agent, 2).run() == 2 * 2 * 3
    assert programs.matmul(4, 3, 5, count=2).run() == 2 * 2 * (2 * 4 * 3 * 5)
    assert programs.copy(4000, count=3).run() == 2 * 3 * 4000


@pytest.mark.long
def test_the_environment_moves_on_from_repeat_to_repeat():
    agent, params = learner()
    program = programs.environment(agent.env, params, 2, 2, analyse=True)
    assert program.run() == program.run() == 4
    assert program.costs["flops"] > 1000
    assert program.costs["bytes accessed"] > 1000
    assert program.compile_s > 0
    assert program.memory_bytes > 0


def test_flops_of_the_network_by_hand():
    # Two hidden layers of 8 on, say, 68 features, 13 choices: actor 68*8 + 64 + 8*13 = 712, critic 68*8 + 64 + 8 = 616.
    # Rolling out 712; forwards 1328; backwards 2 * 1328 - 2 * 68 * 8 = 1568. 3 users, two flops each.
    agent, _ = learner()
    assert programs.network_flops(agent, NETWORK, 68) == 2 * 3 * (712 + 1328 + 1568)


@pytest.mark.long
def test_the_idle_environment_has_the_shapes_of_the_one_it_stands_for():
    agent, params = learner()
    width = jax.eval_shape(agent.env.reset, jax.random.key(0), params)[0].features.shape[1]
    idle = programs.DummyEnv(agent.env, width)
    assert isinstance(idle, Environment)
    for env, numbers in ((agent.env, params), (idle, {})):
        observation, state = jax.jit(env.reset)(jax.random.key(0), numbers)
        assert observation.features.shape == (3, width)
        assert observation.mask.shape == (3, 13)
        new, _, reward, terminated, truncated, info = jax.jit(env.step)(
            jax.random.key(1), state, jnp.zeros((3, 4), jnp.int32), numbers
        )
        assert new.features.shape == (3, width)
        assert reward.shape == (3,)
        assert not terminated
        assert not truncated
        assert "reward" in info["metrics"]
    assert programs.training(Learner(idle, SMALL), A2C(network=NETWORK), {}, 2, 2).run() == 2 * 2 * 2 * 3
