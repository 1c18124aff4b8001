"""Intervals against values worked by hand."""

import numpy as np
import pytest

from eco_jax.study.statistics import (
    Interval,
    bootstrap,
    difference,
    interquartile_mean,
    interval,
    over_seeds,
    relative,
    share_of_way,
    slope,
)


def test_interquartile_mean_by_hand():
    # Of eight the two lowest and the two highest go: (3 + 4 + 5 + 6) / 4.
    assert interquartile_mean(np.array([8.0, 1, 3, 4, 2, 6, 5, 1000])) == pytest.approx(4.5)
    # Of three none goes (a quarter of three rounds down to none); of five one at each end.
    assert interquartile_mean(np.array([1.0, 2, 9])) == pytest.approx(4.0)
    assert interquartile_mean(np.array([-50.0, 1, 2, 6, 900])) == pytest.approx(3.0)


def test_figure_is_the_interquartile_mean_over_seeds_of_means_over_episodes():
    # Means over episodes: 2, 3, 4, 100 -> of four the lowest and the highest go.
    values = np.array([[1.0, 3], [2, 4], [3, 5], [0, 200]])
    assert interval(values).mean == pytest.approx(3.5)


def test_a_constant_has_no_width():
    assert interval(np.full((3, 5), 2.0)) == pytest.approx((2.0, 2.0, 2.0))


def test_interval_of_many_episodes_is_the_normal_one():
    values = np.random.default_rng(1).normal(10.0, 2.0, 400)
    mean, lo, hi = interval(values)
    half = 1.96 * values.std() / 20.0  # standard error of a mean over 400
    assert mean == pytest.approx(values.mean())
    assert lo == pytest.approx(mean - half, abs=0.15 * half)
    assert hi == pytest.approx(mean + half, abs=0.15 * half)


def test_interval_of_two_seeds_is_every_draw_of_them():
    # Without noise between episodes the resampled means are 0 (1/4), 1/2 (1/2) and 1 (1/4).
    values = np.repeat([[0.0], [1.0]], 6, axis=1)
    assert interval(values) == pytest.approx((0.5, 0.0, 1.0))


def test_seeds_that_disagree_widen_the_interval():
    rng = np.random.default_rng(2)
    episodes = rng.normal(0.0, 0.01, 50)
    alike, apart = np.stack([episodes] * 4), np.stack([episodes + shift for shift in (-1, -0.5, 0.5, 1)])
    narrow, wide = interval(alike), interval(apart)
    assert wide.hi - wide.lo > 20 * (narrow.hi - narrow.lo)
    assert wide.lo > -1.01
    assert wide.hi < 1.01


def test_pairing_removes_what_the_episodes_share():
    shared = np.random.default_rng(3).normal(0.0, 5.0, (1, 64))
    assert difference(shared + 0.1, shared) == pytest.approx((0.1, 0.1, 0.1))
    # Ten seeds against a rule: the rule's one row serves them all.
    assert difference(np.tile(shared, (10, 1)) + 0.1, shared) == pytest.approx((0.1, 0.1, 0.1))
    assert interval(shared).hi - interval(shared).lo > 1.0


def test_relative_change():
    new, old = np.full((2, 8), 3.0), np.full((1, 8), 4.0)
    assert relative(new, old) == pytest.approx((-0.25, -0.25, -0.25))
    assert relative(-new, -old).mean == pytest.approx(0.25)  # less negative is more


def test_share_of_the_way():
    values, start, end = (np.full((1, 8), x) for x in (3.0, 1.0, 9.0))
    assert share_of_way(values, start, end) == pytest.approx((0.25, 0.25, 0.25))
    assert share_of_way(start, values, end).mean == pytest.approx(-1 / 3)


def test_slope_by_hand():
    x = np.array([0.0, 1, 2])
    # (-1 * 1 + 0 * 2 + 1 * 6) / 2
    assert slope(x, np.array([1.0, 2, 6])) == pytest.approx(2.5)
    assert slope(x, np.array([[[0.0, 0]], [[1, 3]], [[2, 6]]])) == pytest.approx(np.array([[1.0, 3.0]]))


def test_one_episode_decides_nothing():
    mean, lo, hi = interval(np.array([[2.0]]))
    assert (mean, lo, hi) == (2.0, -np.inf, np.inf)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="must share episodes"):
        bootstrap(lambda a, b: a - b, np.zeros((1, 4)), np.zeros((1, 5)))
    with pytest.raises(ValueError, match="must share episodes"):
        bootstrap(lambda a, b: a - b, np.zeros((2, 4)), np.zeros((3, 4)))


def test_apart():
    assert Interval(1.0, 0.9, 1.1).apart(Interval(1.3, 1.2, 1.4))
    assert not Interval(1.0, 0.9, 1.25).apart(Interval(1.3, 1.2, 1.4))


def test_intervals_over_seeds_at_many_points():
    """As the bootstrap of the seeds' values at each point, whatever stands beside it."""
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(3.0, 1.0, (1, 40)), np.ones((300, 40))])
    figure, lo, hi = over_seeds(values)
    half = 1.96 * values[0].std() / np.sqrt(40)
    assert figure[0] == pytest.approx(interquartile_mean(values[0]))
    assert hi[0] - lo[0] == pytest.approx(2 * half, rel=0.35)  # the interquartile mean varies a little more
    assert lo[0] < figure[0] < hi[0]
    np.testing.assert_array_equal([figure[1:], lo[1:], hi[1:]], 1.0)


def test_one_seed_has_no_interval_over_seeds():
    figure, lo, hi = over_seeds(np.array([[2.0], [3.0]]))
    assert figure.tolist() == [2.0, 3.0]
    assert np.isnan([lo, hi]).all()
