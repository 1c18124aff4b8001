"""What may be chosen, and what becomes of what may not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import programs, world
from numpy.testing import assert_allclose, assert_array_equal

from eco_jax.agent.distribution import Heads, sample
from eco_jax.env import EcoEnv
from eco_jax.env.action import interpret
from eco_jax.env.observe import legal_candidates, mask, view


@pytest.fixture(scope="module")
def base():
    return world()


def at_distances(state, distance):
    return state._replace(place=state.place._replace(distance=jnp.asarray(distance, jnp.float32)))


DISTANCES = [[100, 140, 900], [150, 151, 900], [150.5, 150.6, 900], [10, 20, 30]]


@pytest.mark.parametrize(
    ("coverage", "access", "expected"),
    [
        ("soft", "nearest", [[1, 1, 1]] * 4),
        ("hard", "nearest", [[1, 1, 1], [1, 1, 1], [0, 0, 0], [1, 1, 1]]),  # the access server decides
        ("hard", "direct", [[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1]]),  # each by its own distance
    ],
)
def test_coverage(base, coverage, access, expected):
    params = world(coverage=coverage, access=access).params
    state = at_distances(base.reset()[1], DISTANCES)
    legal = legal_candidates(state, params)
    assert legal.tolist() == np.array(expected, bool).tolist()


@pytest.mark.long
def test_radius_is_a_parameter():
    wide = world(coverage="hard", radius=1000)
    state = at_distances(wide.reset()[1], DISTANCES)
    assert np.asarray(legal_candidates(state, wide.params)).all()


def test_minimum_task(base):
    # Eq. (12c) at 700 KB = 5.6e6 bit: less may not be offloaded, as much may.
    large = world(task_min=700)
    _, state = large.reset()
    state = state._replace(task=state.task._replace(data=jnp.array([5.0e6, 5.599e6, 5.6e6, 6.4e6])))
    seen = view(state, large.params)
    assert seen.legal.tolist() == [[False] * 3] * 2 + [[True] * 3] * 2
    _, new, *_ = large.step(state, [[1, 3, 0, 0]] * 4)
    assert (new.memory.server >= 0).tolist() == [False, False, True, True]
    # It binds on drawn tasks as well: a share of about one half, none at the default.
    drawn = np.stack([np.asarray(large.reset(seed)[0].mask[:, 1]) for seed in range(50)])
    assert 0.3 < drawn.mean() < 0.7
    assert np.asarray(base.reset()[0].mask[:, 1:4]).all()


def test_layout_of_the_mask(base):
    hard = world("hard-coverage")
    state = at_distances(hard.reset()[1], DISTANCES)
    seen = view(state, hard.params)
    choices = np.asarray(mask(hard.env.config, seen))
    # Target (local and 3 candidates), four factors, cache no/yes, sync no/yes.
    free = [1] * 4 + [1, 1] + [1, 1]
    assert choices.astype(int).tolist() == [[1, 1, 1, 1, *free]] * 2 + [[1, 0, 0, 0, *free]] + [[1, 1, 1, 1, *free]]
    assert choices.shape[1] == sum(hard.env.heads)


@pytest.mark.parametrize("knowledge", ["telemetry", "forecast", "twin"])
def test_masked_choices_are_never_sampled(knowledge):
    hard = world("hard-coverage", knowledge=knowledge)
    state = at_distances(hard.reset()[1], DISTANCES)
    choices = mask(hard.env.config, view(state, hard.params))
    heads = Heads(hard.env.heads, hard.env.gated)
    # The network is all for what is forbidden.
    logits = jnp.where(choices, 0.0, 20.0)
    draw = jax.jit(jax.vmap(lambda key: sample(heads, key, logits, choices)))
    actions = np.asarray(draw(jax.random.split(jax.random.key(0), 2000)))
    seen = np.zeros(choices.shape, bool)
    start = 0
    for head, size in enumerate(hard.env.heads):
        for choice in range(size):
            seen[:, start + choice] = (actions[:, :, head] == choice).any(axis=0)
        start += size
    # Of 2000 draws every legal choice turns up (at least 1/4 each), and no other.
    assert_array_equal(seen, choices)


@pytest.mark.parametrize("target", [-5, -1, 4, 99])
def test_a_target_out_of_range_counts_as_local(base, target):
    _, state = base.reset()
    wrong, home = (base.step(state, [[t, 3, 1, 0]] + [[1, 3, 0, 0]] * 3) for t in (target, 0))
    for a, b in zip(jax.tree.leaves(wrong), jax.tree.leaves(home), strict=True):
        assert_array_equal(a, b)
    assert int(wrong[1].memory.server[0]) == -1


def test_an_uncovered_target_counts_as_local():
    hard = world("hard-coverage")
    state = at_distances(hard.reset()[1], DISTANCES)
    wrong, home = (hard.step(state, [[1, 3, 0, 0], [1, 3, 0, 0], [t, 3, 1, 0], [1, 3, 0, 0]]) for t in (2, 0))
    for a, b in zip(jax.tree.leaves(wrong), jax.tree.leaves(home), strict=True):
        assert_array_equal(a, b)
    assert (wrong[1].memory.server >= 0).tolist() == [True, True, False, True]


@pytest.mark.parametrize("column", [2, 3])
@pytest.mark.parametrize("value", [-1, 2, 7])
def test_cache_and_sync_out_of_range_count_as_no(base, column, value):
    _, state = base.reset()
    action = np.array([[1, 3, 0, 0]] * 4)
    action[:, column] = value
    act = interpret(base.env.config, state, jnp.asarray(action), base.params)
    assert not np.asarray(act.cache).any()
    assert not np.asarray(act.sync).any()


@pytest.mark.parametrize("level", [-3, 4, 50])
def test_a_factor_out_of_range_stays_within_the_levels(base, level):
    _, state = base.reset()
    act = interpret(base.env.config, state, jnp.array([[1, level, 0, 0]] * 4), base.params)
    assert set(np.asarray(act.beta).tolist()) <= {0.0, 0.25, 0.5, 0.75, 1.0}


def test_a_local_task_has_no_factor_server_or_cache(base):
    _, state = base.reset()
    act = interpret(base.env.config, state, jnp.array([[0, 3, 1, 1]] * 4), base.params)
    assert not np.asarray(act.offloaded | act.cache).any()
    assert_allclose(act.beta, 0.0)
    assert act.server.tolist() == [-1] * 4
    assert np.asarray(act.sync).all()  # a sync has an effect on local tasks, too


def test_heads():
    env = EcoEnv(world().env.config)
    assert env.heads == (4, 4, 2, 2)
    assert env.gated == (False, True, True, False)
    assert env.agents == 4
    assert env.fixed_horizon == 5
    assert programs(env) is programs(world().env)  # hashable: equal settings are one program
