"""Eqs. (1) to (5), (12b), (12c): numbers worked by hand, 1 KB = 8000 bit."""

from functools import partial

import jax.numpy as jnp
import pytest

from eco_jax.model import tasks

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny

SEVEN_HUNDRED_KB = 5.6e6  # bit: 700 * 8000


@pytest.mark.parametrize(("offloaded", "shares"), [(True, (0.75, 0.25)), (False, (1.0, 0.0))])
def test_eq1_splits_a_task_between_home_and_one_server(offloaded, shares):
    # alpha + pi beta = 1 with beta = 1/4: a local task keeps all of it, whatever its beta.
    assert tasks.split(0.25, offloaded) == approx(shares)


def test_eq1_offloaded_bits():
    # T = 0.25 * 5.6e6 = 1.4e6 bit; the local part is 4.2e6 bit, together D again.
    alpha, beta = tasks.split(0.25, True)
    away, home = tasks.offloaded_bits(beta, SEVEN_HUNDRED_KB), tasks.offloaded_bits(alpha, SEVEN_HUNDRED_KB)
    assert (float(away), float(home)) == approx((1.4e6, 4.2e6))
    assert float(away + home) == approx(SEVEN_HUNDRED_KB)


@pytest.mark.parametrize(
    ("unit", "cycles"),
    [
        ("byte", 2.1e8),  # 700,000 bytes * 300
        ("kilobyte", 2.1e5),  # 700 KB * 300, as printed
        ("bit", 1.68e9),  # 5,600,000 bit * 300
    ],
)
def test_eq2_cycles_in_each_unit(unit, cycles):
    assert float(tasks.required_cycles(SEVEN_HUNDRED_KB, 300.0, unit)) == approx(cycles)


def test_eq2_is_per_byte_unless_told():
    assert float(tasks.required_cycles(8.0, 300.0)) == 300.0


def test_eq2_splits_cycles_like_data():
    # alpha C = 0.75 * 2.1e8 = 1.575e8 and beta C = 0.25 * 2.1e8 = 5.25e7 cycles, together C.
    alpha, beta = tasks.split(0.25, True)
    local, edge = (
        float(tasks.required_cycles(tasks.offloaded_bits(part, SEVEN_HUNDRED_KB), 300.0)) for part in (alpha, beta)
    )
    assert (local, edge, local + edge) == approx((1.575e8, 5.25e7, 2.1e8))


def test_the_kilobyte_of_the_paper_makes_a_task_trivial_and_the_byte_does_not():
    # 700 KB * 200, 300, 400 cycles/KB = 1.4e5, 2.1e5, 2.8e5 cycles: 0.14, 0.21, 0.28 ms at 1 GHz.
    for density, milliseconds in ((200.0, 0.14), (300.0, 0.21), (400.0, 0.28)):
        cycles = tasks.required_cycles(SEVEN_HUNDRED_KB, density, "kilobyte")
        assert float(cycles) / 1e9 == approx(milliseconds * 1e-3)
    # Per byte 2.1e8 cycles: 0.105 s at the nominal 2 GHz of a device, 0.21 s at the 1 GHz left by a slowdown of 0.5,
    # against request latencies of 0.15 to 0.25 s.
    cycles = float(tasks.required_cycles(SEVEN_HUNDRED_KB, 300.0, "byte"))
    assert (cycles / 2e9, cycles / 1e9) == approx((0.105, 0.21))


@pytest.mark.parametrize(
    ("offloaded", "server", "last", "replica", "h"),
    [
        (True, 2, 1, -1, True),  # another server than last time
        (True, 1, 1, -1, False),  # the same server
        (True, 2, -1, -1, False),  # the first offload
        (True, 2, 1, 2, False),  # the service waits there
        (True, 2, 1, 3, True),  # it waits elsewhere
        (False, -1, 1, -1, False),  # a local task
        (False, 2, 1, 3, False),
    ],
)
def test_eq4_when_a_service_migrates(offloaded, server, last, replica, h):
    answer = tasks.migrates(jnp.asarray(offloaded), jnp.int32(server), jnp.int32(last), jnp.int32(replica))
    assert bool(answer) is h


def test_eq3_is_a_cost_per_user_and_printed_a_sum_over_users():
    h = jnp.array([True, False, True])
    bits = jnp.array([1e6, 2e6, 3e6])
    # C_f = 1e-8 s/bit: 1e6 bit take 0.01 s and 3e6 bit take 0.03 s; the second user stays.
    assert tasks.migration_cost(h, bits, 1e-8).tolist() == approx([0.01, 0.0, 0.03])
    # Printed: 0.01 + 0.03 = 0.04 s for everyone.
    assert float(tasks.migration_cost_printed(h, bits, 1e-8)) == approx(0.04)


def test_eq3_as_the_twin_sees_it():
    # C_f + C~_f = 1e-8 + 1e-9: 1.4e6 bit take 0.0154 s, physically 0.014 s.
    costs = [float(tasks.migration_cost(True, 1.4e6, time)) for time in (1e-8, 1.1e-8)]
    assert costs == approx([0.014, 0.0154])


@pytest.mark.parametrize(
    ("service", "h_next", "bits", "pays"),
    [
        (3.0e6, True, 1.4e6, True),  # 5e-9 * 3.0e6 = 0.0150 s <= 1.1e-8 * 1.4e6 = 0.0154 s
        (3.2e6, True, 1.4e6, False),  # 0.0160 s > 0.0154 s
        (3.0e6, False, 1.4e6, False),  # no migration to be saved
        (3.0e6, True, 0.0, False),  # a local slot forecasts nothing
    ],
)
def test_eq5_and_eq12b_admit_a_placement_that_costs_at_most_the_migration(service, h_next, bits, pays):
    assert bool(tasks.placement_pays(service, h_next, bits, 5e-9, 1.1e-8)) is pays


def test_eq5_holds_at_equality():
    # 0.25 * 2 = 0.5 = 0.5 * 1
    assert bool(tasks.placement_pays(2.0, True, 1.0, 0.25, 0.5))
    assert not bool(tasks.placement_pays(2.5, True, 1.0, 0.25, 0.5))


@pytest.mark.parametrize(
    ("data", "twin_data", "migration", "holds"),
    [
        (SEVEN_HUNDRED_KB, SEVEN_HUNDRED_KB, 0.056, False),  # bit against s: 5.6e6 > 0.056
        (1.0, 2.0, 2.0, True),
        (3.0, 2.0, 2.0, False),  # D_j fails
        (2.0, 3.0, 2.0, False),  # the twin's fails
    ],
)
def test_eq5_and_eq12b_as_printed_compare_bits_with_seconds(data, twin_data, migration, holds):
    bits, twin_bits, seconds = jnp.array([data, twin_data, migration])
    assert bool(tasks.placement_holds_printed(bits, twin_bits, seconds)) is holds


def test_eq12c_keeps_small_tasks_at_home():
    # O_m = 650 KB = 5.2e6 bit
    answers = tasks.large_enough(jnp.array([5.1e6, 5.2e6, 5.3e6]), 5.2e6)
    assert answers.tolist() == [False, True, True]
