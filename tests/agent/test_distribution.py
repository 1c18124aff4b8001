"""The masked, factorised policy."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eco_jax.agent import distribution
from eco_jax.agent.distribution import Heads, log_prob_and_entropy, mode, sample

HEADS = Heads((3, 2), (False, True))


def test_log_probability_and_entropy_by_hand():
    # Head 0: probabilities 1/2, 1/4, 1/4; head 1: 3/4, 1/4, of effect unless head 0 chose 0.
    logits = jnp.log(jnp.array([2.0, 1.0, 1.0, 3.0, 1.0]))
    mask = jnp.ones(5, bool)
    log_prob, entropy = log_prob_and_entropy(HEADS, logits, mask, jnp.array([1, 1]))
    np.testing.assert_allclose(log_prob, np.log(1 / 4 * 1 / 4), rtol=1e-6)
    gated, _ = log_prob_and_entropy(HEADS, logits, mask, jnp.array([0, 1]))
    np.testing.assert_allclose(gated, np.log(1 / 2), rtol=1e-6)
    # H0 = 1.5 ln 2 = 1.0397; H1 = 0.75 ln(4/3) + 0.25 ln 4 = 0.5623; H = H0 + (1 - 1/2) H1 = 1.3209
    np.testing.assert_allclose(entropy, 1.0397208 + 0.5 * 0.5623351, rtol=1e-5)


def test_probabilities_of_all_effective_actions_sum_to_one():
    logits = jax.random.normal(jax.random.key(0), (5,))
    mask = jnp.array([True, False, True, True, True])
    actions = jnp.array([[0, 0], [2, 0], [2, 1]])  # with head 0 at 0, head 1 is of no effect: one outcome
    log_prob, _ = log_prob_and_entropy(HEADS, jnp.tile(logits, (3, 1)), jnp.tile(mask, (3, 1)), actions)
    np.testing.assert_allclose(np.exp(log_prob).sum(), 1.0, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.lists(st.booleans(), min_size=5, max_size=5))
def test_masked_choices_are_never_taken(seed, flags):
    flags[0] = flags[3] = True  # every head keeps a legal choice
    mask = jnp.tile(jnp.array(flags), (256, 1))
    logits = 5.0 * jax.random.normal(jax.random.key(seed), (256, 5))
    for action in (sample(HEADS, jax.random.key(seed + 1), logits, mask), mode(HEADS, logits, mask)):
        assert mask[jnp.arange(256), action[:, 0]].all()
        assert mask[jnp.arange(256), 3 + action[:, 1]].all()


def test_sampling_follows_the_probabilities():
    logits = jnp.log(jnp.array([2.0, 1.0, 1.0, 3.0, 1.0]))
    n = 20_000
    action = sample(HEADS, jax.random.key(3), jnp.tile(logits, (n, 1)), jnp.ones((n, 5), bool))
    # Five standard errors of a share p over n draws are 5 sqrt(p (1 - p) / n) < 0.018.
    np.testing.assert_allclose(np.bincount(action[:, 0], minlength=3) / n, [0.5, 0.25, 0.25], atol=0.018)
    np.testing.assert_allclose(np.bincount(action[:, 1], minlength=2) / n, [0.75, 0.25], atol=0.018)


def test_mode_is_the_most_likely_of_each_head():
    assert mode(HEADS, jnp.array([0.0, 2.0, 1.0, 0.0, 1.0]), jnp.ones(5, bool)).tolist() == [1, 1]


def test_gradients_stay_finite_where_choices_are_masked():
    mask = jnp.array([True, False, False, True, False])

    def total(logits):
        log_prob, entropy = log_prob_and_entropy(HEADS, logits, mask, jnp.array([0, 0]))
        return log_prob + entropy

    assert np.isfinite(jax.grad(total)(jnp.array([0.0, 50.0, -50.0, 1.0, 3.0]))).all()


def test_choices_are_the_same_whichever_axis_is_first():
    logits = jax.random.normal(jax.random.key(0), (3, 4, 5))
    weights = jax.random.normal(jax.random.key(1), (5, 3, 4))

    def total(logits, split):
        return sum(jnp.sum(weight * row**2) for weight, row in zip(weights, split(logits), strict=True))

    for split in (distribution._choices_first, distribution._by_choice):
        np.testing.assert_array_equal(jnp.stack(split(logits)), jnp.stack(distribution._choices_last(logits)))
        gradient = jax.grad(total)(logits, split)
        np.testing.assert_allclose(gradient, 2.0 * logits * jnp.moveaxis(weights, 0, -1), rtol=1e-6)
