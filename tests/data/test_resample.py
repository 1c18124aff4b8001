"""Windowing and resampling against numbers worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eco_jax.data.geo import BUSY_CENTRE, distance_m, to_degrees, to_metres
from eco_jax.data.read import Fixes
from eco_jax.data.resample import Slots, Tracks, cut, join, pad, resample
from eco_jax.data.window import densest

SIDE = 3000.0


def tracks(*fixes, max_gap_s=300.0):
    """Tracks of (taxi, s, x, y), sorted."""
    taxi, time, x, y = (np.array(column) for column in zip(*fixes, strict=True))
    joined = np.append(False, (np.diff(taxi) == 0) & (np.diff(time) <= max_gap_s))
    return Tracks(taxi, time, np.stack([x, y], axis=-1).astype(float), joined)


def segments(track, slot_s=5, min_slots=1, max_slots=1000):
    slots = resample(track, SIDE, slot_s)
    return pad(track, slots, *cut(slots, min_slots, max_slots), slot_s)


def test_window_metres_by_hand():
    # One degree is pi * 6,371,008.8 m / 180 = 111,195.080 m; of longitude only at the equator, at 60 N half of it.
    degree = to_metres(np.array([1.0]), np.array([1.0]), (0.0, 0.0), 0.0)
    np.testing.assert_allclose(degree, [[111_195.080, 111_195.080]], atol=1e-3)
    half = to_metres(np.array([11.0]), np.array([60.0]), (10.0, 60.0), 1000.0)
    np.testing.assert_allclose(half, [[55_597.540 + 500, 500.0]], atol=1e-3)
    # 0.01 degrees east of the default centre: 1,111.951 m * cos 39.9202 = 1,111.951 * 0.766939 = 852.798 m.
    east = to_metres(np.array([116.4501]), np.array([39.9202]), BUSY_CENTRE, SIDE)
    np.testing.assert_allclose(east, [[2352.798, 1500.0]], atol=2e-3)


@given(st.floats(-500, 3500), st.floats(-500, 3500))
def test_degrees_and_metres_are_inverse(x, y):
    longitude, latitude = to_degrees(np.array([[x, y]]), BUSY_CENTRE, SIDE)
    np.testing.assert_allclose(to_metres(longitude, latitude, BUSY_CENTRE, SIDE), [[x, y]], atol=1e-6)
    centre = [np.array([degrees]) for degrees in BUSY_CENTRE]
    from_centre = np.hypot(x - 1500, y - 1500)
    np.testing.assert_allclose(distance_m(longitude, latitude, *centre), from_centre, rtol=3e-4, atol=1e-6)


def test_positions_and_ages_by_hand():
    # 103 to 111: 80 m east, 10 m/s; 111 to 121: 40 m north, 4 m/s. Slots at 105, 110, 115 and 120.
    result = segments(tracks((9, 103, 100, 500), (9, 111, 180, 500), (9, 121, 180, 540)))
    np.testing.assert_allclose(result.position, [[[120, 500], [170, 500], [180, 516], [180, 536]]])
    assert result.last_fix.tolist() == [[[100, 500], [100, 500], [180, 500], [180, 500]]]
    assert result.last_age.tolist() == [[2, 7, 4, 9]]
    assert result.fixes.tolist() == [[1, 1, 2, 2]]
    assert result.previous_fix.tolist() == [[[100, 500]] * 4]
    assert result.previous_age.tolist() == [[0, 0, 12, 17]]
    assert (result.length.tolist(), result.taxi.tolist(), result.start_s.tolist()) == ([4], [9], [105])


def test_a_slot_at_the_time_of_a_fix_has_age_zero():
    result = segments(tracks((1, 100, 10, 10), (1, 105, 20, 20), (1, 110, 40, 10)))
    assert result.position.tolist() == result.last_fix.tolist() == [[[10, 10], [20, 20], [40, 10]]]
    assert result.last_age.tolist() == [[0, 0, 0]]
    assert result.previous_age.tolist() == [[0, 5, 5]]
    assert result.fixes.tolist() == [[1, 2, 2]]


def test_a_gap_cuts_the_track_and_hides_what_was_before():
    for gap, lengths, known in ((300, [62], 2), (301, [1, 1], 1)):
        result = segments(tracks((1, 0, 10, 10), (1, gap, 20, 10), (1, gap + 5, 30, 10)))
        assert result.length.tolist() == lengths
        last = result.length[-1] - 1
        assert result.fixes[-1, last] == known
    # Slots 0, 5, ... 305; with the cut slot 0 alone, and slot 305 alone, whose last fix is that of 301 s.
    assert result.last_age.tolist() == [[0], [4]]


def test_other_taxis_are_other_tracks():
    result = segments(tracks((1, 0, 10, 10), (1, 5, 20, 10), (2, 10, 30, 10), (2, 15, 40, 10)))
    assert result.taxi.tolist() == [1, 2]
    assert result.start_s.tolist() == [0, 10]
    assert result.fixes.tolist() == [[1, 2], [1, 2]]


def test_only_the_interpolated_position_must_be_inside():
    # From west of the window to east of it at 10 m/s: x = -95 + 10 t is inside from slot 10 s to slot 305 s.
    result = segments(tracks((1, 0, -95, 5), (1, 300, 2905, 5), (1, 320, 3105, 5)))
    assert (result.start_s.tolist(), result.length.tolist()) == ([10], [60])
    np.testing.assert_allclose(result.position[0, [0, -1], 0], [5, 2955], atol=1e-3)
    assert result.last_fix[0, 0].tolist() == [-95, 5]


def test_leaving_and_coming_back_makes_two_segments():
    result = segments(tracks((1, 0, 2980, 5), (1, 10, 3020, 5), (1, 20, 2980, 5)))
    assert (result.start_s.tolist(), result.length.tolist()) == ([0, 15], [2, 2])


def test_padding_is_zero_and_short_runs_are_left_out():
    track = tracks((1, 0, 10, 10), (1, 20, 20, 10), (2, 0, 10, 10), (2, 10, 20, 10), (3, 0, 5, 5), (3, 5, 6, 6))
    result = segments(track, min_slots=3)
    assert result.length.tolist() == [5, 3]
    for array in (result.position, result.last_fix, result.last_age, result.previous_fix, result.fixes):
        assert array.shape[:2] == (2, 5)
        assert not array[1, 3:].any()


def test_long_runs_are_cut_into_equal_parts():
    runs = Slots(*[np.zeros(0, int)] * 3, run_start=np.array([0, 10, 13]), run_length=np.array([10, 3, 7]))
    start, length = cut(runs, 3, 6)
    assert start.tolist() == [0, 5, 10, 13, 16]
    assert length.tolist() == [5, 5, 3, 3, 4]


@given(st.lists(st.integers(1, 200), min_size=1), st.integers(1, 20), st.integers(0, 30))
def test_cutting_loses_only_short_runs(runs, min_slots, extra):
    run_length = np.array(runs)
    run_start = np.cumsum(run_length) - run_length
    start, length = cut(Slots(*[np.zeros(0, int)] * 3, run_start, run_length), min_slots, 2 * min_slots + extra)
    assert np.all((length >= min_slots) & (length <= 2 * min_slots + extra))
    covered = [slot for first, count in zip(start, length, strict=True) for slot in range(first, first + count)]
    wanted = [
        slot
        for first, count in zip(run_start, runs, strict=True)
        if count >= min_slots
        for slot in range(first, first + count)
    ]
    assert covered == wanted


fix = st.tuples(st.integers(1, 2), st.integers(0, 900), st.integers(-2000, 5000), st.integers(-2000, 5000))


@given(st.lists(fix, min_size=1, max_size=12, unique_by=lambda f: f[:2]), st.integers(1, 20))
def test_slots_agree_with_a_plain_loop(fixes, slot_s):
    fixes = sorted(fixes)
    expected = []
    for (taxi, t0, x0, y0), (other, t1, x1, y1) in pairwise(fixes):
        for time in range(-(-t0 // slot_s) * slot_s, t1 if other == taxi and t1 - t0 <= 300 else t0 + 1, slot_s):
            share = (time - t0) / (t1 - t0) if time > t0 else 0
            expected.append((taxi, time, x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
    if fixes[-1][1] % slot_s == 0:
        expected.append(fixes[-1])
    tolerance = 1e-6  # a position on the very border may fall to either side
    low, high = ([f for f in expected if all(-t <= v <= SIDE + t for v in f[2:])] for t in (-tolerance, tolerance))
    track = tracks(*fixes)
    slots = resample(track, SIDE, slot_s)
    found = set(zip(track.taxi[slots.fix].tolist(), (slots.number * slot_s).tolist(), strict=True))
    assert {f[:2] for f in low} <= found <= {f[:2] for f in high}
    where = {f[:2]: f[2:] for f in expected}
    for index, number, position in zip(slots.fix, slots.number, slots.position, strict=True):
        np.testing.assert_allclose(position, where[int(track.taxi[index]), int(number) * slot_s], atol=1e-6)


def test_join_projects_and_cuts():
    longitude, latitude = to_degrees(np.array([[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]), BUSY_CENTRE, SIDE)
    fixes = Fixes(np.array([1, 1, 1]), np.array([0, 300, 601]), longitude, latitude)
    track = join(fixes, BUSY_CENTRE, SIDE, 300.0)
    assert track.joined.tolist() == [False, True, False]
    np.testing.assert_allclose(track.position, [[10, 20], [30, 40], [50, 60]], atol=1e-6)


@pytest.mark.parametrize("side", [450.0, 3000.0])
def test_the_densest_window_holds_the_cluster(side):
    rng = np.random.default_rng(0)
    crowd = (116.35, 39.85)
    around = np.concatenate([rng.uniform(0, side, (200, 2)), rng.uniform(-30_000, 30_000, (500, 2))])
    longitude, latitude = to_degrees(around, crowd, side)
    fixes = Fixes(np.arange(700), np.arange(700), longitude, latitude)
    found = densest(fixes, side)
    inside = np.all(np.abs(to_metres(longitude, latitude, found, side) - side / 2) <= side / 2, axis=1)
    assert inside[:200].mean() > 0.7
    assert distance_m(*(np.array([v]) for v in (*crowd, *found)))[0] < 200


def test_the_densest_window_of_one_fix():
    found = densest(Fixes(np.array([1]), np.array([0]), np.array([116.0]), np.array([40.0])), 3000.0)
    assert abs(to_metres(np.array([116.0]), np.array([40.0]), found, 3000.0) - 1500).max() < 1500
