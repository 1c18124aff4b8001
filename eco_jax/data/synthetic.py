"""SYNTHETIC taxi traces: made-up rows in the format of T-Drive, with every kind of dirt that real rows have.

Nothing here comes from T-Drive but the format: the roads, the taxis and their times are invented (see
`roads`), and all rows are dated to the year 2000, years before any real one. What is written carries a readme
that says so.
"""

import hashlib
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.geo import BUSY_CENTRE, to_degrees
from eco_jax.data.roads import BLOCK_M, BLOCKS, Route, route
from eco_jax.data.sources import reason
from eco_jax.data.store import check_folder, check_out
from eco_jax.errors import UserError, shown
from eco_jax.files import part_of, part_of_a_run, sha256, write_whole

START_S = 946_684_800  # 2000-01-01 00:00:00
MEAN_INTERVAL_S = 177.0

# Shares of the good rows that get dirt; at least one row of each kind while there are rows enough.
DIRT = {
    "garbled": 0.001,
    "zero": 0.0016,
    "out_of_town": 0.0045,
    "repeat": 0.002,
    "same_time": 0.001,
    "jump": 0.002,
    "reordered": 0.001,
}
_SILENT_TAXIS = 0.01  # share of taxis that never report: empty files

_TITLE = "SYNTHETIC DATA - made-up taxis, not T-Drive, not measured anywhere."
_README = (
    _TITLE
    + """
Written by eco_jax.data.synthesize (taxis={taxis}, hours={hours:g}, seed={seed}, dirt={dirt}).
The rows have the format of T-Drive: taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude. They may be used freely.
"""
)
_HASH = "SHA-256 of the rows: "  # in the readme beside one file: by it a file is known again


@dataclass(frozen=True)
class Synthetic:
    """What was written."""

    rows: int  # lines, dirt included
    taxis: int  # that report at all
    dirt: dict[str, int]  # rows by kind as in `Report`; silences of over ten minutes; empty files


def synthesize(
    out: str | Path, *, taxis: int, hours: float, seed: int, dirt: bool = True, one_file: bool = False
) -> Synthetic:
    """Write SYNTHETIC traces of made-up taxis (ids from 1) to a new folder of <id>.txt, or to one file.

    Taxis drive on a square grid of roads around the default window, 8.8 km a side, of which the window is an
    eighth. They report every 177 s on average. The same arguments give the same bytes. The readme lies in the
    folder, or beside the file. `dirt=False` leaves out all of `DIRT`, silences and empty files.

    Raises:
        UserError: a number is out of range, the folder exists and is not empty, the file exists and is none that this
            wrote, or `out` cannot be written.
    """
    _check("taxis", taxis, 1, 100_000, int | np.integer)
    _check("hours", hours, 0.1, 168, int | float | np.number)
    _check("seed", seed, 0, 2**32 - 1, int | np.integer)
    out = Path(out)
    if one_file:
        check_out(out, _wrote)
        check_out(_readme_of(out), _is_readme)
    else:
        _check_new_folder(out)
    rng = np.random.default_rng([seed, 0])
    # Each taxi has its own generator, so that a larger fleet holds the smaller one.
    streams = (np.random.default_rng([seed, taxi]) for taxi in range(1, taxis + 1))
    routes = [route(stream, hours * 3600, MEAN_INTERVAL_S, silences=dirt) for stream in streams]
    silent = rng.permutation(taxis)[: round(_SILENT_TAXIS * taxis) or 1].tolist() if dirt and taxis > 1 else []
    for index in silent:
        routes[index] = Route(np.zeros(0, np.int64), np.zeros((0, 2)), 0)
    files, made = _write_rows(routes, rng, dirt)
    readme = _README.format(taxis=taxis, hours=hours, seed=seed, dirt=dirt)
    if one_file:
        _save_file(out, files, readme)
    else:
        _save_folder(out, files, readme)
    made |= {"silences": sum(r.silences for r in routes), "empty_files": len(silent)} if dirt else {}
    return Synthetic(sum(text.count("\n") for text in files), taxis - len(silent), made)


def _check(name: str, value: float | int, low: float | int, high: float | int, kind: Any) -> None:
    if not isinstance(value, kind) or not low <= value <= high:
        raise UserError(f"{name} is {shown(value)}: allowed are {low:,} to {high:,}")


def _write_rows(routes: list[Route], rng: np.random.Generator, dirt: bool) -> tuple[list[str], dict[str, int]]:
    """The text of each taxi's file, and how many rows of each kind of dirt are in them."""
    taxi = np.repeat(np.arange(len(routes)), [r.time.size for r in routes])
    time = np.concatenate([r.time for r in routes])
    position = np.concatenate([r.position for r in routes])
    longitude, latitude = to_degrees(position, BUSY_CENTRE, BLOCKS * BLOCK_M)
    fixes = list(zip((taxi + 1).tolist(), time.tolist(), longitude.tolist(), latitude.tolist(), strict=True))
    lines = [_row(*fix) for fix in fixes]
    extra: dict[int, str] = {}  # dirty line to put after a good one
    made: dict[str, int] = {}
    if dirt:
        for kind, chosen in _choose(taxi, rng).items():
            made[kind] = len(chosen)
            for index in chosen:
                if kind == "reordered":
                    lines[index], lines[index + 1] = lines[index + 1], lines[index]
                else:
                    extra[index] = _dirty(kind, *fixes[index], variant=index)
    files: list[list[str]] = [[] for _ in routes]
    for index, line in enumerate(lines):
        files[taxi[index]] += [line, extra[index]] if index in extra else [line]
    ends = np.where(rng.random(len(routes)) < 0.5, "\n", "\r\n") if dirt else ["\n"] * len(routes)
    return ["".join(line + end for line in file) for file, end in zip(files, ends, strict=True)], made


def _choose(taxi: NDArray[np.int64], rng: np.random.Generator) -> dict[str, list[int]]:
    """Rows for each kind of dirt, apart enough that each fault is seen as what it is.

    Rows are paired with the next of their taxi, no row in two pairs, and a pair gets one fault at its first
    row.
    """
    place = np.arange(taxi.size) - np.searchsorted(taxi, taxi)
    pair = np.flatnonzero((place[:-1] % 2 == 0) & (taxi[:-1] == taxi[1:]))
    pair = rng.permutation(pair).tolist()
    chosen = {}
    for kind, share in DIRT.items():
        count = max(1, round(share * taxi.size))
        chosen[kind], pair = sorted(pair[:count]), pair[count:]
    return chosen


def _row(taxi: int, time: int, longitude: float, latitude: float) -> str:
    clock = str(np.datetime64(START_S + time, "s")).replace("T", " ")
    return f"{taxi},{clock},{longitude:.5f},{latitude:.5f}"


def _dirty(kind: str, taxi: int, time: int, longitude: float, latitude: float, *, variant: int) -> str:
    """A row with one fault, to stand after the good row of the other arguments."""
    match kind:
        case "zero":
            return _row(taxi, time + 1, 0.0, 0.0)
        case "out_of_town":
            return _row(taxi, time + 1, longitude + 10, latitude)
        case "repeat":
            return _row(taxi, time, longitude, latitude)
        case "same_time":
            return _row(taxi, time, longitude + 0.0003, latitude)
        case "jump":
            return _row(taxi, time + 1, longitude, latitude + 0.08)  # 9 km in a second
    good = _row(taxi, time + 1, longitude, latitude)
    return (good[: len(good) // 2], good.replace(".", "?"), good + ",9")[variant % 3]


def _readme_of(out: Path) -> Path:
    """Where the readme of one file lies."""
    return out.with_name(f"{out.name}.README.txt")


def _is_readme(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_TITLE)) == _TITLE.encode()


def _wrote(out: Path) -> bool:
    """Whether the rows of a file are, to the last byte, those that its readme was written for."""
    with suppress(OSError):
        return f"{_HASH}{sha256(out)}".encode() in _readme_of(out).read_bytes().splitlines()
    return False


def _save_file(out: Path, files: list[str], readme: str) -> None:
    rows = "".join(files).encode()
    try:
        write_whole(out, rows)
        write_whole(_readme_of(out), f"{readme}{_HASH}{hashlib.sha256(rows).hexdigest()}\n")
    except OSError as error:
        raise UserError(f"cannot write {shown(out, 300)}: {reason(error)}") from error


def _check_new_folder(out: Path) -> None:
    try:
        empty = not os.path.lexists(out) or not os.listdir(out)
    except OSError:  # no folder, or a closed one
        empty = False
    if not empty:
        raise UserError(f"cannot write {shown(out, 300)}: it exists, expected a new or an empty folder")
    if part_of_a_run(out):
        raise UserError(f"cannot write {shown(out, 300)}: it is part of a run")
    check_folder(out)


def _save_folder(out: Path, files: list[str], readme: str) -> None:
    there = Path(os.path.realpath(out))  # an empty folder behind a link is filled, and the link stays
    part = part_of(there)
    try:
        part.mkdir()
        for index, text in enumerate(files):
            (part / f"{index + 1}.txt").write_bytes(text.encode())
        (part / "README.txt").write_bytes(readme.encode())
        os.replace(part, there)
    except OSError as error:
        raise UserError(f"cannot write {shown(out, 300)}: {reason(error)}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
