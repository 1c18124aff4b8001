"""Own server coordinates: how they are read, and what cannot be meant as metres in the area."""

import codecs

import numpy as np
import pytest

from eco_jax import make
from eco_jax.errors import UserError
from eco_jax.run.config import resolve
from eco_jax.run.sites import read_sites

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
    np.testing.assert_array_equal(read_sites(path), [[1.0, 2.0], [3.0, 4.0]])


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
    path.write_text("lon,lat\n116.40,39.90\n116.45,39.95\n116.46,39.95\n116.47,39.96\n")
    with pytest.raises(UserError, match=rf"^{path}: sites: x is 116.4 to 116.47.*are they degrees\?"):
        resolve({"sites": path}).make()
    with pytest.raises(UserError, match="missing.csv: cannot be read: No such file"):
        resolve({"sites": tmp_path / "missing.csv"}).make()
