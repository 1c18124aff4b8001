"""Eqs. (10), (11) against numbers worked by hand."""

from functools import partial

import pytest

from eco_jax.model import qoe

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny


@pytest.mark.parametrize(
    ("latency", "score"),
    [
        (0.5, 1.0),
        (1.0, 1.0),  # exactly L_min
        (1.5, 0.75),  # (3 - 1.5) / (3 - 1)
        (2.0, 0.5),
        (3.0, 0.0),  # exactly L_max is still on the line
        (3.5, 0.1),  # W_b
    ],
)
def test_eq11_between_1_and_3_seconds(latency, score):
    assert float(qoe.satisfaction(latency, 1.0, 3.0, 0.1)) == approx(score)


def test_eq11_at_the_default_thresholds():
    # L_min 50 ms, L_max 200 ms: (200 - 143.8) / 150 = 0.3746667
    assert float(qoe.satisfaction(0.1438, 0.05, 0.2, 0.0)) == approx(0.3746667)


@pytest.mark.parametrize(
    ("beta", "migrated", "cost"), [(0.5, True, 0.4), (0.5, False, 0.2), (1.0, True, 0.6), (0.0, False, 0.0)]
)
def test_eq10_cost_of_what_is_consumed(beta, migrated, cost):
    # 0.4 beta + 0.2 h
    assert float(qoe.consumption_cost(beta, migrated, 0.4, 0.2)) == approx(cost)


@pytest.mark.parametrize(
    ("budget", "cost", "repaired", "printed"),
    [
        (1.0, 0.4, 0.6, 0.6),
        (2.0, 0.5, 0.75, 0.75),
        (1.0, 1.5, 0.0, -0.5),  # over budget: (1 - 1.5) / 1
        (1.0, -0.5, 1.0, 1.5),  # a subsidy
    ],
)
def test_eq10_savings(budget, cost, repaired, printed):
    assert float(qoe.savings(budget, cost)) == approx(repaired)
    assert float(qoe.savings_printed(budget, cost)) == approx(printed)


def test_eq10_weighs_satisfaction_and_savings():
    # 0.7 * 0.5 + 0.3 * 0.6 = 0.35 + 0.18
    assert float(qoe.qoe(0.5, 0.6, 0.7, 0.3)) == approx(0.53)
    # Printed, over budget and late: 0.7 * 0 + 0.3 * (-0.5)
    assert float(qoe.qoe(0.0, qoe.savings_printed(1.0, 1.5), 0.7, 0.3)) == approx(-0.15)
