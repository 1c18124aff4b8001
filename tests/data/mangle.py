"""Mangled inputs, the same for the same seed: sources of rows, and prepared traces.

Each function takes a random generator, and makes one or a few faults of many kinds in good data. `rows_in` counts what
should be found in a source, by a few lines of plain Python of its own.
"""

import gzip
import io
import os
import re
import struct
import zipfile
from pathlib import Path

import numpy as np

from eco_jax.data.geo import BUSY_CENTRE, to_degrees

HEADER = "id,time,long,lat"
WORDS = [
    "nan", "inf", "-0", "0", "1e400", "", " ", "NULL", "\u0000", "7.0", "-7", "9" * 19, "9" * 40, "116.44", "x" * 300,
    "2008-02-02 15:36:08", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "0000-00-00 00:00:00", "08-02-02 15:36:08",
    "200-02-02 15:36:08", "2008-02-02 15:36:60", "2008-02-02T15:36:08", "2008/02/02 15:36:08", "2008-02-30 12:00:00",
    "1201966568", "\u00fc", "\U0001f695", "\u202e", "\x1b[31m", "\u2028", "\x85", "\ufeff", '"', "'", ";", "١",
]  # fmt: skip
LINES = [
    HEADER, "nan,nan,nan,nan", "a,b,c,d", "", "   ", ",,,", ",", "words", "#", "id,time,long,lat,more", "\ufeff",
    "taxi_id,date time,longitude,latitude", "time,time,time,time", "\x1a", "x" * 70_000, "," * 5000,
]  # fmt: skip
NAMES = [
    "a.txt", "b.csv", "C.TXT", "deep/down/d.txt", ".hidden.txt", "README.txt", "x.dat", "noending", "é.txt", "e\nf.txt",
    "g\x1b[31m.txt", os.fsdecode(b"bad\xff.txt"), "y" * 200 + ".txt", " .txt", "__MACOSX/h.txt", "-o.txt", "z.zip",
]  # fmt: skip
SHAPES = [
    b"(99999999999,)", b"(-1, 2)", b"(2**9,)", b"(1, 99999999, 99999999)", b"(True,)", b"[1]", b"(1.0,)", b"()",
    b"(" * 300, b"(9" + b"9" * 30 + b",)", b"(0, 99999999999)",
]  # fmt: skip


def pick(rng, options):
    return options[int(rng.integers(len(options)))]


def good_rows(rng):
    """Lines of a few taxis that drive through the default window for some minutes."""
    lines = []
    for taxi in range(1, int(rng.integers(2, 5))):
        time = 946_728_000 + np.cumsum(rng.integers(5, 120, int(rng.integers(2, 12))))
        place = np.clip(1500 + np.cumsum(rng.normal(0, 200, (time.size, 2)), axis=0), 100, 2900)
        longitude, latitude = to_degrees(place, BUSY_CENTRE, 3000.0)
        for t, x, y in zip(time.tolist(), longitude.tolist(), latitude.tolist(), strict=True):
            lines.append(f"{taxi},{np.datetime64(t, 's')},{x:.5f},{y:.5f}".replace("T", " "))
    return lines


def mangle_lines(rng, lines):
    """Some faults in lines of text."""
    lines = list(lines)
    for _ in range(int(rng.integers(4))):
        at = int(rng.integers(len(lines)))
        fields = lines[at].split(",")
        match int(rng.integers(10)):
            case 0:
                fields[int(rng.integers(len(fields)))] = pick(rng, WORDS)
                lines[at] = ",".join(fields)
            case 1:
                lines.insert(at, pick(rng, LINES))
            case 2:
                lines[at] = lines[at][: int(rng.integers(len(lines[at]) + 1))]
            case 3:
                lines.insert(at, lines[at])
            case 4:
                other = int(rng.integers(len(lines)))
                lines[at], lines[other] = lines[other], lines[at]
            case 5:
                lines[at] = ",".join(reversed(fields))
            case 6:
                lines = [line.replace(",", pick(rng, [";", "\t", ", ", ",,"])) for line in lines]
            case 7:
                lines = [
                    re.sub(r",\d{4}-", pick(rng, [",0001-", ",9999-", ",2099-", ",1970-", ",08-"]), n) for n in lines
                ]
            case 8:
                lines[at] = f"{lines[at]}{lines[-1]}"
            case 9:
                lines[at] = ",".join(str(rng.normal() * 10.0 ** rng.integers(-3, 300)) for _ in range(4))
    return lines


def mangle_bytes(rng, data):
    """Some faults in bytes."""
    data = bytearray(data)
    for _ in range(int(rng.integers(3))):
        if not data:
            break
        at = int(rng.integers(len(data)))
        match int(rng.integers(5)):
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at : at + int(rng.integers(1, 30))]
            case 2:
                data[at:at] = rng.bytes(int(rng.integers(1, 30)))
            case 3:
                data[at : at + 8] = bytes(8)
            case 4:
                del data[at:]
    return bytes(data)


def text_file(rng):
    """The bytes of one file of rows: faults in its lines, its line ends, its encoding, its bytes."""
    text = pick(rng, ["\n", "\n", "\r\n", "\r", "\n\r"]).join(mangle_lines(rng, good_rows(rng)))
    if rng.random() < 0.7:
        text += "\n"
    encoding = pick(rng, ["utf-8"] * 12 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1"])
    data = text.encode(encoding, "replace")
    return mangle_bytes(rng, data) if rng.random() < 0.3 else data


def mangle_source(rng, folder):
    """Make a source in an empty folder, and return its path."""
    kind = rng.random()
    if kind < 0.4:
        path = folder / pick(rng, ["1.txt", "rows", "a.zip"])
        path.write_bytes(text_file(rng))
        return path
    if kind < 0.7:
        return _folder(rng, folder / "source")
    path = folder / "source.zip"
    path.write_bytes(_zip(rng))
    return path


def _folder(rng, source):
    source.mkdir()
    for _ in range(int(rng.integers(1, 5))):
        path = source / pick(rng, NAMES)
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path):
            continue
        match int(rng.integers(12)):
            case 0:
                path.symlink_to(pick(rng, ["nowhere", path.name, ".", "..", "/dev/null", "/dev/zero", "a.txt"]))
            case 1:
                path.mkdir()
            case 2:
                os.mkfifo(path)
            case 3:
                path.write_bytes(b"")
            case 4:
                path.write_bytes(_zip(rng))
            case _:
                path.write_bytes(text_file(rng))
    return source


def _zip(rng):
    buffer = io.BytesIO()
    method = pick(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for _ in range(int(rng.integers(1, 4))):
            name = pick(rng, NAMES).encode("utf-8", "replace").decode()
            if name not in archive.namelist() or rng.random() < 0.3:
                archive.writestr(zipfile.ZipInfo(name), text_file(rng), method)
    data = bytearray(buffer.getvalue())
    if rng.random() < 0.5:  # at its headers, which is where it hurts
        marks = [m.start() for m in re.finditer(rb"PK[\x01\x03\x05]", data)]
        at = min(pick(rng, marks) + int(rng.integers(60)), len(data) - 1)
        data[at] = pick(rng, [data[at] ^ 1 << int(rng.integers(8)), 0xFF, 0, 0x80])
    return mangle_bytes(rng, data) if rng.random() < 0.3 else bytes(data)


def rows_in(source):
    """How many rows a source holds, counted plainly; None where that takes a zip's reader."""
    if source.is_dir():
        files = [Path(folder, name) for folder, _, names in os.walk(source) for name in names]
        files = [path for path in files if path.is_file() and _named(path.relative_to(source))]
    elif zipfile.is_zipfile(source):
        return None
    else:
        files = [source]
    return sum(_count(path.read_bytes()) for path in files)


def _named(path):
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in (".txt", ".csv") and not hidden and not path.stem.lower().endswith("readme")


def _count(data):
    lines = (line.strip(" \t\ufeff") for line in re.split("\r\n|\r|\n", data.decode("utf-8", "replace")))
    return sum(bool(line) and not _is_header(line) for line in lines)


def _is_header(line):
    fields = line.lower().split(",")
    names = len(fields) == 4 and all(re.fullmatch("[a-z _]+", field) for field in fields) and fields[0][0].isalpha()
    return names and any(t in fields[1] for t in ("date", "time")) and "lon" in fields[2] and "lat" in fields[3]


# Prepared traces


def mangle_prepared(rng, arrays, path):
    """Write the arrays of a good prepared trace with faults in one of them, in its header, or in the file."""
    members = {name: _npy(array) for name, array in arrays.items()}
    for _ in range(int(rng.integers(1, 3))):
        name = pick(rng, list(arrays))
        match int(rng.integers(6)):
            case 0 | 1:
                members[name] = _npy(_mangle_array(rng, arrays[name]))
            case 2:
                members[name] = _mangle_header(rng, members[name])
            case 3:
                members[name] = mangle_bytes(rng, members[name])
            case 4:
                members[name] = _npy(arrays[pick(rng, list(arrays))])
            case 5:
                members.pop(name, None)
                name = None
        if name is None:
            break
    method = pick(rng, [zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    data = bytearray(buffer.getvalue())
    if rng.random() < 0.2:
        marks = [m.start() for m in re.finditer(rb"PK[\x01\x03\x05]", data)]
        at = min(pick(rng, marks) + int(rng.integers(60)), len(data) - 1)
        data[at] = pick(rng, [data[at] ^ 1 << int(rng.integers(8)), 0xFF, 0, 0x80])
    path.write_bytes(mangle_bytes(rng, data) if rng.random() < 0.1 else data)


def _npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), version=(1, 0), allow_pickle=True)
    return buffer.getvalue()


def _mangle_array(rng, array):
    array = np.array(array)
    match int(rng.integers(9)):
        case 0:
            kind = pick(rng, [">f4", ">f8", "f2", "c8", "O", "U3", "i8", ">i4", "?", "u1", "S4", "f8", "M8[s]"])
            try:
                return array.astype(kind)
            except (ValueError, TypeError):
                return np.array(["x", None], object)
        case 1:
            return array.astype(array.dtype.newbyteorder(">"))
        case 2:
            return array[: int(rng.integers(3))] if array.ndim else array[None]
        case 3:
            return np.asfortranarray(array)
        case 4:
            return array.T
        case 5:
            return np.zeros(pick(rng, [(), (0,), (0, 5), (2, 0), (1, 1, 1, 1), (2, 3)]), array.dtype)
        case 6 if array.dtype.kind == "U":
            text = str(array)
            return np.array(text[: len(text) // 2])
        case _ if array.dtype.kind in "fi":
            values = [np.nan, np.inf, -1, 0, 1, 2, 3, -5, 127, 1e4, 1e6, -1e6, 1e30, 2.5, -0.0]
            values = [v for v in values if array.dtype.kind == "f" or (np.isfinite(v) and abs(v) < 127)]
            flat = array.reshape(-1)
            flat[rng.integers(array.size, size=int(rng.integers(1, 4)))] = pick(rng, values)
            return flat.reshape(array.shape)
        case _:
            return array


def _mangle_header(rng, data):
    """A header that lies, or with a flipped bit, its length kept right or not."""
    size = struct.unpack("<H", data[8:10])[0]
    header, rest = bytearray(data[10 : 10 + size]), data[10 + size :]
    match int(rng.integers(4)):
        case 0 | 1:
            header[int(rng.integers(len(header.rstrip())))] ^= 1 << int(rng.integers(8))
        case 2:
            shape = pick(rng, SHAPES)
            header = bytearray(re.sub(rb"\([^)]*\)", shape, bytes(header)))
        case 3:
            descr = pick(rng, [b"|O", b"<f4", b">f4", b"<U999999999", b"<V8", b"<M8[s]", b"f", b"<i8", b"<c16", b"zz"])
            header = bytearray(re.sub(rb"'[<|>][^']*'", b"'" + descr + b"'", bytes(header)))
    return data[:8] + struct.pack("<H", len(header) if rng.random() < 0.9 else size) + bytes(header) + rest


FORMS = {
    "gps": [
        ("{id},{time},{lat},{lon}", {}), ("{id};{time};{lat};{lon}", {"sep": ";"}),
        ("{lat} {lon} 0 {s}", {"columns": "lat,lon,-,time", "sep": "space", "time": "unix"}),
        ("{id};{time}.25+01;POINT({lat} {lon})", {"columns": "id,time,latlon", "sep": ";"}),
        ('"{id}","{time}","{lat}","{lon}"', {"zone": "Europe/Rome"}),
    ],
    "xy": [("{id},{s},{x},{y}", {}), ("{id}\t{time}\t{x}\t{y}", {"sep": "tab", "time": "iso"})],
}  # fmt: skip
"""Format -> patterns of a row, and the settings that read it."""
HEADERS = ["id,time,lat,lon", "id,time,x,y", "vehicle;when;north;east", "a,b", "lat,lon,time,id", "id\ttime\tx\ty"]


def _moves(rng):
    """(who, s, m east, m north) of a few who drive for some minutes."""
    for who in range(int(rng.integers(1, 4))):
        time = 946_728_000 + np.cumsum(rng.integers(1, 60, int(rng.integers(2, 12))))
        place = np.cumsum(rng.normal(0, 100, (time.size, 2)), axis=0) + 2000
        for t, (x, y) in zip(time.tolist(), place.tolist(), strict=True):
            yield f"{who}{pick(rng, ['', '', 'a'])}", t, x, y


def _lines_of(rng, form, pattern):
    if form == "sumo":
        body = [
            line for _, t, x, y in _moves(rng)
            for line in (f'<timestep time="{t}">', f'<vehicle id="v" x="{x:.2f}" y="{y:.2f}"/>', "</timestep>")
        ]  # fmt: skip
        return ["<fcd-export>", *body, "</fcd-export>"]
    if form == "bonnmotion":
        return [
            " ".join(f"{t - 946_728_000} {x:.2f} {y:.2f}" for _, t, x, y in _moves(rng))
            for _ in range(int(rng.integers(1, 4)))
        ]
    lines = [pick(rng, HEADERS)] * (rng.random() < 0.2)
    for who, t, x, y in _moves(rng):
        lon, lat = to_degrees(np.array([[x, y]]), BUSY_CENTRE, 3000.0)
        time = str(np.datetime64(t, "s")).replace("T", " ")
        lines.append(pattern.format(id=who, time=time, s=t, x=round(x, 2), y=round(y, 2), lat=lat[0], lon=lon[0]))
    return lines


def mangle_format(rng, folder):
    """Make a source of another format than T-Drive's in an empty folder; return its path, the format, its settings."""
    form = pick(rng, ["gps", "gps", "gps", "xy", "sumo", "bonnmotion"])
    pattern, settings = pick(rng, FORMS.get(form, [("", {})]))
    lines = _lines_of(rng, form, pattern)
    if rng.random() < 0.6:
        lines = mangle_lines(rng, lines)
    data = "\n".join(lines).encode(pick(rng, ["utf-8"] * 12 + ["utf-8-sig", "utf-16", "latin-1"]), "replace")
    data = mangle_bytes(rng, data) if rng.random() < 0.3 else data
    if rng.random() < 0.1:  # read as what it is not
        form = pick(rng, ["gps", "xy", "sumo", "bonnmotion"])
        settings = {}
    name = {"sumo": "a.xml", "bonnmotion": "a.movements"}.get(form, pick(rng, ["a.csv", "a.TXT", "a.plt"]))
    if rng.random() < 0.3:
        data, name = gzip.compress(data), f"{name}.gz"
        data = mangle_bytes(rng, data) if rng.random() < 0.3 else data
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, data)
        data, name = buffer.getvalue(), "a.zip"
        data = mangle_bytes(rng, data) if rng.random() < 0.3 else data
    path = folder / name
    path.write_bytes(data)
    return path if rng.random() < 0.7 else folder, form, settings
