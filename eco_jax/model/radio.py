"""The radio link: path gain and Eq. (6)."""

import math

import jax.numpy as jnp

from eco_jax.model.types import Real

MIN_DISTANCE = 10.0
"""Distance floor of every path gain, m: below it the far-field models do not hold."""

SPEED_OF_LIGHT = 3.0e8
"""m/s, as TR 38.901 rounds it."""


def path_gain(distance: Real, reference_gain: Real, reference_distance: Real, exponent: Real) -> Real:
    """gamma(d), -: log-distance path gain, `reference_gain` at `reference_distance` (m).

    The default, -98 dB at 150 m with exponent 3.5, lies between 3GPP TR 38.901 UMi LoS and NLoS at 3.5 GHz.
    """
    ratio = jnp.maximum(distance, MIN_DISTANCE) / reference_distance
    return reference_gain * jnp.exp(-exponent * jnp.log(ratio))  # ratio^-exponent, which is a scalar call on CPUs


def path_gain_umi(distance: Real, carrier: Real, height_bs: Real, height_ut: Real) -> Real:
    """gamma(d), -: 3GPP TR 38.901 UMi street canyon, averaged over line of sight.

    LoS and NLoS path losses of Table 7.4.1-1 (LoS with its breakpoint; NLoS at least LoS), mixed as gains with the
    LoS probability of Table 7.4.2-1; no shadowing.

    Args:
        distance: horizontal distance, m.
        carrier: carrier frequency, Hz.
        height_bs: antenna height of the server's site, m.
        height_ut: antenna height of the user, m.
    """
    ground = jnp.maximum(distance, MIN_DISTANCE)
    slant = jnp.sqrt(ground**2 + (height_bs - height_ut) ** 2)
    ghz = jnp.log10(carrier / 1e9)
    breakpoint_ = 4.0 * (height_bs - 1.0) * (height_ut - 1.0) * carrier / SPEED_OF_LIGHT
    near = 32.4 + 21.0 * jnp.log10(slant) + 20.0 * ghz
    drop = 9.5 * jnp.log10(breakpoint_**2 + (height_bs - height_ut) ** 2)
    far = 32.4 + 40.0 * jnp.log10(slant) + 20.0 * ghz - drop
    los = jnp.where(ground <= breakpoint_, near, far)
    nlos = jnp.maximum(los, 22.4 + 35.3 * jnp.log10(slant) + 21.3 * ghz - 0.3 * (height_ut - 1.5))
    chance = jnp.minimum(1.0, 18.0 / ground + jnp.exp(-ground / 36.0) * (1.0 - 18.0 / ground))
    return chance * 10.0 ** (-los / 10.0) + (1.0 - chance) * 10.0 ** (-nlos / 10.0)


def rate(bandwidth: Real, power: Real, gain: Real, fading: Real, noise: Real) -> Real:
    """R_ij of Eq. (6), bit/s: B log2(1 + p gamma(d) s / sigma^2).

    Departures: without the second division by the distance (gamma is the path loss already), and without pi,
    which would make the rate of a local task zero and its upload time 0/0.

    Args:
        bandwidth: B, Hz.
        power: transmit power p, W.
        gain: gamma(d), -.
        fading: small-scale fading power s, -.
        noise: sigma^2, W.
    """
    return _capacity(bandwidth, power * gain * fading / noise)


def rate_printed(bandwidth: Real, power: Real, gain: Real, fading: Real, noise: Real, distance: Real, pi: Real) -> Real:
    """R_ij of Eq. (6) as printed, bit/s: B log2(1 + pi p |rho|^2 / (d sigma^2)) with |rho|^2 = gamma s.

    The distance (m) is floored at 10 m. With gamma = 150 m * gamma(150 m) both readings agree at the coverage radius.
    """
    floored = jnp.maximum(distance, MIN_DISTANCE)
    return _capacity(bandwidth, pi * power * gain * fading / (floored * noise))


def _capacity(bandwidth: Real, snr: Real) -> Real:
    """B log2(1 + SNR), bit/s; by log1p, which keeps its digits where the SNR is small."""
    return bandwidth * (jnp.log1p(snr) * (1.0 / math.log(2.0)))
