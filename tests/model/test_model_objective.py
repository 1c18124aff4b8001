"""Eqs. (12a), (13), (14) and line 7 of Algorithm 1, in both readings, against numbers worked by hand."""

from functools import partial

import jax.numpy as jnp
import pytest

from eco_jax.model import objective

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny

UNIT = (1.0, 1.0, 1.0)
WEIGHTS = (2.0, 3.0, 5.0)


@pytest.mark.parametrize(
    ("weights", "repaired", "printed"),
    [
        (UNIT, 0.13, -0.93),  # -(0.1 + 0.3) + 0.53; printed -0.4 - 0.53
        (WEIGHTS, 1.55, -3.75),  # -(0.2 + 0.9) + 2.65; printed -1.1 - 2.65
    ],
)
def test_eq13(weights, repaired, printed):
    assert float(objective.reward(0.1, 0.3, 0.53, *weights)) == approx(repaired)
    assert float(objective.reward_printed(0.1, 0.3, 0.53, *weights)) == approx(printed)


@pytest.mark.parametrize(("weights", "cost"), [(UNIT, -0.13), (WEIGHTS, -1.55)])
def test_eq12a_is_minus_the_repaired_reward(weights, cost):
    # 0.4 - 0.53, and 1.1 - 2.65
    assert float(objective.cost(0.1, 0.3, 0.53, *weights)) == approx(cost)


def test_eq14_and_its_extra_minus():
    # Costs (0.1 + 0.3) - 0.5 = -0.1 and (0.3 + 0.3) - 0.2 = 0.4; their mean 0.15, printed -0.15.
    samples = jnp.array([0.1, 0.3]), jnp.array([0.3, 0.3]), jnp.array([0.5, 0.2])
    assert float(objective.expected_cost(*samples, *UNIT)) == approx(0.15)
    assert float(objective.expected_cost_printed(*samples, *UNIT)) == approx(-0.15)


def test_eq13_and_eq14_as_printed_prefer_bad_service():
    # The same latency and energy (0.2 in all), QoE 0.9 or 0.1. Repaired: 0.7 > -0.1, as a cost -0.7 < 0.1.
    assert float(objective.reward(0.1, 0.1, 0.9, *UNIT)) > float(objective.reward(0.1, 0.1, 0.1, *UNIT))
    # Printed: -1.1 < -0.3
    assert float(objective.reward_printed(0.1, 0.1, 0.9, *UNIT)) < float(objective.reward_printed(0.1, 0.1, 0.1, *UNIT))
    good, bad = ((jnp.array([0.1]), jnp.array([0.1]), jnp.array([q])) for q in (0.9, 0.1))
    assert float(objective.expected_cost(*good, *UNIT)) < float(objective.expected_cost(*bad, *UNIT))
    assert float(objective.expected_cost_printed(*good, *UNIT)) > float(objective.expected_cost_printed(*bad, *UNIT))


@pytest.mark.parametrize(
    ("discount", "advantage"),
    [
        (0.9, 1.7),  # repaired: 1 + 0.9 * 3 - 2
        (1.0, 2.0),  # printed, w3 = 1: 1 + 3 - 2, undiscounted
        (0.5, 0.5),  # printed, w3 = 0.5: 1 + 1.5 - 2
    ],
)
def test_algorithm_1_line_7(discount, advantage):
    assert float(objective.temporal_difference(1.0, 2.0, 3.0, discount)) == approx(advantage)
