"""Figures as wide as a column: sizes, fonts and formats of the files, and what they may replace."""

import re
import struct
import zlib

import numpy as np
import pytest

from eco_jax.errors import UserError
from eco_jax.metrics import ENERGY, REWARD
from eco_jax.report.figures import column
from eco_jax.report.figures.column import check_out, panels, printing, save_as, scale_of, setting_label
from eco_jax.report.figures.curves import Curve, learning_curves, smoothed
from eco_jax.report.figures.lines import Series, beside, over
from eco_jax.report.figures.terms import stacked
from eco_jax.study.statistics import Interval


def curves_of(*labels, seeds=3, updates=20):
    rising = np.linspace(0.0, 1.0, updates)[:, None] + np.arange(seeds) / 10
    return [
        Curve(label, np.arange(1.0, updates + 1 + i), {REWARD: np.vstack([rising, rising[:i]])})
        for i, label in enumerate(labels)
    ]


def drawn(path, width=3.5, labels=("a", "b")):
    with printing(path):
        made, _ = learning_curves(curves_of(*labels), [REWARD], "update", width)
        save_as(made, path)
    return path


@pytest.mark.parametrize("width", [3.5, 7.16])
def test_the_font_is_8_pt_in_a_file_of_that_width(tmp_path, width):
    """Whatever is drawn: nothing is cut off or scaled afterwards."""
    data = drawn(tmp_path / "x.pdf", width, ("a very long name of a run indeed", "b", "c")).read_bytes()
    box = re.search(rb"/MediaBox \[ *0 0 ([\d.]+) ", data)
    assert float(box.group(1)) == pytest.approx(72 * width, abs=0.01)
    streams = [zlib.decompress(s) for s in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S) if s[:1] == b"\x78"]
    sizes = {float(size) for stream in streams for size in re.findall(rb"/F\d+ ([\d.]+) Tf", stream)}
    assert sizes == {8.0}
    assert b"/FontFile2" in data  # TrueType, embedded
    assert b"/Type3" not in data


def test_a_png_has_its_size_in_dots(tmp_path):
    data = drawn(tmp_path / "x.png").read_bytes()
    assert struct.unpack(">I", data[16:20])[0] == 1050


def test_the_same_numbers_make_the_same_bytes(tmp_path):
    for suffix in ("pdf", "svg", "png"):
        one, two = (drawn(tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert one == two


@pytest.mark.parametrize("name", ["x.pdf", "x.png", "x.svg"])
def test_only_a_figure_is_replaced(tmp_path, name):
    path = tmp_path / name
    check_out(path)
    drawn(path)
    check_out(path)
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match="was not written by this command"):
        check_out(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [("x.jpg", r"must end in one of \.pdf, \.png, \.svg, \.pgf"), ("no/x.pdf", "its folder does not exist")],
)
def test_a_file_that_cannot_be_is_refused(tmp_path, name, said):
    with pytest.raises(UserError, match=said):
        check_out(tmp_path / name)


def test_pgf_without_latex_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(column.shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="PGF needs a LaTeX, one of lualatex, xelatex, pdflatex"):
        check_out(tmp_path / "x.pgf")


@pytest.mark.parametrize(
    ("count", "width", "grid"),
    [(1, 3.5, (1, 1)), (2, 3.5, (2, 1)), (2, 7.16, (1, 2)), (4, 7.16, (2, 2)), (3, 7.16, (1, 3))],
)
def test_panels_stand_side_by_side_where_there_is_room(count, width, grid):
    made, axes = panels(count, width, None, 1.5, 0.5)
    assert len(axes) == count
    assert axes[0].get_subplotspec().get_gridspec().get_geometry() == grid
    assert made.get_size_inches()[0] == width


def test_a_legend_is_never_over_data_nor_wider_than_the_figure(tmp_path):
    labels = tuple(f"a rather long name of run {i}" for i in range(8))
    with printing(tmp_path / "x.png"):
        made, _ = learning_curves(curves_of(*labels), [REWARD], "update", 3.5)
        save_as(made, tmp_path / "x.png")
        (legend,) = made.legends
        box = legend.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= made.bbox.width
        assert box.y1 <= made.axes[0].get_tightbbox().y0 + 1
        assert made.axes[0].get_window_extent().height / made.dpi > 1.0


def test_series_differ_without_colour():
    looks = {(str(s["linestyle"]), s["marker"]) for s in column.SERIES}
    assert len(looks) == len(column.SERIES)
    assert len({s["marker"] for s in column.SERIES}) == len(column.SERIES)


def test_numbers_of_the_curves(tmp_path):
    with printing(tmp_path / "x.png"):
        made, columns = learning_curves(curves_of("a", "b"), [REWARD], "update", 3.5, band="minmax")
    mine = columns["run"] == "a"
    np.testing.assert_allclose(columns["mean"][mine], np.linspace(0.1, 1.1, 20))
    np.testing.assert_allclose(columns["low"][mine], np.linspace(0.0, 1.0, 20))
    np.testing.assert_allclose(columns["high"][mine], np.linspace(0.2, 1.2, 20))
    assert (columns["run"] == "b").sum() == 21  # of other length
    assert len(made.axes[0].collections) == 2


@pytest.mark.parametrize(("band", "lines", "fills"), [("ci", 1, 1), ("minmax", 1, 1), ("seeds", 4, 0)])
def test_bands(band, lines, fills):
    made, _ = learning_curves(curves_of("a"), [REWARD], "update", 3.5, band=band)
    assert (len(made.axes[0].lines), len(made.axes[0].collections)) == (lines, fills)
    lone, _ = learning_curves(curves_of("a", seeds=1), [REWARD], "update", 3.5, band=band)
    assert (len(lone.axes[0].lines), len(lone.axes[0].collections)) == (1, 0)


def test_a_running_mean_by_hand():
    values = np.array([[0.0], [3.0], [6.0], [9.0]])
    assert smoothed(values, 1).ravel().tolist() == [0, 3, 6, 9]
    assert smoothed(values, 3).ravel().tolist() == [1.5, 3, 6, 7.5]
    assert smoothed(values, 2).ravel().tolist() == [1.5, 4.5, 7.5, 9]


def test_small_energies_are_told_in_thousandths():
    assert scale_of(ENERGY, np.array([0.2, np.nan])) == (1e3, "energy per task, mJ")
    assert scale_of(ENERGY, np.array([2.0])) == (1.0, "energy per task, J")
    assert scale_of(REWARD, np.array([0.2])) == (1.0, "reward")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("physics.sync_energy", "sync energy, mJ"), ("knowledge", "knowledge"),
        ("mobility.speed_max", "speed max, km/h"), ("physics.zzz", "physics.zzz"),
    ],
)  # fmt: skip
def test_a_setting_is_told_with_its_unit(name, label):
    assert setting_label(name) == label


def test_lines_over_a_number():
    found = {REWARD: [Interval(0.1, 0.0, 0.2), Interval(0.3, np.nan, np.nan)]}
    made, columns = over(
        [Series("twin", [0, 20], found), Series("none", [0], {REWARD: found[REWARD][:1]})], [REWARD], "x", 3.5
    )
    assert columns["series"].tolist() == ["twin", "twin", "none"]
    assert columns["mean"].tolist() == [0.1, 0.3, 0.1]
    assert made.axes[0].lines[0].get_color() == "#0072B2"  # levels look as in the report


def test_points_at_one_x_stand_beside_one_another():
    series = [Series(name, [1.0, 101.0], {}) for name in "abc"]
    linear, log = beside(series, False), beside(series, True)
    np.testing.assert_allclose([x[0] for x in linear], [0.0, 1.0, 2.0])
    assert log[0][0] < log[1][0] < log[2][0]
    np.testing.assert_allclose([linear[1], log[1]], [[1.0, 101.0]] * 2)


def test_bars_are_the_terms(tmp_path):
    row = {"energy": np.full((1, 2), 0.5), "energy/edge": np.full((1, 2), 0.3), "energy/own": np.full((1, 2), 0.2),
           "energy/uplink": np.zeros((1, 2))}  # fmt: skip
    made, columns = stacked({"a": row, "b": row}, 3.5)
    assert set(columns) == {"policy", "edge_mj", "own_mj"}  # nobody pays for the uplink here
    assert columns["edge_mj"].tolist() == [300, 300]
    assert [text.get_text() for text in made.axes[0].texts] == [" 500", " 500"]
    with pytest.raises(UserError, match="reports no terms"):
        stacked({"a": {"energy": row["energy"]}}, 3.5)
