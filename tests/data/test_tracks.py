"""Traces from arrays: what a file of the same rows gives, and what cannot be a track."""

import numpy as np
import pytest

import eco_jax
from eco_jax.data import from_tracks, load, prepare, save
from eco_jax.data.geo import BUSY_CENTRE, to_degrees
from eco_jax.errors import UserError

T = np.arange(0, 1001, 100)
X = np.stack([-998.0 + 5.0 * T, np.full(len(T), 1200.0)], axis=1)


def test_arrays_give_what_a_file_gives(folder, tmp_path):
    lines = [f"{k},{t},{x},{y}" for k in (3, 4) for t, (x, y) in zip(T.tolist(), X.tolist(), strict=True)]
    prepare(folder({"a.csv": lines}), tmp_path / "a.npz", format="xy", centre=(1500, 1500))
    found, twice = load(tmp_path / "a.npz"), np.tile(T, 2)
    made = from_tracks(np.repeat([3, 4], len(T)), twice, np.tile(X, (2, 1)), centre=(1500, 1500))
    for name in set(found._fields) - {"report"}:
        np.testing.assert_array_equal(getattr(made, name), getattr(found, name), err_msg=name)
    save(tmp_path / "b.npz", made)
    assert load(tmp_path / "b.npz").taxi.tolist() == [3, 4]


def test_degrees_dates_and_names():
    longitude, latitude = to_degrees(X, BUSY_CENTRE, 3000.0)
    dates = np.datetime64("2014-02-01T00:00:00") + T.astype("timedelta64[s]")
    made = from_tracks(["a"] * len(T), dates, np.stack([longitude, latitude], 1), degrees=True, centre=BUSY_CENTRE)
    np.testing.assert_allclose(made.position[0, :, 0], 2 + 25 * np.arange(120), atol=1e-3)
    assert made.start_s[0] == np.datetime64("2014-02-01T00:03:20").astype("datetime64[s]").astype(int)


def test_a_world_replays_them():
    assert eco_jax.data.from_tracks is from_tracks
    env, params = eco_jax.make("tiny", trace=from_tracks(["a"] * len(T), T, X, centre=(1500, 1500)))
    assert float(params.side) == 3000
    assert params.mobility.trace.position.shape == (1, 120, 2)
    assert env.config.users == 3


@pytest.mark.parametrize(
    ("ids", "t", "xy", "said"),
    [
        (["a"], T, X, r"ids: is of shape \(1,\), must be \(11,\), as there are 11 times"),
        (["a"] * 11, T, X[:5], r"xy: is of shape \(5, 2\), must be \(11, 2\)"),
        (["a"] * 11, X, X, r"t: is of shape \(11, 2\), must be one time for each fix"),
        (["a"] * 11, ["x"] * 11, X, r"t: must be an array of numbers"),
        (["a"] * 11, T, "here", r"xy: must be an array of numbers"),
        ([0.5] * 11, T, X, r"ids: are float64, must be texts or whole numbers"),
        (["a"] * 11, T, X * np.nan, r"none of the fixes is finite"),
        ([], [], np.zeros((0, 2)), r"t: there is no fix"),
        (["a"] * 11, T * 100, X, r"no segment of 61 slots in the arrays"),
        (["a"] * 11, T - 10_000, X, r"no row of the arrays .*: 11 year"),
    ],
)
def test_what_is_no_track(ids, t, xy, said):
    with pytest.raises(UserError, match=said) as caught:
        from_tracks(ids, t, xy)
    assert str(caught.value).isprintable()
