"""The pipeline from rows to a file: contents, packing, time's arrow, errors."""

import errno
import json
import os
import re
import zipfile

import numpy as np
import pytest

from eco_jax.data import load, prepare, synthesize
from eco_jax.errors import UserError

NOON = 946_728_000  # 2000-01-01 12:00:00, when the rows of `row` and `crossing` start


def test_a_crossing_by_hand(folder, crossing, tmp_path):
    report = prepare(folder({"1.txt": crossing}), tmp_path / "out.npz")
    traces = load(tmp_path / "out.npz")
    assert (traces.length.tolist(), traces.taxi.tolist(), traces.start_s.tolist()) == (
        [120],
        [1],
        [NOON + 200],
    )
    time = 200 + 5 * np.arange(120)
    expected = np.stack([-998 + 5 * time, np.full(120, 1200)], axis=-1)[None]
    np.testing.assert_allclose(traces.position, expected, atol=1e-3)
    fix = time // 100 * 100
    np.testing.assert_allclose(traces.last_fix[0, :, 0], -998 + 5 * fix, atol=1e-3)
    np.testing.assert_allclose(traces.previous_fix[0, :, 0], -998 + 5 * (fix - 100), atol=1e-3)
    assert traces.last_age[0].tolist() == (time - fix).tolist()
    assert traces.previous_age[0].tolist() == (time - fix + 100).tolist()
    assert np.all(traces.fixes == 2)
    assert (traces.slot_s, traces.side_m, traces.centre.tolist()) == (5.0, 3000.0, [116.4401, 39.9202])

    assert (report.rows, report.fixes, report.taxis, report.window_fixes, report.window_taxis) == (
        11,
        11,
        1,
        6,
        1,
    )
    assert (report.segments, report.slots, report.longest, report.mean_taxis) == (1, 120, 120, 1.0)
    assert (report.interval_mean_s, report.interval_median_s) == (100.0, 100.0)
    assert report.step_mean_m == pytest.approx(500, rel=1e-3)


def test_mean_taxis_counts_short_stays(folder, row, tmp_path):
    # Taxi 1 stands for 300 s (61 slots), taxi 2 for the last 30 of them (7 slots): 68 / 61 at once.
    rows = [row(k, t, 500, 500) for k, t in ((1, 0), (1, 300), (2, 270), (2, 300))]
    report = prepare(folder({"all.txt": rows}), tmp_path / "out.npz")
    assert (report.segments, report.slots) == (1, 61)
    assert report.mean_taxis == pytest.approx(68 / 61, abs=1e-3)


def test_the_report_is_counted_and_readable(folder, crossing, row, tmp_path):
    dirt = [
        "here be dirt",
        crossing[0],
        row(1, 100, 0, 0),
        row(1, 105, 900, 900),
        row(1, 101, -998 + 505, 1200),
    ]
    zero = crossing[0].rsplit(",", 2)[0] + ",0,0"
    away = crossing[0].rsplit(",", 2)[0] + ",121.5,31.2"
    report = prepare(folder({"1.txt": [*crossing, *dirt, zero, away], "2.txt": b""}), tmp_path / "out.npz")
    assert report.rows == 18
    assert report.dropped == {
        "garbled": 1,
        "year": 0,
        "zero": 1,
        "out_of_town": 1,
        "repeat": 1,
        "same_time": 1,
        "jump": 1,
    }
    assert report.fixes == 12
    assert report.reordered == 4  # the repeat, the two at 100 and 105 s, and the good one at 101 s
    assert (report.files, report.empty_files) == (2, 1)
    assert report.bad_rows == ("1.txt:12: here be dirt",)
    text = str(report)
    for part in (
        "rows read",
        "18",
        "in 2 files, 1 of them empty",
        "33.33 %",
        "1.txt:12: here be dirt",
        "segments",
    ):
        assert part in text
    assert all(len(line) <= 80 for line in report.lines())
    lists = {name: list(getattr(report, name)) for name in ("bounds", "centre", "bad_rows")}  # JSON knows no tuples
    assert json.loads(report.to_json()) == vars(report) | lists


def test_the_same_rows_give_the_same_bytes(folder, tmp_path):
    made = synthesize(tmp_path / "made", taxis=60, hours=1.0, seed=3)
    assert made.dirt["garbled"] > 0
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        for file in sorted((tmp_path / "made").iterdir(), reverse=True):
            archive.write(file, f"taxi_log/{file.name}")
    synthesize(tmp_path / "all.txt", taxis=60, hours=1.0, seed=3, one_file=True)
    unix = (tmp_path / "all.txt").read_bytes().replace(b"\r\n", b"\n")
    lines = unix.decode().splitlines()
    sources = {
        "folder": tmp_path / "made",
        "again": tmp_path / "made",
        "zip": tmp_path / "made.zip",
        "file": tmp_path / "all.txt",
        "crlf": folder({"all.csv": unix.replace(b"\n", b"\r\n")}, "crlf"),
        "header": folder({"all.csv": ["id,time,long,lat", *lines]}, "header"),
        "backwards in taxis": folder({"all.csv": sorted(lines, key=lambda r: -int(r.split(",")[0]))}, "turned"),
    }
    written = {}
    for name, source in sources.items():
        report = prepare(source, tmp_path / f"{name}.npz", min_slots=20)
        assert report.rows == made.rows
        written[name] = (tmp_path / f"{name}.npz").read_bytes()
    assert set(written.values()) == {written["folder"]}
    kept = json.loads(str(load(tmp_path / "folder.npz").report))
    assert kept["dropped"] == report.dropped
    assert "bad_rows" not in kept


def test_bytes_do_not_depend_on_the_clock(folder, crossing, tmp_path, monkeypatch):
    source = folder({"1.txt": crossing})
    prepare(source, tmp_path / "a.npz")
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    prepare(source, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("change", ["moved a little", "thrown about", "gone"])
def test_no_future_leaks(row, folder, tmp_path, change):
    """Change every fix later than a moment: up to it, nothing but `position` may differ."""
    rng = np.random.default_rng(1)
    moment = 1500
    before, after = [], []
    for taxi in range(1, 31):
        times = np.cumsum(rng.integers(20, 200, 30))
        places = np.clip(1500 + np.cumsum(rng.normal(0, 200, (30, 2)), axis=0), 300, 2700)
        moves = {"moved a little": 100.0, "thrown about": 9000.0, "gone": 0.0}[change] * rng.normal(size=(30, 2))
        before += [row(taxi, int(t), *place) for t, place in zip(times, places, strict=True)]
        after += [
            row(taxi, int(t), *(place + move * (t > moment)))
            for t, place, move in zip(times, places, moves, strict=True)
            if t <= moment or change != "gone"
        ]
    seen = []
    for name, rows in (("before", before), ("after", after)):
        prepare(folder({"all.txt": rows}, name), tmp_path / f"{name}.npz", min_slots=1)
        seen.append(_slots(load(tmp_path / f"{name}.npz"), NOON + moment))
    shared = seen[0].keys() & seen[1].keys()
    assert len(shared) > 5000
    assert all(seen[0][slot][1:] == seen[1][slot][1:] for slot in shared)
    if change != "gone":  # the test would see a leak: it does see the one that physics is meant to have
        assert any(seen[0][slot][0] != seen[1][slot][0] for slot in shared)


def _slots(traces, until):
    """All that stands beside each slot up to a time, by taxi and time; the position first."""
    slots = {}
    for index, length in enumerate(traces.length):
        for slot in range(length):
            time = int(traces.start_s[index]) + 5 * slot
            if time <= until:
                beside = (getattr(traces, name)[index, slot].tolist() for name in SLOT_ARRAYS)
                slots[int(traces.taxi[index]), time] = tuple(beside)
    return slots


SLOT_ARRAYS = ("position", "last_fix", "last_age", "previous_fix", "previous_age", "fixes")


def test_options_reach_their_steps(folder, crossing, tmp_path):
    source, out = folder({"1.txt": crossing}), tmp_path / "out.npz"
    assert prepare(source, out, slot_s=10.0, min_slots=2).slots == 60
    assert prepare(source, out, side_m=1000.0, min_slots=2).slots == 40  # 1 km at 5 m/s is 200 s
    assert prepare(source, out, min_slots=10, max_slots=20).segments == 6
    assert prepare(source, out, min_slots=10).longest == 40
    for cause in ({"max_speed_kmh": 17.0}, {"max_gap_s": 99.0}):  # it drives 18 km/h, with a fix every 100 s
        with pytest.raises(UserError, match="no segment"):
            prepare(source, out, **cause)
    assert prepare(source, out, max_speed_kmh=19.0, max_gap_s=100.0).slots == 120
    west = (116.4401 - 0.0059, 39.9202)  # by 503 m, so that it enters 100 s sooner
    prepare(source, out, centre=west)
    assert load(out).start_s.tolist() == [NOON + 100]
    assert prepare(source, out, centre="densest").segments == 1


def test_no_long_segment_says_what_there_is(folder, row, tmp_path):
    rows = [row(1, 0, 5, 5), row(1, 200, 5, 5), row(2, 0, 5, 5), row(2, 10, 5, 5), row(3, 0, -5, 5)]
    with pytest.raises(UserError, match=r"no segment of 61 slots .*: 2 tracks .* the longest over 41 slots of 5 s"):
        prepare(folder({"all.txt": rows}), tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def test_hours_from_a_lone_early_fix(folder, crossing, row, tmp_path):
    source = folder({"1.txt": [row(1, -630_000_000, 500, 500), *crossing]})  # a receiver's clock that was not set yet
    said = r"hours count from the first fix, 1980-01-14 20:00:00, and hold 1 of 12 fixes: set begin$"
    with pytest.raises(UserError, match=said):
        prepare(source, tmp_path / "out.npz", hours=1)


@pytest.mark.parametrize("chosen", [{"begin": "2030-01-01"}, {"begin": "1999-12-31", "hours": 1}])
def test_a_time_without_rows(folder, crossing, tmp_path, chosen):
    said = "begin, hours: choose a time without rows; the rows are of 2000-01-01 12:00:00 to 2000-01-01 12:16:40"
    with pytest.raises(UserError, match=f"^{said}$"):
        prepare(folder({"1.txt": crossing}), tmp_path / "out.npz", **chosen)


def test_a_centre_outside_of_the_earth(tmp_path):
    said = r'centre is 500, 500: allowed are "densest", or -180 to 180 E, -85 to 85 N, in this order'
    with pytest.raises(UserError, match=f"^{said}$"):
        prepare(tmp_path, tmp_path / "out.npz", format="gps", centre=(500, 500))


def test_no_row_in_town(folder, tmp_path):
    with pytest.raises(UserError, match=r"no row of .* lies in town \(115.4 to 117.6 E, 39.4 to 41.1 N; .*: 1 zero$"):
        prepare(folder({"1.txt": ["1,2008-02-02 15:36:08,0,0"]}), tmp_path / "out.npz")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("slot_s", 0.0),
        ("slot_s", 2.5),
        ("slot_s", True),
        ("slot_s", float("nan")),
        ("side_m", 99.0),
        ("side_m", 1e6),
        ("max_gap_s", 4.0),
        ("max_speed_kmh", -1.0),
        ("min_slots", 0),
        ("max_slots", 121),
        ("centre", (39.9202, 116.4401)),
        ("centre", (float("nan"), 39.9)),
        ("centre", "busiest"),
        ("centre", list(range(1000))),
        ("centre", "\x1b" * 1000),
        ("bounds", (1, 2, 3)),
        ("bounds", "Beijing"),
        ("slot_s", "five"),
        ("side_m", [3000.0] * 1000),
    ],
)
def test_numbers_out_of_range_are_named(tmp_path, setting, value):
    with pytest.raises(UserError, match=rf"^{setting} is .*: allowed are [^\n]*$"):
        prepare(tmp_path, tmp_path / "out.npz", **{setting: value})


def test_no_row_and_no_file_is_lost_without_a_line(folder, crossing, tmp_path):
    years = [crossing[0].replace(",2000-", f",{year}-") for year in ("0001", "1969", "2100", "9999")]
    files = {"1.txt": [*crossing, *years], "2.txt": [crossing[0].replace(" ", "T")] * 2, "3.dat": crossing}
    source = folder(files)
    (source / "\u00fc.txt").symlink_to("nowhere")
    report = prepare(source, tmp_path / "out.npz")
    assert (report.rows, report.fixes) == (len(crossing) + 6, len(crossing))
    assert {reason: count for reason, count in report.dropped.items() if count} == {"garbled": 2, "year": 4}
    assert report.skipped == {"name": 1, "unreadable": 1, "useless": 1}
    text = str(report)
    assert text.isascii()
    for line in (
        "files left out                         3",
        "  not *.txt or *.csv                   1  3.dat",
        "  cannot be opened                     1  \\xfc.txt",
        "  no row that can be read              1  2.txt",
        "  cannot be read                       2  11.76 %",
        "  year not in 1970 to 2099             4  23.53 %",
    ):
        assert line in text.splitlines()
    assert all(len(line) <= 80 for line in report.lines())


def test_the_centre_of_another_town_is_its_busiest_place(folder, tmp_path):
    rows = [f"1,2000-01-01 12:{minute:02}:00,{-58.4 + 0.001 * minute:.4f},-34.6000" for minute in range(20)]
    bounds = (-58.6, -34.8, -58.3, -34.5)
    report = prepare(folder({"1.txt": rows}), tmp_path / "out.npz", bounds=bounds, min_slots=10)
    assert (report.bounds, report.fixes, report.window_fixes) == (bounds, 20, 20)
    assert re.search(r"around 58\.3\d+ W 34\.5\d+ S", str(report))
    with pytest.raises(UserError, match=r"no row of .* lies in town \(115.4 to 117.6 E.*: 20 out_of_town$"):
        prepare(tmp_path / "source", tmp_path / "out.npz", min_slots=10)


def test_an_output_that_cannot_be_written(folder, crossing, tmp_path, monkeypatch):
    source = folder({"1.txt": crossing})
    with pytest.raises(UserError, match=r"cannot write .*: the folder .*nowhere does not exist"):
        prepare(source, tmp_path / "nowhere" / "out.npz")
    with pytest.raises(UserError, match=r"is a folder; a file is to be written there"):
        prepare(source, tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"cannot write .*: no permission"):
        prepare(source, tmp_path / "out.npz")


def test_a_full_disk_leaves_the_old_file_whole(folder, crossing, tmp_path, monkeypatch):
    source, out = folder({"1.txt": crossing}), tmp_path / "out" / "out.npz"
    out.parent.mkdir()
    prepare(source, out)
    old = out.read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", full)
        with pytest.raises(UserError, match=r"cannot write .*out.npz: No space left on device"):
            prepare(source, out)
    assert [file.read_bytes() for file in out.parent.iterdir()] == [old]
