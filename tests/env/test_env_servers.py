"""Servers of one's own: what each of them can do, where they stand, and what is seen of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from env_worlds import HAND, HAND_ACTION, SMALL, World, hand_state, world

from eco_jax import make
from eco_jax.data import from_tracks
from eco_jax.env.action import interpret
from eco_jax.env.observe import legal_candidates, server_range, view
from eco_jax.env.parts import Replay, Waypoint
from eco_jax.env.placement import admit
from eco_jax.env.settle import settle
from eco_jax.env.sites import as_sites
from eco_jax.errors import UserError

GRID = np.array([[500.0 + 1000 * k, 500.0 + 1000 * r] for r in range(3) for k in range(3)])
COLUMNS = {"x": GRID[:, 0], "y": GRID[:, 1]}
CPU = np.array([4.0, 6, 8, 10, 12, 14, 16, 18, 20])


def own(access="nearest", **columns):
    settings = {name: value for name, value in SMALL.items() if name != "servers"}
    return World(*make(sites=COLUMNS | columns, access=access, **settings, **HAND))


def test_plain_coordinates_leave_numbers_for_all():
    plain, even = own().params, world().params
    assert jax.tree.structure(dataclasses.replace(plain, sites=None)) == jax.tree.structure(even)
    assert [jnp.shape(v) for v in (plain.server_min, plain.replica_slots)] == [(), ()]


def test_each_server_runs_at_its_own_rate_which_everybody_sees():
    here = own(cpu_ghz=CPU)
    seen_by_agents, state = here.reset()
    np.testing.assert_array_equal(state.hardware.server, np.float32(CPU * 1e9))
    assert [float(v) for v in server_range(here.params)] == [np.float32(4e9), np.float32(20e9)]
    # Feature 3 of each candidate is its nominal rate, from -1 (4 GHz) to 1 (20 GHz).
    shown = seen_by_agents.features[:, 20 : 20 + 3 * 14].reshape(4, 3, 14)[:, :, 3]
    np.testing.assert_allclose(shown, (CPU[np.asarray(state.place.candidates)] - 12) / 8, atol=1e-6)


def test_the_radius_of_the_server_that_is_reached_counts():
    radius = np.full(9, 10_000.0)
    radius[4] = 1.0
    _, state = own(cpu_ghz=CPU).reset()
    candidates = jnp.array([[4, 0, 1], [0, 4, 1], [5, 4, 8], [4, 5, 8]], jnp.int32)
    state = state._replace(place=state.place._replace(candidates=candidates, distance=jnp.full((4, 3), 500.0)))
    nearest, direct = (own(coverage_m=radius, access=access).params for access in ("nearest", "direct"))
    assert nearest.coverage.name == "hard"
    assert legal_candidates(state, nearest)[:, 0].tolist() == [False, True, True, False]
    assert legal_candidates(state, nearest)[:, 1].tolist() == [False, True, True, False]
    np.testing.assert_array_equal(legal_candidates(state, direct), candidates != 4)


def test_slots_for_replicas_are_each_servers_own():
    wanted, server = jnp.ones(4, bool), jnp.array([0, 0, 1, 1])
    bits, held = jnp.array([4.0, 3, 2, 1]), jnp.zeros(2, jnp.int32)
    assert admit(wanted, server, bits, held, jnp.array([1.0, 2.0])).tolist() == [True, False, True, True]
    assert admit(wanted, server, bits, held, jnp.array([0.0, 1.0])).tolist() == [False, False, True, False]
    assert admit(wanted, server, bits, held, jnp.float32(1.0)).tolist() == [True, False, True, False]


def test_a_slot_is_the_same_where_all_servers_are_alike():
    state = hand_state(own(cpu_ghz=CPU).reset()[1])
    alike = own(cpu_ghz=np.full(9, 10.0), cache_slots=np.full(9, 2), coverage_m=np.full(9, 1e6))

    @jax.jit
    def settled(params):
        act = interpret(alike.env.config, state, jnp.asarray(HAND_ACTION), params)
        found = settle(alike.env.config, params, state, act, view(state, params))
        return found.decision, found.bits, found.server, legal_candidates(state, params)

    for one, other in zip(jax.tree.leaves(settled(alike.params)), jax.tree.leaves(settled(own().params)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("sites", "settings", "said"),
    [
        (COLUMNS | {"cpu_ghz": CPU}, {"server_min": 5}, "server_min = 5: the table .* decides it, and has 4.0"),
        (COLUMNS | {"cache_slots": CPU}, {"replica_slots": 3}, "replica_slots = 3: the table .* and has 20.0"),
        (COLUMNS | {"coverage_m": CPU}, {"coverage": "soft"}, "coverage = 'soft': the table .* has 'hard'"),
        (COLUMNS | {"coverage_m": CPU}, {"coverage": "hard", "radius": 9}, r"coverage.radius = 9: the table "),
        (COLUMNS | {"cache_slots": CPU}, {"equations": "printed"}, "cache_slots: has no effect with equations ="),
        (COLUMNS | {"cache_slots": CPU / 3}, {}, "cache_slots = 1.33333 replicas: must be a whole number"),
        (COLUMNS | {"cpu_ghz": -CPU}, {}, "sites: cpu_ghz = -4 GHz: must lie in"),
        (COLUMNS | {"cpu": CPU}, {}, "sites: must have x and y in m, or lat and lon in degrees, and may have cpu_ghz"),
        (COLUMNS | {"cpu_ghz": CPU[:4]}, {}, "sites: the columns are of different lengths"),
        ({"lat": [91.0, 0], "lon": [0.0, 0]}, {}, r"sites: lat must lie in \[-90, 90\]"),
        (GRID, {"servers": 8}, "servers = 8: there are 9 sites"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_server(sites, settings, said):
    with pytest.raises(UserError, match=said):
        make(sites=sites, **{"users": 4, "candidates": 2} | settings)


def test_degrees_make_an_area_of_their_own():
    # 0.01 degrees of latitude are 1112 m, of longitude at 60 N half of that: rows of 2.
    sites = {"lat": [59.995, 59.995, 60.005, 60.005], "lon": [9.99, 10.01, 9.99, 10.01]}
    env, params = make(sites=sites, candidates=2)
    assert float(params.side) == 1670  # 1112 m and half as much again, up to tens
    np.testing.assert_allclose(params.sites - 835, [[-556, -556], [556, -556], [-556, 556], [556, 556]], atol=0.5)
    assert env.config.servers == 4
    with pytest.raises(UserError, match="side = 3000: the table .* decides it, and has 1670"):
        make(sites=sites, candidates=2, side=3000)


def test_a_kind_of_replay_of_ones_own_may_replay_the_trace():
    class Late(Replay):
        """A subclass that is not registered."""

    trace = from_tracks(["a"] * 11, T, WAY, centre=(1500, 1500))
    assert isinstance(make("tiny", trace=trace, mobility=Late())[1].mobility, Late)
    with pytest.raises(UserError, match="mobility = .*: the trace decides it, and has 'trace'"):
        make("tiny", trace=trace, mobility=Waypoint())


T = np.arange(0, 1001, 100)
WAY = np.stack([-998.0 + 5.0 * T, np.full(len(T), 1200.0)], axis=1)


def test_degrees_stand_in_the_window_of_a_trace():
    metres = np.array([[10.0, 60.0]]) + WAY / 111_195
    trace = from_tracks(["a"] * 11, T, metres, degrees=True, centre=(10.0, 60.0))
    sites = {"lon": [10.0, 10.01, 10.5], "lat": [60.0, 60.0, 60.0], "cpu_ghz": [1.0, 2.0, 3.0]}
    placed = as_sites(sites, trace._asdict())
    np.testing.assert_allclose(placed.position, [[1500, 1500], [2056, 1500]], atol=0.5)
    assert (placed.left_out, placed.own["cpu_ghz"].tolist()) == (1, [1.0, 2.0])
    env, params = make(sites=sites, trace=trace, slots=12, candidates=2)
    assert (env.config.servers, float(params.side), params.server_min.shape) == (2, 3000, (2,))
    with pytest.raises(UserError, match=r"none of 1 stands in the trace's window, 3000 m around 10.0000 E 60.0000 N"):
        as_sites({"lon": [11.0], "lat": [60.0]}, trace._asdict())


def test_metres_stand_where_the_trace_says():
    trace = from_tracks(["a"] * 11, T, WAY + 50_000, centre=(51_500, 51_500))
    assert as_sites(np.array([[50_100.0, 50_200.0]]), trace._asdict()).position.tolist() == [[100, 200]]
    with pytest.raises(UserError, match="the trace's positions were metres"):
        as_sites({"lon": [10.0], "lat": [60.0]}, trace._asdict())
