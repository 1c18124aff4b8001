"""What must hold of the equations whatever the numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from eco_jax.env import make
from eco_jax.env.outcome import Cpu, Decision, outcome_of
from eco_jax.model import latency, qoe, radio, tasks, twin

checked = settings(max_examples=60, deadline=None)


def between(low, high):
    """fp32 numbers, which is what the functions compute in; no subnormal ones, which XLA may flush to zero."""
    return st.floats(float(np.float32(low)), float(np.float32(high)), width=32, allow_subnormal=False)


share = between(0, 1)
slowdowns = between(0, 0.9)
fluctuations = between(-4, 4)
variances = between(0, 1)
errors = between(0, 3)
correlations = between(0, 1)

# Tasks, links and CPUs, well beyond the default ranges
task = st.fixed_dictionaries(
    {
        "data": between(1e3, 1e8),
        "cycles": between(1e3, 1e10),
        "deadline": between(0.06, 1),
        "power": between(0, 10),
        "rate_up": between(1e4, 1e10),
        "rate_down": between(1e4, 1e10),
        "migration_time": between(0, 1e-6),
    }
)
cpus = st.fixed_dictionaries(
    {
        "device": between(1e8, 1e10),
        "device_slowdown": slowdowns,
        "server": between(1e8, 1e11),
        "server_slowdown": slowdowns,
    }
)
decisions = st.fixed_dictionaries({
    "offloaded": st.booleans(), "beta": share, "elsewhere": st.booleans(), "migrates": st.booleans(),
    "placed": st.booleans(), "synced": st.booleans(), "load": st.integers(1, 200),
})  # fmt: skip

computing_latency, computing_gap, edge_latency, slowdown, expected_slowdown, measure, age, next_fluctuation = map(
    jax.jit,
    (
        latency.computing_latency, latency.computing_gap, latency.edge_latency, twin.slowdown, twin.expected_slowdown,
        twin.measure, twin.age, twin.next_fluctuation,
    ),
)  # fmt: skip


@jax.jit
def _evaluate(params, task, cpus, decision):
    return outcome_of(
        params, **task,
        device=Cpu(cpus["device"], cpus["device_slowdown"] * cpus["device"]),
        server=Cpu(cpus["server"], cpus["server_slowdown"] * cpus["server"]),
        decision=Decision(**decision),
    )  # fmt: skip


WORLDS = {reading: make(reading) for reading in ("repaired", "printed")}


def outcome(reading, task, cpus, decision, **prices):
    _, params = WORLDS[reading]
    params = params if not prices else make(reading, **prices)[1]
    return jax.device_get(_evaluate(params, task, cpus, {**decision, "load": float(decision["load"])}))


# Tasks and latency


@checked
@given(share, st.booleans())
def test_the_shares_of_a_task_sum_to_one(beta, offloaded):
    alpha, away = (float(part) for part in tasks.split(beta, offloaded))
    assert alpha + away == pytest.approx(1.0, abs=1e-6)
    assert 0.0 <= alpha <= 1.0
    assert away == (beta if offloaded else 0.0)


@checked
@given(task, cpus, decisions, st.sampled_from(["rate_up", "rate_down"]), between(1.01, 100))
def test_latency_never_rises_with_the_rate_of_a_link(task, cpus, decision, link, factor):
    before = outcome("repaired", task, cpus, decision)
    after = outcome("repaired", task | {link: task[link] * factor}, cpus, decision)
    assert after.latency <= before.latency * (1 + 1e-6)
    assert after.energy <= before.energy * (1 + 1e-6)


@checked
@given(between(1e5, 1e8), between(1e5, 1e10), between(1.01, 100))
def test_edge_latency_falls_by_the_time_saved_on_air(bits, rate, factor):
    slow, fast = (float(edge_latency(bits, 0.0, 1.0, r, 1e9, 0.0, False, 0.0, 1e9)) for r in (rate, rate * factor))
    assert fast < slow
    assert fast * factor == pytest.approx(slow, rel=1e-5, abs=0.0)


@checked
@given(task, cpus, decisions, st.sampled_from(["device", "server"]), between(1.01, 100), st.sampled_from([*WORLDS]))
def test_latency_never_rises_with_a_cpu_rate(task, cpus, decision, which, factor, reading):
    before = outcome(reading, task, cpus, decision)
    after = outcome(reading, task, cpus | {which: cpus[which] * factor}, decision)
    assert after.latency <= before.latency * (1 + 1e-5)


@checked
@given(between(0.01, 1), between(1e3, 1e10), between(1e8, 1e11), slowdowns, between(0.01, 0.09))
def test_computing_time_is_that_of_the_actual_rate(part, cycles, frequency, delta, more):
    def seconds(gone):
        return float(
            computing_latency(part, cycles, frequency) + computing_gap(part, cycles, frequency, gone * frequency)
        )

    assert seconds(delta) == pytest.approx(part * cycles / (frequency * (1 - delta)), rel=1e-4, abs=0.0)
    assert seconds(delta + more) > seconds(delta)


@checked
@given(task, cpus, decisions)
def test_branches_in_parallel_never_take_longer_than_one_after_the_other(task, cpus, decision):
    _, params = make(combine="sum")
    summed = _evaluate(params, task, cpus, {**decision, "load": float(decision["load"])})
    assert outcome("repaired", task, cpus, decision).latency <= float(summed.latency) * (1 + 1e-6)


@checked
@given(between(1e3, 1e9), between(0, 10), between(0, 1), between(0, 16), between(1e-15, 1), between(1, 5000))
def test_rates_are_not_negative_and_rise_with_power(bandwidth, power, gain, fading, noise, distance):
    weak = (
        radio.rate(bandwidth, power, gain, fading, noise),
        radio.rate_printed(bandwidth, power, gain, fading, noise, distance, 1.0),
    )
    strong = (
        radio.rate(bandwidth, 2 * power, gain, fading, noise),
        radio.rate_printed(bandwidth, 2 * power, gain, fading, noise, distance, 1.0),
    )
    assert all(0.0 <= float(a) <= float(b) for a, b in zip(weak, strong, strict=True))


# Energy


@checked
@given(task, cpus, decisions, st.sampled_from([*WORLDS]))
def test_energy_terms_are_not_negative_and_sum_to_the_total(task, cpus, decision, reading):
    out = outcome(reading, task, cpus, decision)
    terms = np.asarray(out.terms, np.float64)
    assert (terms >= 0.0).all()
    assert float(out.energy) == pytest.approx(terms.sum(), rel=1e-5)


@checked
@given(task, cpus, decisions, st.sampled_from([*WORLDS]))
def test_the_reward_is_latency_energy_and_qoe(task, cpus, decision, reading):
    out = outcome(reading, task, cpus, decision)
    sign = {"repaired": 1.0, "printed": -1.0}[reading]
    assert float(out.reward) == pytest.approx(-out.latency - out.energy + sign * out.qoe, rel=1e-4, abs=1e-5)


# QoE


@checked
@given(task, cpus, decisions, between(0, 10), between(0, 10), between(0, 1), between(0, 1))
def test_repaired_qoe_lies_between_0_and_1(task, cpus, decision, edge, migration, baseline, weight):
    prices = {"edge_price": edge, "migration_price": migration, "baseline": baseline, "qoe_latency": weight}
    out = outcome("repaired", task, cpus, decision, **prices)
    assert -1e-6 <= float(out.qoe) <= 1.0 + 1e-6


@checked
@given(between(0, 1), between(0, 1))
def test_satisfaction_never_rises_with_latency(a, b):
    early, late = (float(qoe.satisfaction(t, 0.05, 0.2, 0.0)) for t in sorted((a, b)))
    assert 0.0 <= late <= early <= 1.0


# Slowdowns and beliefs


@checked
@given(between(-30, 30), between(0, 0.99), share)
def test_a_slowdown_never_stops_a_cpu(x, mean, spread):
    assume(mean * (1 + spread) < 0.9999)
    assert -1e-6 <= float(slowdown(x, mean, spread)) < 1.0


@checked
@given(between(0, 0.99), between(0, 50))
def test_a_slowdown_stays_below_one_at_any_spread_that_is_allowed(mean, spread):
    assume(mean * (1 + spread) < 0.9999)
    worst = float(slowdown(30.0, mean, spread))
    assert worst < 1.0
    assert worst == pytest.approx(mean * (1 + spread), rel=1e-5)


@checked
@given(correlations)
def test_fluctuations_keep_unit_variance(correlation):
    # x' = a x + b noise with independent unit-variance x and noise: a^2 + b^2 = 1.
    a, b = float(next_fluctuation(1.0, 0.0, correlation)), float(next_fluctuation(0.0, 1.0, correlation))
    assert a * a + b * b == pytest.approx(1.0, abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(between(-2.5, 2.5), variances, between(0.1, 0.55), between(0.1, 0.8))
def test_the_expected_slowdown_is_the_mean_over_the_belief(mean, variance, delta, spread):
    draws = mean + np.sqrt(variance) * np.random.default_rng(7).standard_normal(100_000)
    slow = delta * (1 + spread * (2 * ndtr(draws) - 1))
    error = slow.std() / np.sqrt(slow.size)
    assert abs(float(expected_slowdown(mean, variance, delta, spread)) - slow.mean()) <= 4 * error + 1e-6


@checked
@given(between(0, 0.99), share, variances)
def test_the_expected_slowdown_of_the_prior_is_the_mean(mean, spread, variance):
    assert float(expected_slowdown(0.0, 1.0, mean, spread)) == pytest.approx(mean, rel=1e-6)
    # By symmetry of every belief that is centred
    assert float(expected_slowdown(0.0, variance, mean, spread)) == pytest.approx(mean, rel=1e-6)


@checked
@given(fluctuations, fluctuations, between(0.05, 1), between(-3, 3))
def test_a_perfect_synchronisation_knows_the_truth(x, mean, variance, noise):
    truth = float(slowdown(x, 0.5, 0.8))
    exact = measure(mean, variance, x, 0.0)
    assert float(expected_slowdown(*exact, 0.5, 0.8)) == pytest.approx(truth, abs=1e-5)
    assert float(exact[1]) == 0.0
    # And nearly so with a small error: the mean is off by at most about 3 errors, the slowdown by 0.32 of that.
    error = 1e-3
    near = expected_slowdown(*measure(mean, variance, x + error * noise, error), 0.5, 0.8)
    assert float(near) == pytest.approx(truth, abs=2e-3)


@checked
@given(fluctuations, variances, fluctuations, errors)
def test_a_measurement_never_increases_the_variance(mean, variance, reading, error):
    after_mean, after = (float(a) for a in measure(mean, variance, reading, error))
    assert np.isfinite([after_mean, after]).all()
    assert 0.0 <= after <= variance
    assert min(mean, reading) - 1e-5 <= after_mean <= max(mean, reading) + 1e-5
    # The Kalman variance: 1/v' = 1/v + 1/r^2
    if variance > 1e-3 and error > 1e-3:
        assert after == pytest.approx(1 / (1 / variance + 1 / error**2), rel=1e-3, abs=2e-7)


@checked
@given(fluctuations, fluctuations)
def test_what_is_known_exactly_needs_no_reading(mean, reading):
    assert [float(a) for a in measure(mean, 0.0, reading, 0.0)] == [np.float32(mean), 0.0]


@checked
@given(fluctuations, st.lists(st.tuples(st.booleans(), fluctuations, errors, correlations), min_size=1, max_size=12))
def test_the_variance_of_a_belief_stays_within_the_prior(mean, slots):
    variance = 1.0
    for measured, reading, error, correlation in slots:
        if measured:
            mean, variance = measure(mean, variance, reading, error)
        younger = float(variance)
        mean, variance = age(mean, variance, correlation)
        assert younger - 1e-6 <= float(variance) <= 1.0 + 1e-6


@checked
@given(between(1e-3, 10), between(1e-3, 10), between(1e-3, 10))
def test_the_discrepancy_is_the_difference_of_two_times(workload, actual, estimated):
    gap = float(twin.discrepancy(workload, actual, estimated))
    times = workload / estimated, workload / actual
    assert gap == pytest.approx(times[0] - times[1], rel=1e-3, abs=1e-4 * max(times))
    # The printed one is smaller in size by f^ / (f + f^).
    printed = float(twin.discrepancy_printed(workload, actual, estimated))
    assert printed * (actual + estimated) == pytest.approx(gap * estimated, rel=1e-3, abs=1e-4 * max(times) * estimated)


@checked
@given(st.lists(st.tuples(st.booleans(), between(0, 1e7)), min_size=1, max_size=5), between(0, 1e-7))
def test_the_printed_migration_cost_is_the_sum_over_users(users, time):
    h, bits = (jnp.asarray(column) for column in zip(*users, strict=True))
    bits = bits.astype(jnp.float32)
    expected = sum(b * time for moved, b in users if moved)
    assert float(tasks.migration_cost_printed(h, bits, time)) == pytest.approx(expected, rel=1e-5, abs=1e-9)
    assert (np.asarray(tasks.migration_cost(h, bits, time)) <= expected * (1 + 1e-5) + 1e-9).all()
