"""The generator of made-up rows: its format, its dirt, its way through the pipeline."""

import re

import numpy as np
import pytest

from eco_jax.data import load, prepare, synthesize
from eco_jax.data.read import read
from eco_jax.data.roads import BLOCK_M, BLOCKS, route
from eco_jax.data.synthetic import DIRT
from eco_jax.errors import UserError

ROW = re.compile(r"\d+,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\.\d{5},\d+\.\d{5}")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("synthetic") / "made"
    return path, synthesize(path, taxis=200, hours=2.0, seed=7)


def test_it_says_what_it_is(made):
    path, _ = made
    assert (path / "README.txt").read_text().startswith("SYNTHETIC DATA - made-up taxis, not T-Drive")


def test_it_has_the_format_of_t_drive(made):
    path, _ = made
    assert {file.name for file in path.iterdir()} == {
        "README.txt",
        *(f"{taxi}.txt" for taxi in range(1, 201)),
    }
    odd = 0
    for taxi in range(1, 201):
        for line in (path / f"{taxi}.txt").read_text().splitlines():
            assert line.startswith(f"{taxi},2000-01-01 0")
            odd += not ROW.fullmatch(line)
    assert 0 < odd < 20


def test_every_kind_of_dirt_comes_back_in_the_report(made, tmp_path):
    path, synthetic = made
    report = prepare(path, tmp_path / "out.npz")
    assert {**report.dropped, "reordered": report.reordered} == {"year": 0} | {
        kind: synthetic.dirt[kind] for kind in DIRT
    }
    assert all(count > 0 for count in synthetic.dirt.values())
    assert (report.rows, report.taxis) == (synthetic.rows, synthetic.taxis)
    assert report.empty_files == synthetic.dirt["empty_files"]
    for kind, share in DIRT.items():
        assert synthetic.dirt[kind] == pytest.approx(share * report.fixes, abs=1)
    ends = [b"\r\n" in file.read_bytes() for file in path.iterdir()]
    assert 50 < sum(ends) < 150


def test_it_moves_like_taxis_in_a_city(made, tmp_path):
    path, _ = made
    report = prepare(path, tmp_path / "out.npz")
    assert report.interval_mean_s == pytest.approx(177, rel=0.08)
    assert report.segments > 30
    traces = load(tmp_path / "out.npz")
    steps = np.linalg.norm(np.diff(traces.position, axis=1), axis=-1)
    valid = np.arange(1, report.longest) < traces.length[:, None]
    assert steps[valid].max() < 60 / 3.6 * 5 * 1.5
    assert 5 < steps[valid].mean() / 5 * 3.6 < 30  # km/h as the crow flies from fix to fix, stops included


def test_without_dirt_nothing_is_dropped(tmp_path):
    synthetic = synthesize(tmp_path / "made", taxis=50, hours=1.0, seed=1, dirt=False)
    report = prepare(tmp_path / "made", tmp_path / "out.npz", min_slots=10)
    assert synthetic.dirt == {}
    assert sum(report.dropped.values()) + report.reordered + report.fast_steps + report.empty_files == 0
    assert report.rows == report.fixes == synthetic.rows


@pytest.mark.parametrize("dirt", [True, False])
def test_the_same_seed_gives_the_same_bytes(tmp_path, dirt):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        synthesize(tmp_path / name, taxis=5, hours=1.0, seed=seed, dirt=dirt)
    a, b, c = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in "abc")
    assert a == b
    assert all(a[name] != c[name] for name in a if a[name])


@pytest.mark.parametrize("silences", [True, False])
def test_reports_come_on_average_at_the_interval_asked_for(silences):
    routes = [route(np.random.default_rng(k), 7 * 86_400.0, 177.0, silences=silences) for k in range(8)]
    interval = np.concatenate([np.diff(r.time) for r in routes])
    assert interval.mean() == pytest.approx(177, rel=0.03)
    assert interval.min() >= 5
    assert sum(r.silences for r in routes) == pytest.approx(0.01 * silences * interval.size, rel=0.25)


def test_taxis_keep_to_the_roads():
    position = route(np.random.default_rng(0), 7 * 86_400.0, 177.0, silences=False).position
    from_road = np.abs(position - BLOCK_M * np.round(position / BLOCK_M)).min(axis=1)
    assert from_road.max() < 30  # what the receiver's error of 5 m explains
    assert (position.min(), position.max()) == pytest.approx((0, BLOCKS * BLOCK_M), abs=60)


def test_one_file_holds_the_rows_of_the_folder(tmp_path):
    synthetic = synthesize(tmp_path / "made", taxis=12, hours=1.0, seed=5)
    assert synthesize(tmp_path / "made.txt", taxis=12, hours=1.0, seed=5, one_file=True) == synthetic
    files = b"".join((tmp_path / "made" / f"{taxi}.txt").read_bytes() for taxi in range(1, 13))
    assert (tmp_path / "made.txt").read_bytes() == files
    assert (tmp_path / "made.txt.README.txt").read_text().startswith("SYNTHETIC DATA")


def test_one_taxi_for_a_short_while(tmp_path):
    synthetic = synthesize(tmp_path / "made", taxis=1, hours=0.5, seed=0)
    assert read(tmp_path / "made").rows == synthetic.rows
    assert synthetic.taxis == 1


@pytest.mark.parametrize(("setting", "value"), [("taxis", 0), ("hours", 0.0), ("hours", float("nan")), ("seed", -1)])
def test_numbers_out_of_range_are_named(tmp_path, setting, value):
    with pytest.raises(UserError, match=f"^{setting} is .*: allowed are "):
        synthesize(tmp_path / "made", **{"taxis": 1, "hours": 1.0, "seed": 0, setting: value})
    assert not (tmp_path / "made").exists()


def test_it_never_mixes_with_other_files(tmp_path):
    (tmp_path / "1.txt").write_text("real")
    with pytest.raises(UserError, match=r"cannot write .*: it exists, expected a new or an empty folder"):
        synthesize(tmp_path, taxis=1, hours=1.0, seed=0)
    with pytest.raises(UserError, match=r"cannot write .*: the folder .* does not exist"):
        synthesize(tmp_path / "a" / "b", taxis=1, hours=1.0, seed=0)
    (tmp_path / "empty").mkdir()
    synthesize(tmp_path / "empty", taxis=1, hours=1.0, seed=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["1.txt", "empty"]
