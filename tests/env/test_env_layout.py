"""Where servers stand and which are nearest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import TINY, world
from hypothesis import given, settings
from hypothesis import strategies as st

from eco_jax.env import make
from eco_jax.env.topology import MANY, even_sites, nearest, sites

near = jax.jit(nearest, static_argnums=2)


def test_default_layout_has_rows_of_seven_and_six():
    sites = even_sites(45, 3000.0)
    assert sites.shape == (45, 2)
    y, counts = np.unique(sites[:, 1], return_counts=True)
    assert counts.tolist() == [7, 6, 7, 6, 7, 6, 6]
    # Row r at (r + 1/2) 3000/7: 214.29, 642.86, ..., 2785.71.
    np.testing.assert_allclose(y, 214.285714 + 428.571429 * np.arange(7), rtol=1e-6)
    # Row 0 has 7 at (k + 1/2) 3000/7, row 1 has 6 at (k + 1/2) 500, and starts at index 7.
    np.testing.assert_allclose(sites[0], [214.285714, 214.285714], rtol=1e-6)
    np.testing.assert_allclose(sites[6], [2785.714286, 214.285714], rtol=1e-6)
    np.testing.assert_allclose(sites[7], [250.0, 642.857143], rtol=1e-6)
    np.testing.assert_allclose(sites[12], [2750.0, 642.857143], rtol=1e-6)
    np.testing.assert_allclose(sites[44], [2750.0, 2785.714286], rtol=1e-6)


def test_layout_of_a_few_servers():
    np.testing.assert_allclose(even_sites(1, 1000.0), [[500, 500]])
    # m = round(sqrt 2) = 1 row of 2; m = round(sqrt 3) = 2 rows of 2 and 1.
    np.testing.assert_allclose(even_sites(2, 1000.0), [[250, 500], [750, 500]])
    np.testing.assert_allclose(even_sites(3, 1000.0), [[250, 250], [750, 250], [500, 750]])


@given(st.integers(1, 300), st.floats(10.0, 1e5))
def test_every_layout_is_complete_and_inside(servers, side):
    sites = np.asarray(even_sites(servers, side))
    assert sites.shape == (servers, 2)
    assert (sites > 0).all()
    assert (sites < side).all()
    assert len(np.unique(sites, axis=0)) == servers
    _, rows = np.unique(sites[:, 1], return_counts=True)
    assert len(rows) == max(1, round(servers**0.5))
    assert rows.max() - rows.min() <= 1


def test_own_coordinates_set_the_number_of_servers():
    own = [[0.0, 0.0], [100.0, 0.0], [0.0, 200.0]]
    env, params = make(users=2, candidates=2, slots=3, sites=np.array(own))
    assert env.config.servers == 3
    assert np.asarray(params.sites).tolist() == own


def test_sites_follow_the_side():
    env, params = make(users=1, servers=4, side=1000.0)
    assert np.asarray(sites(env.config, params)).tolist() == [[250, 250], [750, 250], [250, 750], [750, 750]]


def test_ties_go_to_the_lower_index():
    # The centre of the square of four servers: all at the same distance.
    sites = jnp.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    index, distance = near(jnp.array([[1.0, 1.0], [1.0, 0.0], [2.0, 1.0]]), sites, 4)
    assert index.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3], [1, 3, 0, 2]]
    np.testing.assert_allclose(distance[0], np.sqrt(2.0), rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 4, 12]))
def test_nearest_is_what_a_search_finds(seed, k):
    rng = np.random.default_rng(seed)
    # Whole metres: sums of squares are exact in fp32, so that ties are ties. K = n = 12 included.
    sites, points = rng.integers(0, 6, (12, 2)), rng.integers(0, 6, (5, 2))
    index, distance = near(jnp.asarray(points, jnp.float32), jnp.asarray(sites, jnp.float32), k)
    for j, point in enumerate(points):
        ranked = sorted(range(12), key=lambda i: (((sites[i] - point) ** 2).sum(), i))[:k]
        assert index[j].tolist() == ranked
        np.testing.assert_allclose(distance[j], np.sqrt(((sites[ranked] - point) ** 2).sum(1)), rtol=1e-6)


@pytest.mark.parametrize(("servers", "rtol"), [(MANY, 3e-4), (MANY + 1, 1e-6)])
def test_the_nearest_of_many_servers_are_told_apart(servers, rtol):
    rng = np.random.default_rng(0)
    true = 2000.0 * (1.0 + 1e-6 * np.arange(servers))  # m, from a corner
    angle = rng.uniform(0, np.pi / 2, servers)
    sites = rng.permutation(true[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    _, distance = near(jnp.zeros((1, 2)), jnp.asarray(sites, jnp.float32), 2)
    np.testing.assert_allclose(distance[0], true[:2], rtol=rtol)


@pytest.mark.long
def test_all_servers_may_be_candidates():
    every = world(**TINY)
    _, state = every.reset()
    assert np.sort(state.place.candidates, axis=1).tolist() == [[0, 1, 2, 3, 4, 5]] * 3
    assert every.env.heads == (7, 4, 2, 2)
    _, new, *_ = every.step(state, [[6, 3, 0, 0]] * 3)
    assert new.memory.server.tolist() == state.place.candidates[:, 5].tolist()


@pytest.mark.parametrize("knowledge", ["none", "telemetry", "forecast"])
def test_access_server_is_the_nearest(knowledge):
    small = world(knowledge=knowledge)
    _, state = small.reset(1)
    away = np.linalg.norm(
        np.asarray(state.place.position)[:, None] - np.asarray(sites(small.env.config, small.params))[None], axis=2
    )
    assert state.place.candidates[:, 0].tolist() == away.argmin(axis=1).tolist()
    np.testing.assert_allclose(state.place.distance, np.sort(away, axis=1)[:, :3], rtol=1e-5)
    # Before there are two fixes the present position stands for the predicted one.
    assert state.place.predicted_server.tolist() == away.argmin(axis=1).tolist()


@pytest.mark.parametrize("envs", [pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long), 5])
def test_every_server_that_a_state_names_exists(envs):
    """In programs of several sizes: a distance may be computed twice in one, and rounded in two ways."""
    small = world(**TINY)
    reset = jax.jit(jax.vmap(small.env.reset, (0, None)))
    step = jax.jit(jax.vmap(small.env.step, (0, 0, 0, None)))
    rng = np.random.default_rng(envs)
    for seed in range(12):
        keys = jax.random.split(jax.random.key(seed), (8, envs))
        _, state = reset(keys[0], small.params)
        for slot in range(1, 8):
            _, state, *_ = step(keys[slot], state, rng.integers(0, (7, 4, 2, 2), (envs, 3, 4)), small.params)
            place, count = state.place, small.env.config.servers
            named = [place.candidates, place.predicted_server, state.last_server, state.replica]
            assert all((np.asarray(servers) < count).all() for servers in named)
            assert (np.diff(np.sort(place.candidates, axis=-1)) > 0).all()
