"""Slowdowns, beliefs, and the discrepancy of Eqs. (9), (12d), against numbers worked by hand.

Of the normal distribution: Phi(1) = 0.8413447, so that 2 Phi(1) - 1 = 0.6826895.
"""

from functools import partial

import pytest

from eco_jax.model import twin

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny

ONE_SIGMA = 0.7730758  # 0.5 * (1 + 0.8 * 0.6826895)


@pytest.mark.parametrize(
    ("workload", "actual", "estimated", "true", "printed"),
    [
        # -(0.2) / (1 * 1.2) = -1/6, which is 1/1.2 - 1/1; printed -(0.2) / (1 * 2.2) = -1/11
        (1.0, 1.0, 1.2, -0.1666667, -0.0909091),
        # Underestimated: 0.2 / (1 * 0.8) = 0.25 = 1/0.8 - 1; printed 0.2 / 1.8 = 1/9
        (1.0, 1.0, 0.8, 0.25, 0.1111111),
        # 1e8 cycles, 5 GHz taken for 4: 25 ms - 20 ms = 5 ms; printed 1e8 * 1e9 / (5e9 * 9e9) = 2.222222 ms
        (1e8, 5e9, 4e9, 0.005, 0.002222222),
        # A perfect estimate
        (1e8, 5e9, 5e9, 0.0, 0.0),
    ],
)
def test_eq9_and_eq12d(workload, actual, estimated, true, printed):
    assert float(twin.discrepancy(workload, actual, estimated)) == approx(true)
    assert float(twin.discrepancy_printed(workload, actual, estimated)) == approx(printed)


@pytest.mark.parametrize(
    ("x", "delta"),
    [
        (0.0, 0.5),
        (1.0, ONE_SIGMA),
        (-1.0, 0.2269242),  # 0.5 * (1 - 0.8 * 0.6826895)
        (10.0, 0.9),  # 0.5 * 1.8
        (-10.0, 0.1),  # 0.5 * 0.2
    ],
)
def test_slowdown(x, delta):
    assert float(twin.slowdown(x, 0.5, 0.8)) == approx(delta)


def test_next_fluctuation():
    # rho = 0.6, sqrt(1 - 0.36) = 0.8: 0.6 * 2 + 0.8 * (-1) = 0.4
    assert float(twin.next_fluctuation(2.0, -1.0, 0.6)) == approx(0.4)
    # Frozen and memoryless
    assert float(twin.next_fluctuation(2.0, -1.0, 1.0)) == 2.0
    assert float(twin.next_fluctuation(2.0, -1.0, 0.0)) == -1.0


def test_age():
    # m: 0.6 * 2 = 1.2; v: 0.36 * 0.5 + 1 - 0.36 = 0.82
    assert [float(a) for a in twin.age(2.0, 0.5, 0.6)] == approx([1.2, 0.82])
    # The prior stays as it is.
    assert [float(a) for a in twin.age(0.0, 1.0, 0.6)] == approx([0.0, 1.0])


@pytest.mark.parametrize(
    ("mean", "variance", "reading", "error", "after"),
    [
        (0.0, 1.0, 2.0, 1.0, (1.0, 0.5)),  # gain 1 / 2
        (1.0, 0.25, 3.0, 0.5, (2.0, 0.125)),  # gain 0.25 / 0.5
        (0.0, 1.0, 1.0, 0.3, (0.9174312, 0.0825688)),  # one sync of the prior: gain 1 / 1.09
        (1.0, 0.75, 3.0, 0.5, (2.5, 0.1875)),  # gain 0.75 / 1
        (0.5, 0.0, 3.0, 0.5, (0.5, 0.0)),  # known exactly
        (0.5, 1.0, 3.0, 0.0, (3.0, 0.0)),  # measured exactly
        (0.5, 0.0, 3.0, 0.0, (0.5, 0.0)),  # both: gain 0 by definition
    ],
)
def test_measure(mean, variance, reading, error, after):
    assert [float(a) for a in twin.measure(mean, variance, reading, error)] == approx(after)


@pytest.mark.parametrize(
    ("mean", "variance", "expected"),
    [
        (0.0, 1.0, 0.5),  # the prior
        (1.2, 0.44, ONE_SIGMA),  # 1.2 / sqrt(1.44) = 1
        (1.5, 1.25, ONE_SIGMA),  # 1.5 / sqrt(2.25) = 1
        (1.0, 0.0, ONE_SIGMA),  # x is known
    ],
)
def test_expected_slowdown(mean, variance, expected):
    assert float(twin.expected_slowdown(mean, variance, 0.5, 0.8)) == approx(expected)
