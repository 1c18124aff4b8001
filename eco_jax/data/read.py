"""Rows of taxi traces, from a file, a folder or a zip.

A row is `taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude`. Line ends may be LF or CRLF; a header (four names)
is skipped wherever it stands, since single files are often concatenations; blank lines are not rows. A row
that cannot be read is counted, and the run goes on.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.errors import UserError

if TYPE_CHECKING:
    import polars as pl

ROW_FORMAT = "taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude"
BAD_ROWS_SHOWN = 5
_SUFFIXES = (".txt", ".csv")
_HEADER = r"^[A-Za-z][A-Za-z _]*(,[A-Za-z _]+){3}$"
_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError)  # the last for encrypted zips
_BATCH_BYTES = 32 * 2**20  # bounds the memory of parsing, whatever the size of the source


class Fixes(NamedTuple):
    """Positions of taxis, one row each; all arrays are [fixes]."""

    taxi: NDArray[np.int64]
    time: NDArray[np.int64]  # s since 1970-01-01 00:00 on the rows' own clock (Beijing's, in T-Drive)
    longitude: NDArray[np.float64]  # degrees
    latitude: NDArray[np.float64]  # degrees

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Fixes":
        """The fixes that a mask keeps or an index lists, in that order."""
        return Fixes(self.taxi[chosen], self.time[chosen], self.longitude[chosen], self.latitude[chosen])


class Rows(NamedTuple):
    """What was read: the good rows in file order, and an account of the rest."""

    fixes: Fixes
    rows: int  # good and garbled
    garbled: int
    bad_rows: tuple[str, ...]  # the first few garbled ones as "file:line: text"
    files: int
    empty_files: int


class _Piece(NamedTuple):
    """Whole lines of one file."""

    file: str
    first_line: int
    text: bytes


def read(source: str | Path) -> Rows:
    """Read every row of `source`: a file, a folder of `*.txt` and `*.csv`, or a zip of them.

    Files are taken in the order of their names, so that the result does not depend on the file system. Readme
    files and hidden ones are not traces. Raises `UserError` where the source is missing, unreadable, or
    without a good row.
    """
    path = Path(source)
    files: dict[str, int] = {}
    columns: list[Fixes] = []
    bad: list[str] = []
    garbled = 0
    try:
        for batch in _batches(_pieces(path)):
            for piece in batch:
                files[piece.file] = files.get(piece.file, 0) + len(piece.text.strip())
            good, rejected = _parse(batch)
            columns.append(good)
            garbled += rejected.height
            bad += [_show(*row) for row in rejected.head(BAD_ROWS_SHOWN - len(bad)).iter_rows()]
    except _UNREADABLE as error:
        raise UserError(f"cannot read {path}: {_reason(error)}") from error
    fixes = Fixes(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))
    rows = len(fixes.taxi) + garbled
    if rows == 0:
        raise UserError(f"{path} holds no rows: expected lines of the form {ROW_FORMAT}")
    if garbled == rows:
        raise UserError(f"none of the {rows:,} rows in {path} is of the form {ROW_FORMAT}; found {bad[0]}")
    empty = sum(size == 0 for size in files.values())
    return Rows(fixes, rows, garbled, tuple(bad), len(files), empty)


def _pieces(path: Path) -> Iterator[_Piece]:
    """The text of all traces under `path`, file by file."""
    if path.is_dir():
        names = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        for name in _traces(names, path):
            with names[name].open("rb") as stream:
                yield from _cut(name, stream)
    elif not path.exists():
        raise UserError(f"{path} does not exist: expected a file, a folder of *.txt or *.csv, or a zip")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in _traces(archive.namelist(), path):
                with archive.open(name) as stream:
                    yield from _cut(name, stream)
    else:
        with path.open("rb") as stream:
            yield from _cut(path.name, stream)


def _traces(names: list[str] | dict[str, Path], path: Path) -> list[str]:
    """The names that are traces, sorted."""
    traces = sorted(name for name in names if _is_trace(PurePosixPath(name)))
    if not traces:
        raise UserError(f"{path} holds no traces: expected *.txt or *.csv files with rows {ROW_FORMAT}")
    return traces


def _is_trace(name: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return name.suffix.lower() in _SUFFIXES and not hidden and not name.stem.lower().endswith("readme")


def _cut(file: str, stream: IO[bytes] | zipfile.ZipExtFile) -> Iterator[_Piece]:
    """A file in pieces of whole lines; an empty file is one empty piece."""
    line, rest = 1, b""
    while block := stream.read(_BATCH_BYTES):
        text, newline, rest = (rest + block).rpartition(b"\n")
        if newline:
            yield _Piece(file, line, text)
            line += text.count(b"\n") + 1
    if rest or line == 1:
        yield _Piece(file, line, rest)


def _batches(pieces: Iterator[_Piece]) -> Iterator[list[_Piece]]:
    """Pieces grouped up to a size that pays for a call of the parser."""
    batch: list[_Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.text)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parse(batch: list[_Piece]) -> "tuple[Fixes, pl.DataFrame]":
    """The good rows of a batch, and the garbled ones as a frame of file, line and text."""
    import polars as pl

    text, line = pl.col("text"), pl.col("line")
    fields = text.str.splitn(",", 4).struct  # a fifth field stays in the fourth, which then is no number
    field = [fields.field(f"field_{k}").str.strip_chars() for k in range(4)]
    rows = (
        pl.DataFrame(
            [(piece.file, piece.first_line, piece.text.decode("utf-8", "replace")) for piece in batch],
            schema={"file": pl.String, "line": pl.Int64, "text": pl.String},
            orient="row",
        )
        .with_columns(text.str.split("\n"))
        .with_columns(pl.int_ranges(line, line + text.list.len()))
        .explode("line", "text")
        .with_columns(text.str.strip_chars(" \t\r\ufeff"))  # the last is a byte order mark
        .filter(text != "", ~text.str.contains(_HEADER))
        .with_columns(
            taxi=field[0].cast(pl.Int64, strict=False),
            time=field[1].str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).dt.epoch("s"),
            longitude=field[2].cast(pl.Float64, strict=False),
            latitude=field[3].cast(pl.Float64, strict=False),
        )
        .with_columns(
            good=pl.all_horizontal(
                pl.col("taxi", "time").is_not_null(),
                pl.col("longitude", "latitude").is_finite().fill_null(False),
            )
        )
    )
    good = rows.filter("good")
    fixes = Fixes(*(good[name].to_numpy() for name in Fixes._fields))
    return fixes, rows.filter(~pl.col("good")).select("file", "line", "text")


def _show(file: str, line: int, text: str) -> str:
    """A bad row in one printable line."""
    shown = text if len(text) <= 60 else text[:57] + "..."
    return f"{file}:{line}: {shown.encode('unicode_escape').decode('ascii')}"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
