"""Eq. (6) and the path gains under it, against numbers worked by hand."""

import math
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env import make
from eco_jax.env.outcome import rates
from eco_jax.model import radio

approx = partial(pytest.approx, rel=1e-5, abs=0.0)  # fp32; relative only, for some numbers are tiny

GAIN_150 = 1.584893e-10  # -98 dB: 10^-9.8
NOISE = 2e-12


def test_eq6_rate():
    # SNR = 1 * 1 * 3 / 1, log2(1 + 3) = 2 bit/s/Hz, * 20 MHz
    assert float(radio.rate(20e6, 1.0, 1.0, 3.0, 1.0)) == approx(4e7)
    # SNR = 0.5 * 2 * 7 / 1 = 7, 3 bit/s/Hz, * 1 MHz; with twice the noise and half the gain 7/4: log2(2.75) = 1.459432
    assert float(radio.rate(1e6, 0.5, 2.0, 7.0, 1.0)) == approx(3e6)
    assert float(radio.rate(1e6, 0.5, 1.0, 7.0, 2.0)) == approx(1.459432e6)


@pytest.mark.parametrize(
    ("distance", "rate"),
    [
        (10.0, 4e6),  # 150 / 10 = 15, log2(16) = 4
        (50.0, 2e6),  # 150 / 50 = 3, log2(4) = 2
        (150.0, 1e6),  # 150 / 150 = 1, log2(2) = 1
        (1.0, 4e6),  # floored at 10 m
    ],
)
def test_eq6_as_printed_divides_by_the_distance(distance, rate):
    assert float(radio.rate_printed(1e6, 1.0, 150.0, 1.0, 1.0, distance, 1.0)) == approx(rate)


@pytest.mark.parametrize("snr", [1e-7, 1e-4, 1e-2, 1.0, 1e3])
def test_eq6_keeps_its_digits_at_a_low_snr(snr):
    exact = 20e6 * math.log1p(np.float32(snr)) / math.log(2.0)
    np.testing.assert_allclose(float(radio.rate(20e6, snr, 1.0, 1.0, 1.0)), exact, rtol=5e-7)
    np.testing.assert_allclose(float(radio.rate_printed(20e6, snr, 10.0, 1.0, 1.0, 10.0, 1.0)), exact, rtol=5e-7)


def test_eq6_as_printed_gives_a_local_task_no_rate():
    # pi = 0: log2(1 + 0) = 0, so that an upload time would be 0/0.
    assert float(radio.rate_printed(1e6, 1.0, 150.0, 1.0, 1.0, 10.0, 0.0)) == 0.0


def test_path_gain_is_a_power_law_with_a_floor():
    # Twice the distance at exponent 3.5: 2^-3.5 = 0.0883883. Ten times: 10^-3.5 = 3.162278e-4.
    assert float(radio.path_gain(300.0, 1.0, 150.0, 3.5)) == approx(0.0883883)
    assert float(radio.path_gain(1500.0, 1.0, 150.0, 3.5)) == approx(3.162278e-4)
    assert float(radio.path_gain(150.0, GAIN_150, 150.0, 3.5)) == approx(GAIN_150)
    # Exponent 2, 1 at 100 m: 100 at 10 m, and no more below.
    assert jnp.stack([radio.path_gain(d, 1.0, 100.0, 2.0) for d in (10.0, 3.0, 0.0)]).tolist() == approx([100.0] * 3)


def test_the_default_link_has_15_db_at_150_m_with_04_w():
    # 0.4 * 10^-9.8 / 2e-12 = 0.4 * 79.24466 = 31.69786 = 15.01 dB; log2(32.69786) = 5.031124; * 20 MHz = 1.006225e8.
    _, params = make()
    gain = float(params.pathloss.gain(150.0))
    assert 0.4 * gain / float(params.noise) == approx(31.69786)
    assert float(radio.rate(20e6, 0.4, gain, 1.0, NOISE)) == approx(1.006225e8, rel=1e-6)


@pytest.mark.parametrize(
    ("reading", "distance", "up"),
    [
        # Both 5.031124 bit/s/Hz at the coverage radius.
        ("repaired", 150.0, 1.006225e8),
        ("printed", 150.0, 1.006225e8),
        # At twice the distance: repaired 31.69786 * 2^-3.5 = 2.801722, log2(3.801722) = 1.926653;
        ("repaired", 300.0, 3.853306e7),
        # printed 31.69786 / 2 = 15.84893, log2(16.84893) = 4.074585.
        ("printed", 300.0, 8.149170e7),
    ],
)
def test_eq6_of_the_two_readings_agrees_at_the_coverage_radius(reading, distance, up):
    _, params = make(reading)
    assert float(rates(params, distance, 0.4, 1.0, 1.0)[0]) == approx(up)


@pytest.mark.parametrize("reading", ["repaired", "printed"])
def test_eq6_downlink_has_the_servers_power(reading):
    # p_down = 1 W: SNR 79.24466, log2(80.24466) = 6.326333; * 20 MHz = 1.265267e8.
    _, params = make(reading)
    assert float(rates(params, 150.0, 0.4, 1.0, 1.0)[1]) == approx(1.265267e8)


@pytest.mark.parametrize("reading", ["repaired", "printed"])
def test_contenders_share_the_bandwidth(reading):
    _, params = make(reading)
    assert float(rates(params, 150.0, 0.4, 1.0, 4.0)[0]) == approx(1.006225e8 / 4)


@pytest.mark.parametrize("distance", [40.0, 300.0])
def test_printed_umi_has_the_gain_of_150_m_spread_as_1_over_d(distance):
    # UMi at 150 m: 1.756413e-10 (below). With 0.4 W: SNR 35.12826 at 150 m, and times 150/d elsewhere:
    # at 40 m 131.7310, log2(132.7310) = 7.052362; at 300 m 17.56413, log2(18.56413) = 4.214446.
    _, params = make("printed", pathloss="umi")
    up = {40.0: 7.052362, 300.0: 4.214446}[distance] * 20e6
    assert float(rates(params, distance, 0.4, 1.0, 1.0)[0]) == approx(up)


# 3GPP TR 38.901, Table 7.4.1-1, UMi street canyon, f in GHz:
#   LoS before the breakpoint  32.4 + 21 log d3D + 20 log f
#   LoS after                  32.4 + 40 log d3D + 20 log f - 9.5 log(dBP^2 + (hBS - hUT)^2)
#   NLoS                       max(LoS, 22.4 + 35.3 log d3D + 21.3 log f - 0.3 (hUT - 1.5))
#   dBP = 4 (hBS - 1)(hUT - 1) f / c with c = 3.0e8 m/s: 0.07 % from the exact c, hence the tolerance after it
# and Table 7.4.2-1: P(LoS) = 1 up to 18 m, then 18/d + exp(-d/36)(1 - 18/d).


def test_umi_line_of_sight_before_the_breakpoint():
    # 1 GHz, both antennas at 11 m (d3D = d): dBP = 4 * 10 * 10 / 0.3 = 1333 m. At 10 m, P = 1:
    # 32.4 + 21 * 1 + 0 = 53.4 dB, 10^-5.34 = 4.570882e-6.
    assert float(radio.path_gain_umi(10.0, 1e9, 11.0, 11.0)) == approx(4.570882e-6)


def test_umi_line_of_sight_after_the_breakpoint():
    # 3 GHz, both antennas at 1.5 m: dBP = 4 * 0.5 * 0.5 * 10 = 10 m. At 16 m, P = 1:
    # 32.4 + 40 * 1.204120 + 20 * 0.477121 - 9.5 * 2 = 32.4 + 48.16480 + 9.54243 - 19 = 71.10722 dB,
    # 10^-7.110722 = 7.749569e-8 (before the breakpoint it would be 67.23 dB, 1.9e-7).
    assert float(radio.path_gain_umi(16.0, 3e9, 1.5, 1.5)) == approx(7.749569e-8, rel=2e-3)


def test_umi_without_line_of_sight_loses_at_least_as_much():
    # As above at 1000 m: LoS 32.4 + 120 + 9.54243 - 19 = 142.94243 dB, more than 22.4 + 105.9 + 10.16268 = 138.46268,
    # so that NLoS = LoS and the mixture is 10^-14.294243 = 5.078758e-15, whatever P.
    assert float(radio.path_gain_umi(1000.0, 3e9, 1.5, 1.5)) == approx(5.078758e-15, rel=2e-3)


def test_umi_mixes_with_and_without_line_of_sight():
    # 1 GHz, both antennas at 11 m, 100 m: LoS 32.4 + 42 = 74.4 dB, 3.630781e-8;
    # NLoS 22.4 + 70.6 + 0 - 0.3 * 9.5 = 90.15 dB, 9.660509e-10;
    # P = 0.18 + exp(-2.777778) * 0.82 = 0.18 + 0.0621765 * 0.82 = 0.2309847;
    # 0.2309847 * 3.630781e-8 + 0.7690153 * 9.660509e-10 = 8.386550e-9 + 7.429079e-10 = 9.129457e-9.
    assert float(radio.path_gain_umi(100.0, 1e9, 11.0, 11.0)) == approx(9.129457e-9)


def test_umi_at_the_default_site_and_the_coverage_radius():
    # 3.5 GHz (log 0.544068), 10 m and 1.5 m, 150 m: dBP = 4 * 9 * 0.5 * 3.5 / 0.3 = 210 m;
    # d3D = sqrt(22500 + 72.25) = 150.2406 (log 2.176787);
    # LoS 32.4 + 45.71254 + 10.88136 = 88.99390 dB, 1.260696e-9 (the default of -98 dB lies between);
    # NLoS 22.4 + 76.84060 + 11.58865 - 0 = 110.82925 dB, 8.261815e-12;
    # P = 0.12 + exp(-4.166667) * 0.88 = 0.12 + 0.0155039 * 0.88 = 0.1336434; mixed 1.684838e-10 + 7.157678e-12.
    assert float(radio.path_gain_umi(150.0, 3.5e9, 10.0, 1.5)) == approx(1.756414e-10)


def test_umi_at_the_default_site_beyond_the_breakpoint():
    # 300 m: d3D = 300.1204 (log 2.477296); 9.5 log(44100 + 72.25) = 9.5 * 4.645150 = 44.12892;
    # LoS 32.4 + 99.09182 + 10.88136 - 44.12892 = 98.24426 dB, 1.498214e-10;
    # NLoS 22.4 + 87.44853 + 11.58865 = 121.43718 dB, 7.182604e-13;
    # P = 0.06 + exp(-8.333333) * 0.94 = 0.06 + 0.00024037 * 0.94 = 0.0602259;
    # mixed 9.023137e-12 + 6.750022e-13 = 9.698140e-12.
    assert float(radio.path_gain_umi(300.0, 3.5e9, 10.0, 1.5)) == approx(9.698140e-12, rel=2e-3)
