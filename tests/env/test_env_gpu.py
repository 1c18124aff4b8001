"""What is computed otherwise on a GPU: the same numbers, wherever it runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eco_jax.env import forecast, joined, topology


@pytest.mark.parametrize(("servers", "k"), [(4, 4), (6, 1), (45, 4), (45, 1), (100, 4)])
def test_merged_lists_hold_the_nearest_servers(servers, k):
    sites = topology.even_sites(servers, 3000.0)
    points = 3000.0 * jax.random.uniform(jax.random.key(servers), (200, 2))
    points = points.at[:50].set(jnp.round(points[:50] / 250.0) * 250.0)  # many of these lie between servers
    found, square = topology._by_merging(k, points, sites)
    wanted, least = topology._by_minima(k, points, sites)
    apart = np.linalg.norm(np.asarray(points)[:, None] - np.asarray(sites)[None], axis=-1)
    assert found.dtype == jnp.int32
    assert (np.sort(found, axis=1) >= 0).all()
    np.testing.assert_allclose(np.sqrt(square), np.sort(apart, axis=1)[:, :k], rtol=1e-5)
    np.testing.assert_allclose(square, least, rtol=1e-6)
    # Two that are as far may be the other way round.
    far, wanted_far = (np.take_along_axis(apart, np.asarray(which), 1) for which in (found, wanted))
    np.testing.assert_allclose(far, wanted_far, rtol=1e-5)


def test_servers_as_far_come_by_their_index():
    sites = jnp.tile(jnp.asarray([[5.0, 0.0], [0.0, 5.0]]), (20, 1))
    found, square = topology._by_merging(4, jnp.zeros((1, 2)), sites)
    assert found.tolist() == [[0, 1, 2, 3]]
    assert square.tolist() == [[25.0] * 4]


def test_features_joined_by_rows_are_those_joined_by_columns():
    keys = jax.random.split(jax.random.key(0), 3)
    own = list(jax.random.normal(keys[0], (5, 7)))
    there = list(20.0 * jax.random.normal(keys[1], (3, 7, 4)))
    gain = jax.random.normal(keys[2], (7, 4, 2))
    by_rows, by_columns = joined._by_rows(own, there, gain), joined._by_columns(own, there, gain)
    assert by_rows.shape == (7, 5 + 3 * 4 + 4 * 2)
    np.testing.assert_array_equal(by_rows, by_columns)
    assert jnp.abs(by_rows).max() == joined.HIGHEST  # some were cut


def test_the_highest_alternative_is_the_same_by_axes():
    value = jnp.round(3.0 * jax.random.normal(jax.random.key(0), (200, 4, 3)))  # many are as high as another
    value = value.at[0].set(-jnp.inf).at[1].set(0.0)
    choice, away = forecast._highest(value)
    by_axes, away_by_axes = forecast._highest_by_axes(value)
    np.testing.assert_array_equal(by_axes, choice)
    np.testing.assert_array_equal(away_by_axes, away)
    assert choice[:2].tolist() == [0, 0]
    assert away[:2].tolist() == [False, False]
    assert 0 < away.sum() < 200
