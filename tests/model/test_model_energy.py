"""The terms of Eq. (8) against numbers worked by hand."""

from functools import partial

import jax.numpy as jnp
import pytest

from eco_jax.model import energy

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny


@pytest.mark.parametrize(
    ("rate", "power", "joules"),
    [
        (5e9, 5.0, 0.1),  # server: 0.5 * 2e8 cycles at 5 GHz take 0.02 s, * 5 W
        (1e9, 1.0, 0.1),  # device: 0.1 s at 1 GHz, * 1 W
        (4e9, 1.0, 0.025),
    ],
)
def test_eq8_computing_is_power_times_time_at_the_actual_rate(rate, power, joules):
    assert float(energy.computing_energy(0.5, 2e8, rate, power)) == approx(joules)


def test_eq8_computing_as_printed_adds_the_deviation():
    # Server: 1e8 * 5 / (10e9 + 5e9) = 5e8 / 1.5e10 = 1/30
    assert float(energy.computing_energy_printed(0.5, 2e8, 10e9, 5e9, 5.0)) == approx(1 / 30)
    # Device, no power: 1e8 / (2e9 + 0.5e9) = 0.04, in seconds
    assert float(energy.computing_energy_printed(0.5, 2e8, 2e9, 0.5e9, 1.0)) == approx(0.04)


def test_eq8_as_printed_rewards_a_slow_cpu_and_the_repair_does_not():
    # 2e8 cycles at 10 GHz less 0 and less 5 GHz. Printed: 0.1 J falls to 1/15 J. Repaired: 0.1 J rises to 0.2 J.
    printed = [float(energy.computing_energy_printed(1.0, 2e8, 10e9, gone, 5.0)) for gone in (0.0, 5e9)]
    repaired = [float(energy.computing_energy(1.0, 2e8, 10e9 - gone, 5.0)) for gone in (0.0, 5e9)]
    assert printed == approx([0.1, 1 / 15])
    assert repaired == approx([0.1, 0.2])


def test_cmos_energy_grows_with_the_square_of_the_rate():
    # 1e8 cycles * 4e-29 * (5e9)^2 = 1e8 * 1e-9 = 0.1 J, as at 5 W; at 10 GHz four times that
    assert float(energy.computing_energy_cmos(0.5, 2e8, 5e9, 4e-29)) == approx(0.1)
    assert float(energy.computing_energy_cmos(0.5, 2e8, 10e9, 4e-29)) == approx(0.4)
    # Device: 1e8 * 1e-27 * (1e9)^2 = 0.1 J
    assert float(energy.computing_energy_cmos(0.5, 2e8, 1e9, 1e-27)) == approx(0.1)


def test_eq8_communication_is_power_times_time_on_air():
    # E_up: 0.4 W * 2.8e6 / 1e8 s = 0.0112 J; E_comm: 0.2 W, 0.0056 J; E_down: 1 W * 1.4e5 / 1.4e8 = 0.001 J
    assert float(energy.transmit_energy(2.8e6, 1e8, 0.4)) == approx(0.0112)
    assert float(energy.transmit_energy(2.8e6, 1e8, 0.2)) == approx(0.0056)
    assert float(energy.transmit_energy(1.4e5, 1.4e8, 1.0)) == approx(0.001)


def test_eq8_switched_terms():
    assert energy.switched(jnp.array([True, False]), 0.02).tolist() == approx([0.02, 0.0])


def test_eq8_is_the_sum_of_nine_terms():
    # 1 + 2 + 4 + ... + 256 = 511: every term counts once.
    terms = energy.EnergyTerms(*(2.0**k for k in range(9)))
    assert terms._fields == (
        "edge", "receive", "local", "uplink", "downlink", "migration", "placement", "prediction", "synchronisation",
    )  # fmt: skip
    assert float(terms.total()) == 511.0
