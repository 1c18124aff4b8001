"""Parsing: forms of rows, of files and of sources, and what is said of bad ones."""

import os
import zipfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from eco_jax.data import read as module
from eco_jax.data.read import read
from eco_jax.errors import UserError

GOOD = "7,2008-02-02 15:36:08,116.51172,39.92123"
# Of 2008-02-02 15:36:08: 13,911 days since 1970, and 56,168 s.
GOOD_TIME = 13_911 * 86_400 + 15 * 3600 + 36 * 60 + 8


def test_a_row_becomes_numbers(folder):
    rows = read(folder({"7.txt": [GOOD]}))
    assert [column.tolist() for column in rows.fixes] == [[7], [GOOD_TIME], [116.51172], [39.92123]]
    assert (rows.rows, rows.garbled, rows.bad_rows, rows.files, rows.empty_files) == (1, 0, (), 1, 0)


@pytest.mark.parametrize(
    "content",
    [
        f"{GOOD}\n{GOOD}\n",
        f"{GOOD}\n{GOOD}",
        f"{GOOD}\r\n{GOOD}\r\n",
        f"{GOOD}\r{GOOD}\r",
        f"\r{GOOD}\n\r\r\n{GOOD}",
        f"id,time,long,lat\n{GOOD}\n{GOOD}\n",
        f"id,time,long,lat\r\n{GOOD}\r\nid,time,long,lat\r\n{GOOD}",
        f"\ufefftaxi_id,date time,longitude,latitude\n{GOOD}\n\n  \n{GOOD}\n\n",
        f" 7 , 2008-02-02 15:36:08 ,116.51172, 39.92123\n\t{GOOD}  \n",
    ],
    ids=[
        "lf",
        "no last newline",
        "crlf",
        "cr",
        "all of them",
        "header",
        "headers of a concatenation",
        "bom and blank lines",
        "spaces",
    ],
)
def test_forms_of_a_file(folder, content):
    rows = read(folder({"7.txt": content.encode()}))
    assert (rows.rows, rows.garbled) == (2, 0)
    assert rows.fixes.time.tolist() == [GOOD_TIME] * 2
    assert rows.fixes.latitude.tolist() == [39.92123] * 2


@pytest.mark.parametrize(
    "bad",
    [
        "7,2008-02-02 15:3",
        "7,2008-02-02 15:36:08,116.51172",
        "7,2008-02-30 15:36:08,116.51172,39.92123",
        "7,2008-02-02 15:36:08,116.5117x,39.92123",
        "7,2008-02-02 15:36:08,nan,39.92123",
        "7,2008-02-02 15:36:08,116.51172,inf",
        "7,2008-02-02 15:36:08,116.51172,39.92123,1",
        "x,2008-02-02 15:36:08,116.51172,39.92123",
        "7.5,2008-02-02 15:36:08,116.51172,39.92123",
        ",,,",
        "words",
        "nan,nan,nan,nan",
        "NULL,NULL,NULL,NULL",
        "a,b,c,d",
        "id,time,nan,lat",
        "time,long,lat,id",
        "7,08-02-02 15:36:08,116.51172,39.92123",
        "7,200-02-02 15:36:08,116.51172,39.92123",
        "7,12008-02-02 15:36:08,116.51172,39.92123",
        "7,2008-02-02 15:36:60,116.51172,39.92123",
        "7,2008-02-02 24:00:00,116.51172,39.92123",
        "7,2008-02-02T15:36:08,116.51172,39.92123",
        "7,2008-2-2 15:36:08,116.51172,39.92123",
    ],
)
def test_a_garbled_row_is_counted_and_named(folder, bad):
    rows = read(folder({"7.txt": ["id,time,long,lat", GOOD, "", bad, GOOD]}))
    assert (rows.rows, rows.garbled, rows.fixes.taxi.size) == (3, 1, 2)
    assert rows.bad_rows == (f"7.txt:4: {bad}",)


def test_only_the_first_bad_rows_are_named_printably(folder):
    junk = b"\x00\xff\x1b[31m" + b"y" * 100
    source = folder({"1.txt": junk + b"\n" + GOOD.encode(), "2.txt": [f"bad {k}" for k in range(10)]})
    rows = read(source)
    assert rows.garbled == 11
    assert len(rows.bad_rows) == module.BAD_ROWS_SHOWN
    assert rows.bad_rows[0].startswith("1.txt:1: \\x00\\ufffd\\x1b[31myyy")
    assert all(text.isprintable() and len(text) < 100 for text in rows.bad_rows)
    assert rows.bad_rows[1] == "2.txt:1: bad 0"


def test_what_is_shown_is_short_whatever_the_names(folder):
    long = "deep/" + "n" * 200 + "\n\x1b[31m.txt"
    rows = read(folder({long: ["x" * 100_000, GOOD], "1.txt": [GOOD], ".\x1b" + "y" * 100 + ".txt": [GOOD]}))
    shown = [*rows.bad_rows, *rows.skipped_names["hidden"]]
    assert len(shown) == 2
    assert all(text.isascii() and text.isprintable() and len(text) < 150 for text in shown)
    with pytest.raises(UserError, match=r"none of the 1 rows in .*x\.\.\.$") as error:
        read(folder({"\x07.txt": ["x" * 100_000]}, "\x1b[31m"))
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 500


def test_a_line_without_end_is_one_garbled_row(folder, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 1000)
    monkeypatch.setattr(module, "_LONGEST_LINE", 2000)
    source = folder({"1.txt": f"{GOOD}\n{' ' * 30_000}{GOOD}\n{'y' * 30_000}\r{GOOD}\r\n{GOOD}".encode()})
    rows = read(source)
    assert (rows.rows, rows.garbled) == (5, 2)
    assert [text.split(":")[1] for text in rows.bad_rows] == ["2", "3"]


def test_line_numbers_hold_across_pieces_of_a_large_file(folder, monkeypatch):
    lines = [f"{GOOD}"] * 30
    lines[22] = "here"
    source = folder({"all.txt": lines}) / "all.txt"
    whole = read(source)
    monkeypatch.setattr(module, "_BATCH", 100)  # two and a half lines
    pieces = read(source)
    assert whole.bad_rows == pieces.bad_rows == ("all.txt:23: here",)
    assert whole.rows == pieces.rows == 30
    assert np.array_equal(whole.fixes.time, pieces.fixes.time)


def test_what_counts_as_a_trace(folder):
    source = folder(
        {
            "1.txt": [GOOD],
            "deep/2.csv": [GOOD],
            "3.TXT": b"",
            "README.txt": [GOOD],
            "x.Readme.txt": [GOOD],
            "git.py": [GOOD],
            ".4.txt": [GOOD],
            "__MACOSX/5.txt": [GOOD],
        }
    )
    rows = read(source)
    assert (rows.rows, rows.files, rows.empty_files) == (2, 3, 1)
    assert rows.skipped == {"hidden": 2, "name": 1, "readme": 2}
    assert rows.skipped_names["hidden"] == (".4.txt", "__MACOSX/5.txt")
    files = [file for file in source.rglob("*.*") if file.is_file()]
    with zipfile.ZipFile(source / "all.zip", "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(source))
    assert read(source / "all.zip")[1:] == rows[1:]


def test_no_file_is_lost_without_a_line(folder, tmp_path, monkeypatch):
    source = folder(
        {
            "1.txt": [GOOD],
            "2.txt": [GOOD],
            "other form.txt": [GOOD.replace(" ", "T"), GOOD.replace("-", "/")],
            "blank.txt": b"\n \r",
            "closed/5.txt": [GOOD],
            "far/6.txt": [GOOD],
        }
    )
    (source / "dangling.txt").symlink_to("nowhere")
    (source / "linked.txt").symlink_to("1.txt")
    (source / "round.txt").symlink_to("round.txt")
    (source / "elsewhere").symlink_to("far")
    (source / "back").symlink_to(".")
    os.mkfifo(source / "pipe.txt")
    opened, listed = Path.open, os.scandir

    def no_2(path, *arguments, **options):
        if path.name == "2.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    def not_closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "open", no_2)
    monkeypatch.setattr(os, "scandir", not_closed)
    rows = read(source)
    assert (rows.rows, rows.garbled, rows.fixes.taxi.size) == (5, 2, 3)
    assert (rows.files, rows.empty_files) == (5, 1)
    assert rows.skipped == {"link": 2, "special": 1, "unreadable": 4, "useless": 1}
    assert rows.skipped_names == {
        "link": ("back/", "elsewhere/"),
        "special": ("pipe.txt",),
        "unreadable": ("2.txt", "closed/", "dangling.txt"),
        "useless": ("other form.txt",),
    }


def test_files_are_read_in_the_order_of_their_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("b.txt", "c.txt", "a.txt"):
            archive.writestr(name, GOOD.replace("7,", f"{ord(name[0])},", 1))
    assert read(tmp_path / "x.zip").fixes.taxi.tolist() == [97, 98, 99]


def test_sources_without_rows_are_errors(folder, tmp_path):
    with pytest.raises(UserError, match=r"nowhere does not exist: expected a file, a folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"holds no rows: .*; left out: 1 not \*.txt or \*.csv \(a.py\)$"):
        read(folder({"a.py": [GOOD]}, "other"))
    with pytest.raises(UserError, match=r"holds no rows: expected \*.txt or \*.csv files with rows taxi id,"):
        read(folder({"1.txt": b"", "2.txt": ["id,time,long,lat"]}, "empty"))
    with pytest.raises(UserError, match=r"none of the 2 rows in .*found a.txt:1: one$"):
        read(folder({"a.txt": ["one", "two"]}, "garbled"))


def test_a_pipe_is_no_source(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is no plain file"):
        read(tmp_path / "pipe")


def test_equal_names_in_a_zip_are_all_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for taxi in (1, 2):
            with pytest.warns(UserWarning, match="Duplicate") if taxi == 2 else nullcontext():
                archive.writestr("1.txt", GOOD.replace("7,", f"{taxi},", 1))
    assert read(tmp_path / "x.zip").fixes.taxi.tolist() == [1, 2]


def test_a_zip_with_a_name_of_bad_encoding(tmp_path):
    """In its table of contents, in which case nothing can be read; or before the file, which then is left out."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.txt", GOOD)
        archive.writestr("\u00e9.txt", GOOD)  # flagged as UTF-8
    good = path.read_bytes()
    name = "\u00e9.txt".encode()
    assert good.count(name) == 2
    path.write_bytes(good.replace(name, b"\xff\xff" + name[2:]))
    with pytest.raises(UserError, match=r"^cannot read .*x.zip: a name in it is not in the encoding that it says$"):
        read(path)
    path.write_bytes(good.replace(name, b"\xff\xff" + name[2:], 1))
    rows = read(path)
    assert (rows.rows, rows.skipped, rows.skipped_names) == (1, {"unreadable": 1}, {"unreadable": ("\\xe9.txt",)})


def test_bad_zips_are_errors(folder, tmp_path):
    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("picture.png", b"")
    with pytest.raises(UserError, match=r"holds no rows: .*; left out: 1 not \*.txt or \*.csv \(picture.png\)$"):
        read(empty)
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("1.txt", f"{GOOD}\n" * 100)
    data = bytearray(broken.read_bytes())
    data[200] ^= 1
    broken.write_bytes(data)
    with pytest.raises(UserError, match=r"cannot read .*broken.zip: 1.txt: Bad CRC-32"):
        read(broken)
