"""`eco-jax data`: what it may overwrite, towns other than Beijing, and what it says of bad input."""

import os
import shutil
import zipfile

import numpy as np
import pytest

from eco_jax.cli.main import main
from eco_jax.data import load, prepare, synthesize

NEW_YORK = ["-74.3", "40.4", "-73.6", "41.0"]


def fails(capsys, argv):
    """The one line that a command ends with."""
    assert main(["data", *map(str, argv)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err[:-1].isprintable()
    return captured.err.strip()


def everything(folder):
    """All files below a folder, by name: links by what they lead to, others by their bytes."""
    paths = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {path: os.readlink(path) if path.is_symlink() else path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of rows, the same in a file and in a zip, a prepared trace, and a run."""
    root = tmp_path_factory.mktemp("made")
    synthesize(root / "rows", taxis=12, hours=1.0, seed=0)
    shutil.copy(root / "rows" / "3.txt", root / "3.txt")
    with zipfile.ZipFile(root / "rows.zip", "w") as archive:
        archive.write(root / "3.txt", "3.txt")
    prepare(root / "rows", root / "old.npz", min_slots=5)
    np.savez(root / "own.npz", a=np.zeros(3))
    np.savez(root / "changed.npz", **load(root / "old.npz")._asdict())
    run = root / "run"
    (run / "checkpoint" / "30").mkdir(parents=True)
    for name in ("config.toml", "checkpoint/30/manifest.json"):
        (run / name).write_text("x")
    (root / "link").symlink_to("3.txt")
    (root / "folder-link").symlink_to("rows")
    (root / "round").symlink_to("round")
    os.link(root / "rows" / "2.txt", root / "hard")
    return root


@pytest.fixture
def work(made, tmp_path):
    """A copy to write in, links and all."""
    shutil.copytree(made, tmp_path / "work", symlinks=True)
    (tmp_path / "work" / "hard").unlink()
    os.link(tmp_path / "work" / "rows" / "2.txt", tmp_path / "work" / "hard")
    return tmp_path / "work"


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        ("3.txt", "3.txt", "is read from"),
        ("3.txt", "link", "is read from"),
        ("link", "3.txt", "is read from"),
        ("rows/2.txt", "hard", "is read from"),
        ("rows", "hard", "was not written by this command"),
        ("rows.zip", "rows.zip", "is read from"),
        ("rows", "rows/2.txt", "was not written by this command"),
        ("rows", "rows/README.txt", "was not written by this command"),
        ("rows", "folder-link/2.txt", "was not written by this command"),
        ("rows", "rows/new.txt", "would be read as rows"),
        ("folder-link", "rows/new.csv", "would be read as rows"),
        ("rows", "folder-link/new.txt", "would be read as rows"),
        ("rows", "rows", "is a folder"),
        ("rows", "3.txt", "was not written by this command"),
        ("rows", "own.npz", "was not written by this command"),
        ("rows", "changed.npz", "was not written by this command"),
        ("rows", "run/config.toml", "is part of a run"),
        ("rows", "run/metrics.jsonl", "is part of a run"),
        ("rows", "run/checkpoint/30/manifest.json", "is part of a run"),
        ("rows", "run/checkpoint/31/new.npz", "does not exist"),
        ("rows", "run/checkpoint/30/new.npz", "is part of a run"),
        ("rows", "round", "no plain file"),
        ("rows", "nowhere/out.npz", "does not exist"),
    ],
)
def test_prepare_overwrites_nothing_of_others(work, capsys, source, out, said):
    before = everything(work)
    argv = ["prepare", "--source", work / source, "--out", work / out, "--min-slots", "5"]
    assert said in fails(capsys, argv)
    assert everything(work) == before


def test_prepare_replaces_no_pipe_and_no_device(made, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert "no plain file" in fails(capsys, ["prepare", "--source", made / "rows", "--out", tmp_path / "pipe"])
    assert [path.is_fifo() for path in tmp_path.iterdir()] == [True]


def test_prepare_replaces_what_it_wrote_even_through_a_link(work, capsys):
    (work / "rows" / "mine.npz").write_bytes((work / "old.npz").read_bytes())
    (work / "to-old").symlink_to("old.npz")
    (work / "to-new").symlink_to("new.npz")
    for out in ("old.npz", "rows/mine.npz", "to-old", "to-new"):
        argv = ["prepare", "--source", work / "rows", "--out", work / out, "--min-slots", "6"]
        assert main(["data", *map(str, argv)]) == 0
        assert '"min_slots": 6' in str(load(work / out).report)
    assert (work / "to-old").is_symlink()
    assert (work / "to-new").is_symlink()
    assert not list(work.rglob("*.part"))


@pytest.mark.parametrize(
    ("out", "flags", "said"),
    [
        ("rows", [], "expected a new or an empty folder"),
        ("folder-link", [], "expected a new or an empty folder"),
        ("run", [], "expected a new or an empty folder"),
        ("3.txt", [], "expected a new or an empty folder"),
        ("round", [], "expected a new or an empty folder"),
        ("run/best.toml", [], "part of a run"),
        ("run/checkpoint/40", [], "part of a run"),
        ("nowhere/rows", [], "does not exist"),
        ("3.txt", ["--one-file"], "was not written by this command"),
        ("link", ["--one-file"], "was not written by this command"),
        ("hard", ["--one-file"], "was not written by this command"),
        ("old.npz", ["--one-file"], "was not written by this command"),
        ("run/config.toml", ["--one-file"], "part of a run"),
        ("rows", ["--one-file"], "is a folder"),
        ("notes", ["--one-file"], "notes.README.txt: is there already and was not written by this command"),
    ],
)
def test_synthesize_overwrites_nothing_of_others(work, capsys, out, flags, said):
    (work / "notes.README.txt").write_text("what I know of it")
    before = everything(work)
    assert said in fails(capsys, ["synthesize", "--out", work / out, "--taxis", "2", *flags])
    assert everything(work) == before


def test_synthesize_knows_its_own_file_until_it_is_changed(tmp_path, capsys):
    out = tmp_path / "rows.txt"
    for seed in ("1", "2"):
        assert main(["data", "synthesize", "--out", str(out), "--taxis", "2", "--one-file", "--seed", seed]) == 0
    capsys.readouterr()
    with out.open("a") as rows:
        rows.write("1,2008-02-02 15:36:08,116.51172,39.92123\n")
    before = everything(tmp_path)
    assert "was not written" in fails(capsys, ["synthesize", "--out", out, "--taxis", "2", "--one-file"])
    assert everything(tmp_path) == before


def test_synthesize_fills_an_empty_folder_behind_a_link(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    assert main(["data", "synthesize", "--out", str(tmp_path / "link"), "--taxis", "2"]) == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "empty" / "2.txt").exists()


@pytest.fixture(scope="module")
def manhattan(made):
    """The rows of `made`, in New York: 190.4 degrees west and 0.8 north."""
    lines = (made / "rows" / "3.txt").read_text().splitlines()
    with (made / "manhattan.csv").open("w") as file:
        for line in lines:
            fields = line.split(",")
            if len(fields) == 4 and fields[3].replace(".", "").isdigit():
                file.write(f"{fields[0]},{fields[1]},{float(fields[2]) - 190.4:.5f},{float(fields[3]) + 0.8:.5f}\n")
    return made / "manhattan.csv"


def test_another_town(manhattan, tmp_path, capsys):
    out = tmp_path / "out.npz"
    argv = ["prepare", "--source", manhattan, "--out", out, "--min-slots", "5"]
    assert "lies in town (115.4 to 117.6 E, 39.4 to 41.1 N; set bounds" in fails(capsys, argv)
    assert main(["data", *map(str, argv), "--bounds", *NEW_YORK]) == 0
    assert " W 40." in capsys.readouterr().out
    west, south, east, north = map(float, NEW_YORK)
    longitude, latitude = load(out).centre  # the densest place, as none was asked for
    assert west < longitude < east
    assert south < latitude < north
    centre = [round(longitude + 0.001, 4), round(latitude, 4)]
    assert main(["data", *map(str, [*argv, "--bounds", *NEW_YORK, "--centre", *centre])]) == 0
    assert load(out).centre.tolist() == centre


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--bounds", "2", "48", "1", "49"], "bounds are 2 to 1 E"),
        (["--bounds", "1", "49", "2", "48"], "bounds are 49 to 48 N"),
        (["--bounds", "-180", "-85", "180", "85"], "bounds are -180 to 180 E: allowed are -180 to 180, rising, 5"),
        (["--bounds", "nan", "48", "1", "49"], "bounds is (nan, 48.0, 1.0, 49.0): allowed are"),
        (["--bounds", *NEW_YORK, "--centre", "116.44", "39.92"], "centre is 116.44, 39.92: allowed are"),
        (["--centre", "-73.96", "40.72"], "or 115.4 to 117.6 E, 39.4 to 41.1 N (bounds)"),
        (["--centre", "116.44", "39.92", "--densest"], "--centre, --densest: give one of them"),
    ],
)
def test_bounds_and_centre_are_checked(tmp_path, capsys, flags, said):
    assert said in fails(capsys, ["prepare", "--source", tmp_path, "--out", tmp_path / "o.npz", *flags])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--bounds 1 2 3", "--bounds: needs 4 values, not 3"),
        ("--bounds", "--bounds: needs 4 values, not 0"),
        ("--centre 1 east", "--centre: must be numbers, not '1', 'east'"),
        ("--hours day", "--hours: must be a number, not 'day'"),
        ("--skip nan", "--skip: must be an integer, not 'nan'"),
    ],
)
def test_values_that_are_no_such_numbers(capsys, flags, said):
    assert main(["data", "prepare", "--source", "a", "--out", "b.npz", *flags.split()]) == 2
    assert capsys.readouterr().err == f"eco-jax data: {said}\n"


def test_odd_names_are_not_echoed_raw(tmp_path, capsys):
    odd = tmp_path / "a\x1b[31m\nb"
    for argv in (["prepare", "--source", odd, "--out", tmp_path / "o.npz"], ["synthesize", "--out", odd / "x"]):
        assert "a\\x1b[31m\\nb" in fails(capsys, argv)
    assert "cannot write" in fails(capsys, ["synthesize", "--out", tmp_path / ("x" * 250), "--taxis", "1"])
