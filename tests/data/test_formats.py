"""Formats of traces: every layout gives the same prepared trace, and what is said of what cannot be read."""

import gzip
import io
import json
import zipfile

import numpy as np
import pytest

from eco_jax import plugins
from eco_jax.cli.main import main
from eco_jax.data import load, prepare
from eco_jax.data.formats import headers
from eco_jax.data.geo import BUSY_CENTRE, TOWN, to_degrees
from eco_jax.errors import UserError
from eco_jax.parts import forget

NOON = 946_728_000  # 2000-01-01 12:00:00 UTC, when the rows of `crossing` start
CENTRE = ("--centre", "116.4401", "39.9202")


def fixes():
    """Those of `crossing`: (second, east, north), m from the corner of the default window."""
    return [(t, -998.0 + 5.0 * t, 1200.0) for t in range(0, 1001, 100)]


def degrees(east, north):
    longitude, latitude = to_degrees(np.array([[east, north]]), BUSY_CENTRE, 3000.0)
    return float(longitude[0]), float(latitude[0])


def rows(form, at=NOON):
    """A line for each fix, by a pattern with {time}, {s}, {date}, {clock}, {lat}, {lon}, {x}, {y}."""
    lines = []
    for t, east, north in fixes():
        time = str(np.datetime64(at + t, "s"))
        lon, lat = degrees(east, north)
        lines.append(
            form.format(
                time=time.replace("T", " "), s=at + t, ms=1000 * (at + t), date=time[:10], clock=time[11:],
                day=f"{time[8:10]}/{time[5:7]}/{time[:4]} {time[11:]}", lat=f"{lat:.9f}", lon=f"{lon:.9f}", x=east,
                y=north,
            )
        )  # fmt: skip
    return lines


def packed(lines):
    return gzip.compress("".join(f"{line}\n" for line in lines).encode())


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, lines in files.items():
            archive.writestr(name, lines if isinstance(lines, bytes) else "\n".join(lines))
    return buffer.getvalue()


PLT = ["Made up trajectory", "WGS 84", "Altitude is in Feet", "Reserved 3", "0,2,255,My Track,0,0,2,8421376", "0"]
LAYOUTS = {
    "header": ({"a.csv": ["id,time,lat,lon", *rows("7,{time},{lat},{lon}")]}, {}),
    "header in another order": (
        {"a.csv": ["speed,Longitude,Latitude,Timestamp,Vehicle ID", *rows("50,{lon},{lat},{time},7")]}, {}
    ),
    "header by name": (
        {"a.csv": ["cab,when,north,east", *rows("7,{time},{lat},{lon}")]},
        {"columns": "id=cab,time=when,lat=north,lon=east"},
    ),
    "no header": ({"a.txt": rows("7,{time},{lat},{lon}")}, {}),
    "order": ({"a.txt": rows("x,{lon},{lat},{time},7")}, {"columns": "-,lon,lat,time,id"}),
    "header beside an order": (
        {"a.txt": ["w,a,b,c,d", *rows("1,{lon},{lat},{time},7")]}, {"columns": "-,lon,lat,time,id"}
    ),
    "headers of a concatenation": ({"a.csv": ["id,time,lat,lon", *rows("7,{time},{lat},{lon}")] * 2}, {}),
    "semicolons": ({"a.csv": rows("7;{time};{lat};{lon}")}, {"sep": ";"}),
    "tabs": ({"a.tsv": rows("7\t{time}\t{lat}\t{lon}")}, {"sep": "tab"}),
    "quotes": ({"a.csv": ["id,note,time,lat,lon", *rows('"7","a, b","{time}","{lat}","{lon}"')]}, {}),
    "T and Z": ({"a.csv": rows("7,{date}T{clock}.250Z,{lat},{lon}")}, {}),
    "offset": ({"a.csv": rows("7,{date} {clock}+01:30,{lat},{lon}", NOON + 5400)}, {}),
    "unix": ({"a.csv": rows("7,{s},{lat},{lon}")}, {"time": "unix"}),
    "ms": ({"a.csv": rows("7,{ms},{lat},{lon}")}, {"time": "ms"}),
    "pattern": ({"a.csv": rows("7,{day},{lat},{lon}")}, {"time": "%d/%m/%Y %H:%M:%S"}),
    "zone": ({"a.csv": rows("7,{time},{lat},{lon}", NOON + 3600)}, {"zone": "Europe/Rome"}),
    "pattern in a zone": (
        {"a.csv": rows("7,{day},{lat},{lon}", NOON - 5 * 3600)},
        {"time": "%d/%m/%Y %H:%M:%S", "zone": "America/New_York"},
    ),
    # the layouts of public sets, with rows of our own
    "Roma": (
        {"taxi.txt": rows("7;{date} {clock}.000000+01;POINT({lat} {lon})", NOON + 3600)},
        {"columns": "id,time,latlon", "sep": ";"},
    ),
    "San Francisco": (
        {"new_a.txt": rows("{lat} {lon} 0 {s}")[::-1]}, {"columns": "lat,lon,-,time", "sep": "space", "time": "unix"}
    ),
    "Geolife": (
        {"Data/000/Trajectory/20000101.plt": [*PLT, *rows("{lat},{lon},0,492,36526.5,{date},{clock}")]},
        {"columns": "lat,lon,-,-,-,date,time", "skip": 6},
    ),
    "gz": ({"a.csv.gz": packed(rows("7,{time},{lat},{lon}"))}, {}),
    "zips in a folder": (
        {"one.zip": zipped({"x/a.csv": rows("7,{time},{lat},{lon}")[:5]}),
         "two.zip": zipped({"b.csv.gz": packed(rows("7,{time},{lat},{lon}")[5:]), "readme.txt": ["nothing"]})}, {}
    ),
}  # fmt: skip


@pytest.fixture
def reference(folder, crossing, tmp_path):
    """What T-Drive's format gives."""
    prepare(folder({"1.txt": crossing}, "tdrive"), tmp_path / "tdrive.npz")
    return load(tmp_path / "tdrive.npz")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_trace(folder, reference, tmp_path, layout):
    files, settings = LAYOUTS[layout]
    report = prepare(
        folder(files), tmp_path / "out.npz", format="gps", centre=BUSY_CENTRE, bounds=TOWN, max_gap_s=300, **settings
    )
    traces = load(tmp_path / "out.npz")
    assert traces.length.tolist() == [120]
    assert traces.start_s.tolist() == reference.start_s.tolist()
    for name in ("position", "last_fix", "last_age", "previous_fix", "previous_age", "fixes"):
        np.testing.assert_allclose(getattr(traces, name), getattr(reference, name), atol=2e-3, err_msg=name)
    assert report.rows == report.fixes + sum(report.dropped.values())
    kept = json.loads(str(traces.report))["origin"]
    assert kept["format"] == "gps"
    assert kept["frame"] == "degrees"
    assert len(kept["source_sha256"]) == 64
    assert {name: kept[name] for name in settings} == settings


SEMI = rows("7;{time};{lat};{lon}")
GUESSED = {
    "separator": (["id;time;lat;lon", *SEMI], {}, "--sep ';'"),
    "tab": (["id\ttime\tlat\tlon", *rows("7\t{time}\t{lat}\t{lon}")], {}, "--sep tab"),
    "space": (["id date time lat lon", *rows("7 {time} {lat} {lon}")], {}, "--sep space"),
    "separator of named columns": (
        ["a;b;c;d", *SEMI], {"columns": "id=a,time=b,lat=c,lon=d"}, "--sep ';'",
    ),
    "separator of an order": (["a;b;c;d", *SEMI], {"columns": "id,time,lat,lon"}, "--sep ';'"),
    "columns": (
        ["speed,Cab number,GPS time (UTC),Latitude (deg),startLongitude", *rows("50,7,{time},{lat},{lon}")], {},
        "--columns 'id=Cab number,time=GPS time (UTC),lat=Latitude (deg),lon=startLongitude'",
    ),
    "columns of a separator": (
        ["vehicle_no|utc_time|lat_deg|lon_deg", *rows("7|{time}|{lat}|{lon}")], {"sep": "|"},
        "--columns id=vehicle_no,time=utc_time,lat=lat_deg,lon=lon_deg",
    ),
    "both": (
        ["# made up", "", "vehicle_no;utc_time;lat_deg;lon_deg", *SEMI], {},
        "--sep ';' --columns id=vehicle_no,time=utc_time,lat=lat_deg,lon=lon_deg",
    ),
    "nothing": (["id,time,lat,lon", *rows("7,{time},{lat},{lon}")], {}, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", GUESSED)
def test_a_header_says_what_nobody_said(folder, reference, tmp_path, case):
    lines, settings, said = GUESSED[case]
    report = prepare(
        folder({"a.csv": lines}), tmp_path / "out.npz", format="gps", centre=BUSY_CENTRE, bounds=TOWN, **settings
    )
    assert report.guessed == said
    assert [line for line in str(report).splitlines() if "--" in line] == [f"read from the header: {said}"] * bool(said)
    traces = load(tmp_path / "out.npz")
    np.testing.assert_allclose(traces.position, reference.position, atol=2e-3)
    assert traces.taxi.tolist() == [7]
    # What was read from the header is recorded, so that the same settings by hand give the same bytes.
    kept = json.loads(str(traces.report))["origin"]
    own = {name: kept[name] for name in ("sep", "columns")}
    again = prepare(tmp_path / "source", tmp_path / "again.npz", format="gps", centre=BUSY_CENTRE, bounds=TOWN, **own)
    assert again.guessed == ""
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "out.npz").read_bytes()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("cab colour,time,lat,lon", {"time": 1, "lat": 2, "lon": 3}),  # a colour is nobody
        ("trip no,vehicle id,time,lat deg,lon", {"id": 1, "time": 2, "lat": 3, "lon": 4}),  # a usual name counts
        ("trip no,vehicle no,time,lat,lon", None),
        ("id,start time,end time,lat,lon", None),
        ("id,datetime utc,lat lon,x", {"id": 0, "time": 1}),  # of two kinds, of no use here
    ],
)
def test_names_mean_one_thing_or_nothing(names, said):
    found = headers.like([name.strip() for name in names.split(",")], {"id", "time", "date", "lat", "lon"})
    assert found == said


def test_files_of_tdrive_record_what_they_always_did(reference):
    assert "origin" not in json.loads(str(reference.report))


def test_names_become_numbers_in_their_order(folder, tmp_path):
    lines = [line.replace("7,", f"{name},", 1) for name in ("cab b", "cab a") for line in rows("7,{time},{lat},{lon}")]
    prepare(folder({"a.csv": lines}), tmp_path / "out.npz", format="gps", centre=BUSY_CENTRE, bounds=TOWN)
    assert load(tmp_path / "out.npz").taxi.tolist() == [0, 1]
    each = folder({f"{name}.csv": rows("{time},{lat},{lon}") for name in ("y", "x", "z")}, "each")
    prepare(each, tmp_path / "out.npz", format="gps", columns="time,lat,lon", centre=BUSY_CENTRE, bounds=TOWN)
    assert load(tmp_path / "out.npz").taxi.tolist() == [0, 1, 2]


def test_a_file_is_a_taxi_however_long_its_name_is(folder, tmp_path):
    outs = []
    for k, place in enumerate(("of-the-fleet", "of-the-fleet/" * 5)):
        source = folder({f"{place}/{name}.csv": [*rows("{time},{lat},{lon}"), "?"] for name in "xy"}, f"source{k}")
        outs.append(tmp_path / f"{k}.npz")
        report = prepare(source, outs[k], format="gps", columns="time,lat,lon", centre=BUSY_CENTRE, bounds=TOWN)
        assert report.taxis == 2
        assert report.dropped["same_time"] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert report.bad_rows[0] == f"{('of-the-fleet/' * 5)[:57]}...:12: ?"
    with pytest.raises(UserError, match=r"^of-the-fleet/\S{44}\.\.\.:1: .* look swapped"):
        prepare(source, outs[1], format="gps", columns="time,lon,lat")


def test_metres_on_a_plane(folder, reference, tmp_path):
    lines = rows("7,{s},{x},{y}", at=3600 * 12)
    prepare(folder({"a.csv": ["id,t,x,y", *lines]}), tmp_path / "out.npz", format="xy", centre=(1500, 1500))
    traces = load(tmp_path / "out.npz")
    np.testing.assert_allclose(traces.position, reference.position, atol=1e-3)
    assert traces.start_s.tolist() == [3600 * 12 + 200]
    shifted = [f"7,{NOON + t},{448_000 + x},{4_419_000 + y}" for t, x, y in fixes()]
    prepare(folder({"a.csv": shifted}, "utm"), tmp_path / "utm.npz", format="xy", centre=(449_500, 4_420_500))
    np.testing.assert_allclose(load(tmp_path / "utm.npz").position, reference.position, atol=1e-3)
    assert load(tmp_path / "utm.npz").centre.tolist() == [449_500, 4_420_500]


def fcd(step=1.0, until=120, geo=False):
    """FCD output of two made-up vehicles: x = 10 t, y = 500, and x = 1200 - 10 t, y = 510."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<!-- made up -->", '<fcd-export version="1.20">']
    for k in range(int(until / step) + 1):
        t = k * step
        lines.append(f'  <timestep time="{t:.2f}">')
        for name, x, y in (("veh.0", 10 * t, 500.0), ("bus:1", 1200 - 10 * t, 510.0)):
            if geo:
                x, y = degrees(x, y)
            lines.append(f'    <vehicle id="{name}" x="{x:.8f}" y="{y:.8f}" angle="90" speed="10" pos="1" lane="a_0"/>')
        lines.append("  </timestep>")
    return [*lines, "</fcd-export>"]


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_sumo(folder, tmp_path, step):
    report = prepare(
        folder({"fcd.xml": fcd(step)}), tmp_path / "out.npz", format="sumo", min_slots=10, centre=(600, 505)
    )
    traces = load(tmp_path / "out.npz")
    assert traces.length.tolist() == [25, 25]
    np.testing.assert_allclose(traces.position[1, :, 0], 900 + 10 * 5 * np.arange(25), atol=1e-2)  # after bus:1
    assert np.all(traces.position[1, :, 1] == traces.position[1, 0, 1])
    assert traces.last_age.max() == 0
    assert report.dropped["same_time"] == (0 if step == 1 else 240)
    assert json.loads(str(traces.report))["origin"]["geo"] is False


def test_sumo_in_degrees_and_packed(folder, tmp_path):
    source = folder({"fcd.xml.gz": packed(fcd(geo=True))})
    prepare(source, tmp_path / "out.npz", format="sumo", geo=True, min_slots=10, centre=BUSY_CENTRE)
    np.testing.assert_allclose(load(tmp_path / "out.npz").position[1, :, 0], 10 * 5 * np.arange(25), atol=1e-2)


def test_bonnmotion(folder, tmp_path):
    # Node 0 goes 100 m east in 100 s, waits 50 s, goes 100 m north in 50 s; node 1 stands.
    lines = ["# made up", "0 0 0 100.0 100.0 0.0 150 100 0 200 100 100", "0.0 50.0 50.0 200 50 50"]
    prepare(
        folder({"walk.movements": lines, "walk.params": ["model=x"]}), tmp_path / "out.npz", format="bonnmotion",
        min_slots=41, centre=(1500, 1500),
    )  # fmt: skip
    traces = load(tmp_path / "out.npz")
    assert traces.length.tolist() == [41, 41]
    t = 5 * np.arange(41)
    expected = np.stack([np.minimum(t, 100), np.clip(2 * (t - 150), 0, 100)], axis=1)
    np.testing.assert_allclose(traces.position[0], expected, atol=1e-3)
    np.testing.assert_allclose(traces.position[1], np.full((41, 2), 50.0), atol=1e-3)


def test_each_file_of_bonnmotion_has_nodes_of_its_own(folder, tmp_path):
    lines = [f"0 0 {north} 200 100 {north}" for north in (0, 50, 100)]
    sources = {"one": {"a.txt": lines}, "several": {"0.txt": ["none"], "a.txt": lines[:2], "b.movements": lines[2:]}}
    for name, files in sources.items():
        out = tmp_path / f"{name}.npz"
        prepare(folder(files, name), out, format="bonnmotion", min_slots=41, centre=(50, 50))
        assert load(out).taxi.tolist() == [0, 1, 2]
        np.testing.assert_allclose(load(out).position[:, 0, 1] - load(out).position[0, 0, 1], [0, 50, 100], atol=1e-3)


def test_any_date_a_fix_every_second_and_a_stretch_of_time(folder, tmp_path):
    """A day of one taxi with a fix every second, in 2031; and hours of it."""
    day = int(np.datetime64("2031-07-01", "s").astype(np.int64))
    t = np.arange(86_400)
    x = 1500 + 1000 * np.cos(t / 500)
    source = folder({"a.csv": [f"1,{day + k},{a:.2f},200" for k, a in zip(t.tolist(), x.tolist(), strict=True)]})
    out = tmp_path / "out.npz"
    whole = prepare(source, out, format="xy", max_slots=122)
    assert whole.slots == 86_400 // 5
    assert load(out).start_s[0] == day
    hour = prepare(source, out, format="xy", begin="2031-07-01 06:00:00", hours=1)
    assert (hour.slots, load(out).start_s[0]) == (721, day + 6 * 3600)
    assert hour.dropped["other_time"] == 86_400 - 3601
    assert prepare(source, out, format="xy", hours=0.5).slots == 361
    for odd in ("noon", "NaT", "nan", True):
        with pytest.raises(UserError, match=rf"begin = '?{odd}'?: must be as 2014-02-03 08:00:00, or s since 1970$"):
            prepare(source, out, format="xy", begin=odd)
    for odd in ("2031-07-01T06:00:00+08:00", "2031-07-01 06:00Z"):
        with pytest.raises(UserError, match=r"or s since 1970; without an offset: it is on the rows' clock"):
            prepare(source, out, format="xy", begin=odd)
    for odd in ("2031", "20310701"):
        with pytest.raises(UserError, match=rf"begin = {odd}: is in s since 1970, .*; write a date as 2014-02-03"):
            prepare(source, out, format="xy", begin=odd)


GPS = "7,{time},{lat},{lon}"
WRONG = {
    "separator": ("gps", rows(GPS.replace(",", ";")), {}, r"a.csv:1: .*; separator looks like ';': --sep ';'"),
    "tab": ("gps", rows(GPS.replace(",", "\t")), {}, r"a.csv:1: .*; separator looks like tab: --sep tab"),
    "two separators in a header": (
        "gps", ["id;time,s;lat;lon", *rows(GPS.replace(",", ";"))], {}, r"a.csv:1: .*there are 'id;time', 's;lat;lon'"
    ),
    "two columns of a kind": (
        "gps", ["id,time,start lat,end lat,lon", *rows("7,{time},{lat},{lat},{lon}")], {},
        r"a.csv:1: the header: no column for lat; there are 'id', 'time', 'start lat', 'end lat', 'lon': name it",
    ),
    "swapped": (
        "gps", rows("7,{time},{lon},{lat}"), {},
        r"a.csv:1: .*; latitude and longitude look swapped",
    ),
    "swapped within bounds": (
        "gps", ["7,2000-01-01 12:00:00,12.4,41.9"] * 3, {"bounds": (12, 41, 13, 42)},
        r"lies in town .*; latitude and longitude look swapped",
    ),
    "milliseconds": (
        "gps", rows("7,{ms},{lat},{lon}"), {"time": "unix"}, r"a.csv:1: .*; times look like milliseconds: --time ms"
    ),
    "seconds": ("gps", rows("7,{s},{lat},{lon}"), {"time": "ms"}, r"a.csv:1: .*; times look like seconds: --time unix"),
    "number for a date": ("gps", rows("7,{s},{lat},{lon}"), {}, r"a.csv:1: .*; times look like seconds: --time unix"),
    "milliseconds for a date": ("gps", rows("7,{ms},{lat},{lon}"), {}, r"times look like milliseconds: --time ms"),
    "date for a number": ("xy", rows("7,{time},{x},{y}"), {}, r"; the time looks like a date: --time iso"),
    "no date": ("gps", rows("7,{clock},{lat},{lon}"), {}, r"; the time has no date: name the column of the date, too"),
    "odd time": ("gps", rows("7,on {time},{lat},{lon}"), {}, r"; the time 'on 2000.* does not fit --time 'iso'"),
    "metres": ("gps", rows("7,{time},4419{y},448000"), {}, r"; looks like metres, not degrees: --format xy"),
    "degrees": ("xy", rows("7,{s},{lon},{lat}"), {}, r"; x and y look like degrees, not metres: --format gps"),
    "column": (
        "gps", ["cab,when,north,east", *rows(GPS)], {"columns": "id=cab,time=wenn,lat=north,lon=east"},
        r"a.csv:1: no column 'wenn' for time; there are 'cab', 'when', 'north', 'east'",
    ),
    "header": (
        "gps", ["cab,when,north,east", *rows(GPS)], {},
        r"a.csv:1: the header: no column for time and lat and lon; there are 'cab', 'when', 'north', 'east': name it",
    ),
    "header of metres": ("gps", ["id,time,x,y", *rows(GPS)], {}, r"no column for lat and lon; .*; or --format xy\?"),
    "header of degrees": ("xy", ["id,time,lat,lon", *rows(GPS)], {}, r"no column for y and x; .*; or --format gps\?"),
    "few": ("gps", rows("{time},{lat},{lon}"), {}, r"a.csv:1: .*; has 3 columns, at least 4 are needed"),
    "decimal comma": ("gps", ["7;2000-01-01 12:00:00;41,9;12,4"], {"sep": ";"}, r"lat = '41,9' has a decimal comma"),
    "no number": ("gps", ["7,2000-01-01 12:00:00,north,12.4"], {}, r"lat = 'north' is no number"),
    "binary": ("gps", b"\0\1\2\3\n\0\0", {}, r"; looks like a binary file"),
    "utf-16": ("gps", "\n".join(rows(GPS)).encode("utf-16"), {}, r"looks like a binary file, or one in UTF-16"),
    "packed": ("gps", packed(rows(GPS)), {}, r"; looks like a packed or damaged file"),
    "empty": ("gps", b"", {}, r"holds no rows: expected \*.txt or \*.csv or \*.tsv"),
    "xml": ("gps", fcd(), {}, r"; looks like XML: --format sumo\?"),
    "no xml": ("sumo", rows(GPS), {}, r"a.csv:1: is no XML, as SUMO's FCD output is: "),
    "other xml": ("sumo", ["<routes/>"], {}, r"a.csv:1: holds <routes>, expected <fcd-export>"),
    "broken xml": ("sumo", fcd()[:-5], {}, r"a.csv:\d+: the XML is damaged or breaks off: no element found"),
    "xml without a place": (
        "sumo", [line.replace(" x=", " xx=") for line in fcd()], {}, r"none of the .* found a.csv:5: <vehicle id="
    ),
    "xml in degrees": ("sumo", fcd(geo=True), {}, r"a.csv: x = .* look like degrees, not metres: --geo"),
    "xml in metres": ("sumo", fcd(), {"geo": True}, r"a.csv: x = .* look like metres, not degrees: leave --geo out"),
    "three dimensions": ("bonnmotion", ["0 1 2 3 4 5 6 7"], {}, r"a.csv:1: .*; looks like four numbers a waypoint"),
    "falling time": ("bonnmotion", ["5 1 2 3 4 5"], {}, r"the times of a node's waypoints must not fall"),
    "rows for nodes": ("bonnmotion", rows("7,{s},{x},{y}"), {}, r"--format xy\?"),
    "setting of another format": (
        "sumo", fcd(), {"sep": ";"}, r"sep = ';': format 'sumo' has no such setting; format 'gps' or 'xy' has"
    ),
    "unknown format": ("gpx", b"", {}, r"format = 'gpx': must be one of bonnmotion, gps, xy, sumo, tdrive"),
    "sep": ("gps", rows(GPS), {"sep": ";;"}, r"sep = ';;': must be one character, or tab or space"),
    "time": ("gps", rows(GPS), {"time": "epoch"}, r"time = 'epoch': must be unix, ms, us"),
    "time of day": ("gps", rows(GPS), {"time": "%H:%M"}, r"time = '%H:%M': is no pattern|found a.csv:1"),
    "zone": ("gps", rows(GPS), {"zone": "Rome"}, r"zone = 'Rome': must be a time zone"),
    "zone of numbers": ("xy", rows(GPS), {"zone": "UTC"}, r"zone = 'UTC': has no effect where times are numbers"),
    "columns": ("gps", rows(GPS), {"columns": "id,time,speed,lat,lon"}, r"columns: 'speed': must be one of id, time"),
    "T-Drive's by default": ("tdrive", rows(GPS.replace(",", ";")), {}, r"; other rows need --format gps, xy or bonn"),
    "T-Drive's or XML": ("tdrive", fcd(), {}, r"; looks like XML: --format sumo\?"),
    "columns mixed": ("gps", rows(GPS), {"columns": "id,time=x"}, r"either all by name"),
    "columns twice": ("gps", rows(GPS), {"columns": "lat,lon,time,lat"}, r"columns: 'lat' is there twice"),
    "columns too few": ("gps", rows(GPS), {"columns": "id,time"}, r"columns: no column for lat and lon"),
    "bounds": ("xy", rows(GPS), {"bounds": (0, 0, 1e6, 1)}, r"bounds are 0 to 1e\+06 E: allowed are .*500000 at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_one_line(folder, tmp_path, case):
    form, content, settings, said = WRONG[case]
    source = folder({"a.csv": content})
    with pytest.raises(UserError, match=said) as caught:
        prepare(source / "a.csv", tmp_path / "out.npz", format=form, **settings)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
    assert not (tmp_path / "out.npz").exists()


def test_damaged_archives(folder, tmp_path):
    good = packed(rows(GPS))
    with pytest.raises(UserError, match=r"cannot read .*: a.csv.gz: damaged, or packed otherwise than its name says: "):
        prepare(folder({"a.csv.gz": good[:-30]}), tmp_path / "out.npz", format="gps")
    with pytest.raises(UserError, match=r"cannot read .*: b.csv.gz: damaged, or packed otherwise"):
        prepare(folder({"b.csv.gz": rows(GPS)}, "b"), tmp_path / "out.npz", format="gps")
    broken = zipped({"c.csv": rows(GPS)})
    source = folder({"d.zip": broken[: len(broken) // 2], "c.csv": rows(GPS)}, "c")
    report = prepare(source, tmp_path / "out.npz", format="gps", centre=BUSY_CENTRE, bounds=TOWN)
    assert report.skipped == {"unreadable": 1}


def test_from_the_command_line(folder, tmp_path, capsys):
    source, out = folder({"a.csv": rows(GPS.replace(",", ";"))}), tmp_path / "out.npz"
    argv = ["data", "prepare", "--source", str(source), "--out", str(out), "--format", "gps", *CENTRE]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "separator looks like ';'" in error
    (source / "a.csv").write_text("cab_no;gps_time;lat_deg;lon_deg\n" + (source / "a.csv").read_text())
    assert main(argv) == 0
    said = "read from the header: --sep ';' --columns id=cab_no,time=gps_time,lat=lat_deg,lon=lon_deg\n"
    assert capsys.readouterr().out.startswith(said)
    assert main([*argv, "--sep", ";", "--begin", "2000-01-01 12:00:00", "--hours", "1"]) == 0
    assert "segments" in capsys.readouterr().out
    assert load(out).length.tolist() == [120]
    assert main([*argv, "--sep", ";", "--geo"]) == 2
    assert "geo = True: format 'gps' has no such setting; format 'sumo' has" in capsys.readouterr().err


PLUGIN = '''
import json
import numpy as np
from eco_jax.data.formats import Format, Found
from eco_jax.parts import register
from eco_jax.settings import whole

@register("format", "json-lines")
class JsonLines(Format):
    """A JSON object a line."""

    row = '{"who": ..., "s": ..., "lon": ..., "lat": ...}'
    suffixes = (".jsonl",)
    shift: int = whole(0, 0, 24, "hours to add")

    def parse(self, file, name):
        found = [json.loads(line) for line in file]
        t, x, y = (np.array([row[k] for row in found], float) for k in ("s", "lon", "lat"))
        yield Found([row["who"] for row in found], t + 3600 * self.shift, x, y)
'''


def test_a_format_of_a_plug_in(folder, reference, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(PLUGIN)
    lines = rows('{{"who": "a", "s": {s}, "lon": {lon}, "lat": {lat}}}')
    source, out = folder({"a.jsonl": lines}), tmp_path / "out.npz"
    argv = ["data", "prepare", "--plugin", tmp_path / "mine.py", "--source", source, "--out", out, "--format",
            "json-lines", *CENTRE]  # fmt: skip
    try:
        assert main([*map(str, argv)]) == 0
        np.testing.assert_allclose(load(out).position, reference.position, atol=2e-3)
        prepare(source, out, format="json-lines", shift=1, centre=BUSY_CENTRE)
        assert load(out).start_s.tolist() == [NOON + 200 + 3600]
        assert json.loads(str(load(out).report))["origin"]["shift"] == 1
    finally:
        plugins.LOADED.clear()
        forget("format", "json-lines")
