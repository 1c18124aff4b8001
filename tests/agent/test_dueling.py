"""Q of joint actions: the best one against exhaustive search, and random ones."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.agent import dueling
from eco_jax.agent.distribution import Heads

HEADS = Heads((3, 2, 2, 2), (False, True, True, False))
STARTS = (0, 3, 5, 7)
STATES = 300


def by_hand(logits, value, mask, action):
    """Q of one state and joint action, None where it is not legal."""
    q = value
    for start, size, gated, choice in zip(STARTS, HEADS.sizes, HEADS.gated, action, strict=True):
        legal = mask[start : start + size]
        if not legal[choice]:
            return None
        if not gated or action[0] != 0:
            q += logits[start + choice] - logits[start : start + size][legal].mean()
    return q


@pytest.fixture(scope="module")
def states():
    rng = np.random.default_rng(0)
    mask = rng.random((STATES, 9)) < 0.6
    for start, size in zip(STARTS, HEADS.sizes, strict=True):  # every head keeps a legal choice
        mask[np.arange(STATES), start + rng.integers(0, size, STATES)] = True
    return rng.normal(size=(STATES, 9)).astype(np.float32), rng.normal(size=STATES).astype(np.float32), mask


def test_the_best_joint_action_is_that_of_exhaustive_search(states):
    logits, value, mask = states
    best = np.asarray(jax.jit(partial(dueling.best, HEADS))(logits, mask))
    highest = np.asarray(jax.jit(partial(dueling.highest, HEADS))(logits, value, mask))
    found = np.asarray(jax.jit(partial(dueling.taken, HEADS))(logits, value, mask, best))
    local = 0
    for i in range(STATES):
        every = {a: by_hand(logits[i], value[i], mask[i], a) for a in product(*map(range, HEADS.sizes))}
        legal = {a: q for a, q in every.items() if q is not None}
        top = max(legal.values())
        assert legal[tuple(best[i])] == pytest.approx(top, abs=1e-5)  # KeyError where it is not legal
        assert highest[i] == pytest.approx(top, abs=1e-5)
        assert found[i] == pytest.approx(top, abs=1e-5)
        local += best[i][0] == 0
    assert 20 < local < STATES - 20  # both sides of the gate


def test_every_legal_action_has_the_q_worked_by_hand(states):
    logits, value, mask = (part[:40] for part in states)
    taken = jax.jit(partial(dueling.taken, HEADS))
    for action in product(*map(range, HEADS.sizes)):
        given = np.asarray(taken(logits, value, mask, jnp.tile(jnp.array(action), (40, 1))))
        for i in range(40):
            q = by_hand(logits[i], value[i], mask[i], action)
            assert q is None or given[i] == pytest.approx(q, abs=1e-5)


def test_what_a_gate_weighs():
    # Away gains 0.5 by the target alone and loses 1 by it; its best offloading factor makes up for that.
    heads = Heads((2, 2), (False, True))
    logits, mask = jnp.array([0.5, -0.5, 2.0, -2.0]), jnp.ones(4, bool)
    best = jax.jit(partial(dueling.best, heads))
    assert best(logits, mask).tolist() == [1, 0]
    highest = jax.jit(partial(dueling.highest, heads))
    assert float(highest(logits, jnp.float32(1.0), mask)) == pytest.approx(1.0 - 0.5 + 2.0)
    # Where that factor is not legal, the other is the only one: it has no advantage over the mean.
    assert best(logits, mask.at[2].set(False)).tolist() == [0, 1]


def test_random_actions_are_all_as_likely_and_legal():
    heads, n = Heads((3, 2), (False, True)), 20_000
    mask = jnp.tile(jnp.array([True, False, True, True, True]), (n, 1))
    logits = jnp.tile(jnp.array([0.0, 9.0, 1.0, 0.0, 1.0]), (n, 1))  # the best: choice 2, then 1
    draw = jax.jit(lambda epsilon: dueling.epsilon_greedy(heads, jax.random.key(0), logits, mask, epsilon))
    assert (np.asarray(draw(0.0)) == [2, 1]).all()
    for epsilon in (1.0, 0.4):
        pairs, counts = np.unique(np.asarray(draw(epsilon)), axis=0, return_counts=True)
        assert pairs.tolist() == [[0, 0], [0, 1], [2, 0], [2, 1]]
        # Five standard errors of a share p over n draws are 5 sqrt(p (1 - p) / n) < 0.018.
        np.testing.assert_allclose(counts / n, epsilon / 4 + np.array([0, 0, 0, 1 - epsilon]), atol=0.018)


def test_each_user_draws_for_itself():
    heads, mask = Heads((2,), (False,)), jnp.ones((64, 30, 2), bool)
    logits = jnp.broadcast_to(jnp.array([0.0, 1.0]), (64, 30, 2))
    draw = jax.jit(lambda key: dueling.epsilon_greedy(heads, key, logits, mask, 0.5))
    other = np.asarray(draw(jax.random.key(1)))[..., 0] == 0
    # Of 30 users a quarter, in every environment others: the deviation of a share over 30 draws is 0.08.
    assert (np.abs(other.mean(axis=1) - 0.25) < 0.4).all()
    assert (other.any(axis=1)).all()
    assert len(np.unique(other, axis=0)) > 60
