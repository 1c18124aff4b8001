"""Own server coordinates: how they are read, and what cannot be meant as metres in the area."""

import codecs

import numpy as np
import pytest

from eco_jax import make
from eco_jax.data import read_sites
from eco_jax.errors import UserError
from eco_jax.run.config import resolve

INSIDE = [[100.0, 200.0], [2900.0, 1500.0], [1500.0, -300.0]]


def refused(sites, side=3000):
    with pytest.raises(UserError) as caught:
        make(sites=np.array(sites), side=side, candidates=1)
    return str(caught.value)


def test_some_may_stand_a_little_outside():
    assert make(sites=np.array(INSIDE), candidates=2)[0].config.servers == 3
    make(sites=np.array([[4000.0, 1500.0], [10.0, 10.0]]), candidates=1)
    make(sites=np.array([[116.4, 39.9]]), candidates=1)  # one alone may be meant so


@pytest.mark.parametrize(
    "degrees",
    [
        [[116.40, 39.90], [116.45, 39.95], [116.50, 39.85]],
        [[39.90, 116.40], [39.95, 116.45]],
        [[-122.4, 37.7], [-122.5, 37.8]],
        [[151.2, -33.8], [151.3, -33.9]],
        [[2.29, 48.85], [2.35, 48.86]],
        [[-3.70, 40.41], [0.11, 43.20], [2.17, 41.38]],
    ],
)
def test_degrees_are_refused(degrees):
    for side in (1000, 3000, 100_000):
        said = refused(degrees, side)
        low, high = np.min(degrees, axis=0), np.max(degrees, axis=0)
        assert f"x is {low[0]:g} to {high[0]:g}, y {low[1]:g} to {high[1]:g}" in said
        assert f"(side = {side})" in said or "(side = 100000)" in said


def test_utm_coordinates_are_refused():
    assert "x is 448000 to 451000, y 4.419e+06 to 4.421e+06, none in the area" in refused(
        [[448_000, 4_419_000], [451_000, 4_421_000]]
    )


def test_one_far_outside_is_named():
    assert "sites: number 2, (4600, 100), lies more than half a side outside" in refused([[100, 100], [4600, 100]])
    assert "(side = 3000)" in refused([[100, 100], [0, -1501]])


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "x,y\n1,2\n3,4",
        '"x [m]","y [m]"\n1,2\n3,4'.replace(" [m]", ""),
        "\ufeffx,y\r\n1,2\r\n3,4\r\n",
        "\ufeff1, 2\n# the second\n\n3 , 4 # here\n",
        "x\ty\n1\t2\n3\t4\n",
        "x;y\r1;2\r3;4\r",
        "1 2\n 3   4\n",
        "1e0,2.0\n+3,4.\n",
    ],
)
def test_rows_as_programs_write_them(tmp_path, text):
    path = tmp_path / "sites.csv"
    path.write_bytes(text.encode())
    found = read_sites(path)
    assert {name: values.tolist() for name, values in found.items()} == {"x": [1.0, 3.0], "y": [2.0, 4.0]}


EUA = """SITE_ID,LATITUDE,LONGITUDE,NAME,STATE,LICENSING_AREA_ID,POSTCODE,SITE_PRECISION,ELEVATION,HCIS_L2
10000001,-37.81,144.96,"Shop 4, Made up Street",VIC,6,3000,Within 10 meters,,KX3R
10000002,-37.82,144.97,Tower #2,VIC,6,3000,Unknown,12,KX3R
"""
"""A set's columns, with rows made up."""


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (EUA, {"lat": [-37.81, -37.82], "lon": [144.96, 144.97]}),
        ("y,x,cpu_ghz\n1,2,8\n3,4,12.5\n", {"x": [2.0, 4.0], "y": [1.0, 3.0], "cpu_ghz": [8.0, 12.5]}),
        (
            "id;lon;lat;cache_slots;coverage_m\na;1;2;3;400\nb;5;6;7;800",
            {"lon": [1.0, 5.0], "lat": [2.0, 6.0], "cache_slots": [3.0, 7.0], "coverage_m": [400.0, 800.0]},
        ),
        ("lon,lat\n1,2\n3,4", {"lon": [1.0, 3.0], "lat": [2.0, 4.0]}),
        ("X\tY\tName\n1\t2\tTower 1", {"x": [1.0], "y": [2.0]}),
        ("Name,x,y,cpu_ghz\nMast #1,1,2,3 # here, too\nB,4,5,6#\n", {"x": [1.0, 4.0], "y": [2, 5], "cpu_ghz": [3, 6]}),
        ("x,y # m\n1,2 # here\n", {"x": [1.0], "y": [2.0]}),
    ],
)
def test_columns_by_their_names(tmp_path, text, columns):
    path = tmp_path / "sites.csv"
    path.write_text(text)
    assert {name: values.tolist() for name, values in read_sites(path).items()} == columns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lat,lon\n144.96,-37.81\n", "line 2: lat = 144.96: must lie in .*; latitude and longitude look swapped"),
        ("lat,lon\n5811500,320000\n", "line 2: lon = 320000: must lie in .*; looks like metres, not degrees"),
        ("lat,lon\n1,400\n", "line 2: lon = 400: must lie in .*; looks like metres, not degrees"),
        ("id,north,east\n1,2,3\n", "line 1: needs columns x,y in m, or lat,lon in degrees; there are 'id', 'north'"),
        ("x,y,cpu_mhz\n1,2,3\n", "line 1: unknown column 'cpu_mhz'; did you mean cpu_ghz"),
        ("x,y,coverage\n1,2,3\n", "line 1: unknown column 'coverage'; did you mean coverage_m"),
        ("x,y,cache_slots\n1,2,3\n4,5,1.5\n", "line 3: cache_slots = 1.5 replicas: must be a whole number"),
        ("x,y,cpu_ghz\n1,2,0\n", r"line 2: cpu_ghz = 0 GHz: must lie in"),
        ("x,y,id\n1,2,3\n4\n", "line 3: '4': ends before the column y"),
        ("x;y;id\n1,5;2;3\n", "line 2: x = '1,5': must be a number; a decimal comma"),
        ("x,y,cpu_ghz\n1,2 # at, 3\n", "line 2: '1,2 # at, 3': ends before the column cpu_ghz"),
        ("x,y,cpu_ghz\n1,2, # 3\n", "line 2: '1,2, # 3': ends before the column cpu_ghz"),
        ("x,y,id\n", "holds no sites"),
        ("1,2,3\n", "line 1: '1,2,3': must be x,y, two numbers in m; more columns need a header"),
    ],
)
def test_a_column_that_cannot_be_meant_is_named(tmp_path, text, said):
    path = tmp_path / "sites.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as caught:
        read_sites(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "holds no sites"),
        (b"x,y\n", "holds no sites"),
        (b"# nothing\n\n", "holds no sites"),
        (b"1,2\nx,y\n", "line 2: 'x,y': must be x,y, two numbers in m"),
        (b"x,y\nx,y\n1,2", "line 2: 'x,y': "),
        (b"1,2\n\n3\n", "line 3: '3': "),
        (b"1,2\n3,4,5\n", "line 2: '3,4,5': "),
        (b"1,2\n3,\n", "line 2: '3,': "),
        (b"1,2\n3,nan\n", "line 2: '3,nan': "),
        (b"inf,2\n", "line 1: 'inf,2': "),
        (b"1_0,2\n3,4", "line 1: '1_0,2': "),
        (b"1,2\n3,\x1b[31m4\n", "line 2: '3,\\x1b[31m4': "),
        (b"1,2\n" + b"9," * 5000 + b"\n", "line 2: '9,9,9,"),
        (codecs.BOM_UTF16_LE + "1,2\n".encode("utf-16-le"), "not UTF-8 text"),
        (b"\x93\x00\xff", "not UTF-8 text"),
    ],
)
def test_a_bad_row_is_named(tmp_path, text, said):
    path = tmp_path / "sites.csv"
    path.write_bytes(text)
    with pytest.raises(UserError) as caught:
        read_sites(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_a_run_names_the_file(tmp_path):
    path = tmp_path / "sites.csv"
    path.write_text("x,y\n116.40,39.90\n116.45,39.95\n116.46,39.95\n116.47,39.96\n")
    with pytest.raises(UserError, match=rf"^{path}: sites: x is 116.4 to 116.47.*are they degrees\?"):
        resolve({"sites": path}).make()
    with pytest.raises(UserError, match="missing.csv: cannot be read: No such file"):
        resolve({"sites": tmp_path / "missing.csv"}).make()
