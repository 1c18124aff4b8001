"""Prepared traces read back: what is damaged, of another kind or out of range is named in one line."""

import io
import os
import struct
import zipfile

import jax
import numpy as np
import pytest

from eco_jax.data import load, prepare
from eco_jax.data.store import save
from eco_jax.env.parts.mobility.replay import SHAPES, as_trace
from eco_jax.errors import UserError

REFUSED = r"x\.npz (does not exist|holds no prepared traces, or is damaged)"


@pytest.fixture
def path(tmp_path, crossing, folder):
    """A prepared file with two segments of 60 slots."""
    prepare(folder({"1.txt": crossing}), tmp_path / "x.npz", min_slots=30.0, max_slots=60.0)  # whole all the same
    return tmp_path / "x.npz"


def rewrite(path, name, member):
    """The same file with the bytes of one member replaced, all checksums right."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[f"{name}.npy"] = member(members[f"{name}.npy"])
    with zipfile.ZipFile(path, "w") as archive:
        for filename, data in members.items():
            archive.writestr(filename, data)


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version=(1, 0))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["missing", "text", "zip", "array", "cut", "scribbled", "folder", "empty"])
def test_load_refuses_other_files(path, kind):
    good = path.read_bytes()
    path.unlink()
    if kind == "text":
        path.write_text("1,2,3\n")
    elif kind == "zip":
        np.savez(path, a=np.zeros(3))
    elif kind == "array":
        with path.open("wb") as stream:
            np.save(stream, np.zeros(3))
    elif kind == "cut":
        path.write_bytes(good[:-100])
    elif kind == "scribbled":
        path.write_bytes(good[:500] + bytes([good[500] ^ 1]) + good[501:])
    elif kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    with pytest.raises(UserError, match=REFUSED):
        load(path)


def put(array, index, value):
    array = array.copy()
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("format_version", lambda a: np.array(2), "format_version is 2, expected 1"),
        ("position", lambda a: a[:, :-1], r"position is of shape \(2, 59, 2\), expected \(2, 60, 2\)"),
        ("position", lambda a: a.astype(float), r"position: f8 of shape \(2, 60, 2\), expected f4 of shape"),
        ("position", lambda a: put(a, (0, 7, 0), 3000.5), "position holds 3000.5: allowed are 0 to 3,000"),
        ("position", lambda a: put(a, (1, 59, 1), -1), "position holds -1: allowed are 0"),
        ("position", lambda a: put(a, (0, 0, 0), np.nan), "position holds a number that is not finite"),
        ("last_age", lambda a: np.full_like(a, np.inf), "last_age holds a number that is not finite"),
        ("last_age", lambda a: put(a, (0, 3), -5), "last_age holds -5: allowed are 0 to"),
        ("last_age", lambda a: put(a, (0, 3), 100_000), "last_age holds 100000: allowed are 0 to 86,400"),
        ("previous_age", lambda a: put(a, (0, 3), 1), "previous_age holds 1: must be over last_age"),
        ("previous_age", lambda a: np.zeros_like(a), "previous_age holds 0: must be over last_age"),
        ("last_fix", lambda a: put(a, (0, 3, 0), 1e30), r"last_fix holds 1e\+30: allowed are"),
        ("previous_fix", lambda a: put(a, (0, 3, 0), -1e30), r"previous_fix holds -1e\+30: allowed are"),
        ("fixes", lambda a: put(a, (0, 3), 0), "fixes holds 0: allowed are 1 to 2"),
        ("fixes", lambda a: put(a, (0, 3), 3), "fixes holds 3: allowed are 1 to 2"),
        ("fixes", lambda a: put(a, (0, 3), -1), "fixes holds -1: allowed are 1 to 2"),
        ("length", lambda a: a - 1, "length disagrees"),
        ("length", lambda a: a + 1, "length holds 61: allowed are 1 to 60"),
        ("length", lambda a: a * 0, "length holds 0: allowed are 1 to 60"),
        ("taxi", lambda a: a[:1], r"taxi is of shape \(1,\), expected \(2,\)"),
        ("slot_s", lambda a: np.array(0.0), "slot_s holds 0: allowed"),
        ("slot_s", lambda a: np.array(2.5), "slot_s is 2.5: allowed are whole"),
        ("slot_s", lambda a: np.array(301.0), "slot_s is out of range: allowed are 1 to 300"),
        ("side_m", lambda a: np.array(99.0), "position holds .*: allowed are 0 to 99"),
        ("side_m", lambda a: np.array(1e5), "side_m is out of range: allowed are 100 to 50,000"),
        ("centre", lambda a: np.array([np.nan, 0]), "centre is out of range"),
        ("start_s", lambda a: a + 1, "start_s holds a time that is not at the start of a slot"),
        ("start_s", lambda a: -a, "start_s is out of range"),
        ("report", lambda a: np.array(1.0), "report: f8 of shape"),
        ("report", lambda a: np.array(str(a)[:40]), "report is not JSON"),
    ],
)
def test_load_checks_what_it_reads(path, name, change, problem):
    good = load(path)
    save(path, good._replace(**{name: change(getattr(good, name))}))
    with pytest.raises(UserError, match=f"{REFUSED}: {problem}"):
        load(path)


def test_no_segment_at_all(path):
    good = load(path)
    save(
        path,
        good._replace(
            **{name: getattr(good, name)[:0] for name in (*SHAPES, "taxi", "start_s") if getattr(good, name).ndim}
        ),
    )
    with pytest.raises(UserError, match="position holds no segment"):
        load(path)


def test_other_forms_of_the_same_numbers_are_read(path):
    """Big-endian, columns first, compressed: as another machine or program may have kept them."""
    good = load(path)
    big = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in good._asdict().items()}
    turned = {name: np.array(array, order="F") for name, array in big.items()}
    np.savez_compressed(path, **turned)
    for one, other in zip(load(path), good, strict=True):
        assert one.dtype == other.dtype
        assert one.dtype.isnative
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 60, 2), ",  # TokenError: never closed
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 60 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 300 + "}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 60, 99999999999)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999, 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 60, -2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 60)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2, 60, 2)}",
        "{'descr': '<f4444', 'fortran_order': False, 'shape': (2, 60, 2)}",
        "{'descr': '<f4', 'fortran_order': 3, 'shape': (2, 60, 2)}",
        "{'descr': '\\d', 'fortran_order': False, 'shape': (2, 60, 2)}",
        "1+" * 5000 + "1",
        "\x00\x01",
        "",
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_header_that_lies_is_one_line_and_allocates_nothing(path, header):
    def lie(data):
        size = struct.unpack("<H", data[8:10])[0]
        return data[:8] + struct.pack("<H", len(header)) + header.encode() + data[10 + size :]

    rewrite(path, "position", lie)
    with pytest.raises(UserError, match=f"{REFUSED}: position: ") as error:
        load(path)
    assert str(error.value).isprintable()


def test_each_flipped_bit_of_a_header_is_the_same_array_or_one_line(path):
    with zipfile.ZipFile(path) as archive:
        data = archive.read("last_age.npy")
    said = []
    for bit in range(0, 8 * 80, 7):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        rewrite(path, "last_age", lambda _, flipped=flipped: bytes(flipped))
        try:
            load(path)
        except UserError as error:
            said.append(str(error))
    assert len(said) > 40
    assert all(text.isprintable() and "last_age" in text for text in said)


def test_what_is_no_plain_file_is_never_replaced(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for out in (tmp_path / "pipe", tmp_path / "link"):
        with pytest.raises(UserError, match="^cannot write .*: Is no plain file$"):
            save(out, load(path))
    assert (tmp_path / "pipe").is_fifo()


# The same arrays given to the environment


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("last_fix", None, "last_fix is missing; needed are length, fixes"),
        ("side_m", None, "side_m is missing"),
        ("position", np.zeros((2, 60)), r"position is of shape \(2, 60\), expected \(2, 60, 2\)"),
        ("position", np.full((2, 60, 2), np.nan), "position holds a number that is not finite"),
        ("position", np.full((2, 60, 2), 1e300), "position holds a number that is not finite"),
        ("position", np.full((2, 60, 2), 3001), "position holds 3001: allowed are 0 to 3,000"),
        ("fixes", np.ones((2, 59), int), r"fixes is of shape \(2, 59\), expected \(2, 60\)"),
        ("fixes", np.ones(2, int), r"fixes is of shape \(2,\), expected \(2, 60\)"),
        ("position", [[1.0], [1.0, 2.0]], "position must be numbers, not object"),
        ("position", np.full((2, 60, 2), "1"), "position must be numbers, not <U1"),
        ("length", np.array([60.0, 60.0]), "length must be whole numbers, not float64"),
        ("length", np.array([2**63, 60], np.uint64), "length holds -1: allowed are 1 to 60"),
        ("length", 60, r"length is of shape \(\), expected \(2,\)"),
        ("fixes", np.zeros((2, 60), bool), "fixes must be whole numbers, not bool"),
        ("slot_s", np.nan, "slot_s holds a number that is not finite"),
        ("slot_s", "5", "slot_s must be numbers"),
    ],
)
def test_arrays_given_to_an_environment_are_checked_and_named(path, name, value, problem):
    arrays = load(path)._asdict()
    assert as_trace(arrays, 59).starts.tolist() == [1, 2]
    arrays = {key: array for key, array in arrays.items() if key != name} | ({} if value is None else {name: value})
    with pytest.raises(UserError, match=f"^trace: {problem}"):
        as_trace(arrays, 59)


def test_lists_do_as_well_as_arrays(path):
    arrays = load(path)._asdict()
    lists = {name: arrays[name].tolist() for name in SHAPES}
    for one, other in zip(*map(jax.tree.leaves, (as_trace(lists, 59), as_trace(arrays, 59))), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
