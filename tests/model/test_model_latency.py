"""Eq. (7) and its parts (7a) local, (7b) edge, against numbers worked by hand."""

from functools import partial

import pytest

from eco_jax.model import latency

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny

EDGE = {
    "bits": 2.8e6, "computing": 0.02, "load": 3.0, "rate_up": 1e8, "rate_down": 1.4e8, "result_bits": 1.4e5,
    "queuing": 0.002, "backhaul": 1e9,
}  # fmt: skip


def test_eq7a_local_latency_and_its_gap():
    # alpha C / f = 0.5 * 2e8 / 2e9 = 0.05 s
    nominal = float(latency.computing_latency(0.5, 2e8, 2e9))
    assert nominal == approx(0.05)
    # f~ = 0.4 GHz: 1e8 * 0.4e9 / (2e9 * 1.6e9) = 4e16 / 3.2e18 = 0.0125 s; together 0.0625 = 1e8 / 1.6e9
    gap = float(latency.computing_gap(0.5, 2e8, 2e9, 0.4e9))
    assert gap == approx(0.0125)
    assert nominal + gap == approx(0.0625)
    # Half the rate gone: as much again, 1e8 * 1e9 / (2e9 * 1e9) = 0.05 s
    assert float(latency.computing_gap(0.5, 2e8, 2e9, 1e9)) == approx(0.05)
    # A CPU at its nominal rate has no gap.
    assert float(latency.computing_gap(0.5, 2e8, 2e9, 0.0)) == 0.0


@pytest.mark.parametrize(("elsewhere", "seconds"), [(False, 0.091), (True, 0.0958)])
def test_eq7b_edge_latency(elsewhere, seconds):
    # upload 2.8e6 / 1e8 = 0.028; router 0.002; 3 tasks sharing 3 * 0.02 = 0.06; result 1.4e5 / 1.4e8 = 0.001: 0.091 s.
    # Elsewhere: another router 0.002 and the backhaul 2.8e6 / 1e9 = 0.0028: 0.0958 s.
    assert float(latency.edge_latency(**EDGE, elsewhere=elsewhere)) == approx(seconds)


def test_eq7b_server_and_its_gap():
    # beta C / f = 1e8 / 10e9 = 0.01 s; gap at f~ = 5 GHz: 1e8 * 5e9 / (10e9 * 5e9) = 0.01 s
    assert float(latency.computing_latency(0.5, 2e8, 10e9)) == approx(0.01)
    assert float(latency.computing_gap(0.5, 2e8, 10e9, 5e9)) == approx(0.01)


def test_eq7b_as_printed_is_seconds_squared_per_bit():
    # 0.02 s / 1e8 bit/s
    assert float(latency.edge_latency_printed(0.02, 1e8)) == approx(2e-10)


@pytest.mark.parametrize(
    ("beta", "density", "rate", "frequency", "expected"),
    [
        (1.0, 300.0, 1.0e8, 10e9, 2.1e-13),  # 700 KB * 300 = 2.1e5 cycles, 2.1e-5 s, / 1e8
        (0.25, 200.0, 2.0e8, 12e9, 1.4583e-14),  # 0.25 * 700 * 200 = 3.5e4, 2.91667e-6 s, / 2e8
        (1.0, 400.0, 4.0e7, 8e9, 8.75e-13),  # 2.8e5, 3.5e-5 s, / 4e7
    ],
)
def test_eq7b_as_printed_is_free_on_the_default_ranges(beta, density, rate, frequency, expected):
    computing = latency.computing_latency(beta, 700.0 * density, frequency)
    answer = float(latency.edge_latency_printed(computing, rate))
    assert answer == approx(expected, rel=1e-4)
    assert 1e-14 <= answer <= 1e-12


def test_eq7_runs_the_branches_in_parallel_and_printed_adds_them():
    # max(0.05, 0.091) + 0.014 = 0.105 s, and max(0.12, 0.091) + 0.014 = 0.134 s
    assert float(latency.total_latency(0.05, 0.091, 0.014)) == approx(0.105)
    assert float(latency.total_latency(0.12, 0.091, 0.014)) == approx(0.134)
    # 0.05 + 0.091 + 0 = 0.141 s
    assert float(latency.total_latency(0.05, 0.091, 0.0, "sum")) == approx(0.141)
    # With the migration: 0.155 s
    assert float(latency.total_latency(0.05, 0.091, 0.014, "sum")) == approx(0.155)
