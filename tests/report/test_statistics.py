"""Intervals against values worked by hand."""

import numpy as np
import pytest

from eco_jax.report.statistics import bootstrap, difference, relative


def test_a_constant_has_no_width():
    assert bootstrap(np.full((3, 5), 2.0)) == pytest.approx((2.0, 2.0, 2.0))


def test_interval_of_many_episodes_is_the_normal_one():
    values = np.random.default_rng(1).normal(10.0, 2.0, 400)
    mean, lo, hi = bootstrap(values)
    half = 1.96 * values.std() / 20.0  # standard error of a mean over 400
    assert mean == pytest.approx(values.mean())
    assert lo == pytest.approx(mean - half, abs=0.15 * half)
    assert hi == pytest.approx(mean + half, abs=0.15 * half)


def test_seeds_that_disagree_widen_the_interval():
    rng = np.random.default_rng(2)
    episodes = rng.normal(0.0, 0.01, 50)
    alike, apart = np.stack([episodes] * 4), np.stack([episodes + shift for shift in (-1, -0.5, 0.5, 1)])
    narrow, wide = bootstrap(alike), bootstrap(apart)
    assert wide.hi - wide.lo > 20 * (narrow.hi - narrow.lo)
    assert wide.lo > -1.01
    assert wide.hi < 1.01


def test_pairing_removes_what_the_episodes_share():
    shared = np.random.default_rng(3).normal(0.0, 5.0, (1, 64))
    d = difference(shared + 0.1, shared)
    assert d.mean == pytest.approx(0.1)
    assert d.lo == pytest.approx(0.1)
    assert d.hi == pytest.approx(0.1)


def test_relative_change():
    new, old = np.full((2, 8), 3.0), np.full((1, 8), 4.0)
    assert relative(new, old) == pytest.approx((-0.25, -0.25, -0.25))
    assert relative(-new, -old).mean == pytest.approx(0.25)  # less negative is more
