"""The digital twin: hidden slowdowns, Gaussian beliefs about them, and the discrepancy of Eqs. (9), (12d).

A CPU's slowdown delta follows a hidden x, a unit-variance AR(1) Gaussian. Who knows something about the CPU holds a
Gaussian belief N(m, v) about x, N(0, 1) at the start: a scalar Kalman filter.
"""

import jax.numpy as jnp
from jax import lax

from eco_jax.model.types import Real


def slowdown(x: Real, mean: Real, spread: Real) -> Real:
    """Slowdown delta, -: mean * (1 + spread * (2 Phi(x) - 1)). E[delta] = mean; delta < 1 if mean (1 + spread) < 1."""
    return mean * (1.0 + spread * lax.erf(x * 0.5**0.5))  # erf(x / sqrt 2) = 2 Phi(x) - 1


def next_fluctuation(x: Real, noise: Real, correlation: Real) -> Real:
    """The next x, rho x + sqrt(1 - rho^2) noise: one slot of the AR(1) process, from standard normal `noise`."""
    return correlation * x + jnp.sqrt(1.0 - correlation**2) * noise


def age(mean: Real, variance: Real, correlation: Real) -> tuple[Real, Real]:
    """The belief one slot later: m <- rho m, v <- rho^2 v + 1 - rho^2."""
    return correlation * mean, correlation**2 * variance + 1.0 - correlation**2


def measure(mean: Real, variance: Real, reading: Real, error: Real) -> tuple[Real, Real]:
    """The belief after one reading y = x + N(0, error^2): a scalar Kalman update.

    The gain is v / (v + error^2), and 0 where both vanish (what is known exactly needs no reading).
    """
    total = variance + error**2
    known = total <= 0.0
    safe = jnp.where(known, 1.0, total)
    gain = jnp.where(known, 0.0, variance / safe)
    # (1 - gain) variance, without its cancellation in fp32 where the error is small.
    return mean + gain * (reading - mean), variance * (error**2 / safe)


def expected_slowdown(mean: Real, variance: Real, slowdown_mean: Real, spread: Real) -> Real:
    """E[delta] under the belief N(m, v), exactly: `slowdown` with Phi(m / sqrt(1 + v)).

    The mean of delta is not the mean of the time: E[1/(1 - delta)] is larger. Rules that use this are
    certainty-equivalent.
    """
    return slowdown(mean / jnp.sqrt(1.0 + variance), slowdown_mean, spread)


def discrepancy(workload: Real, actual: Real, estimated: Real) -> Real:
    """G_ij of Eqs. (9), (12d), s: computing time at the estimated rate minus that at the actual rate.

    G = -lambda df / (f (f + df)), df = f^ - f. Departure: the paper prints f + f^ below, which is exact for neither
    reading of f^ (f = 1, f^ = 1.2, lambda = 1: printed -0.091, true -0.167).

    Args:
        workload: lambda_Tij = beta C, cycles.
        actual: f, the actual rate, cycles/s.
        estimated: f^, the twin's estimate of it, cycles/s.
    """
    excess = estimated - actual
    return -workload / actual * (excess / (actual + excess))  # two quotients: see `latency.computing_gap`


def discrepancy_printed(workload: Real, actual: Real, estimated: Real) -> Real:
    """G_ij of Eqs. (9), (12d) as printed: -lambda (f^ - f) / (f (f + f^))."""
    return -workload / actual * ((estimated - actual) / (actual + estimated))
