"""Rows of taxi traces, from a file, a folder or a zip.

A row is `taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude`. Line ends may be LF, CRLF or CR. A header is skipped
wherever it stands, since single files are often concatenations: words of which the second names a time or a date, the
third a longitude, the fourth a latitude. Blank lines are not rows. A row that cannot be read is counted, and the run
goes on; so does it past a file that cannot be opened.
"""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.report import SKIPPED
from eco_jax.data.sources import ROW_FORMAT, UNREADABLE, File, reason, traces
from eco_jax.errors import UserError, shown

if TYPE_CHECKING:
    import polars as pl

BAD_ROWS_SHOWN = 5
SKIPPED_SHOWN = 3
_HEADER = r"(?i)^[a-z][a-z _]*,[a-z _]*(date|time)[a-z _]*,[a-z _]*(lon|lng)[a-z _]*,[a-z _]*lat[a-z _]*$"
_TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:[0-5]\d$"
_BATCH = 32 * 2**20  # characters: bounds the memory of parsing, whatever the size of the source
_LONGEST_LINE = 2**16  # characters: more are of no row
_CUT = "..."  # ends a line that was longer, which thus is neither blank nor a row


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
    files: int  # that were read
    empty_files: int  # without a row
    skipped: dict[str, int]  # files left out, by reason: the keys of `report.SKIPPED`
    skipped_names: dict[str, tuple[str, ...]]  # the first few of each reason
    digest: str = ""  # SHA-256 of what the files hold; not taken of T-Drive's


class Piece(NamedTuple):
    """Whole lines of one file."""

    file: int  # its number
    first_line: int
    text: str


class Account:
    """What is found on the way through the files."""

    def __init__(self) -> None:
        self.names: list[str] = []  # of the files read, fit for a message
        self.rows: list[int] = []  # of each
        self.good: list[int] = []
        self.left_out: dict[str, list[str]] = {}

    def skip(self, name: str, why: str) -> None:
        """Take down a file that is left out; see `sources.Skip`."""
        self.left_out.setdefault(why, []).append(plain(name))

    def begin(self, name: str) -> int:
        """Take down a file that is read, and give it a number."""
        self.names.append(plain(name))
        self.rows.append(0)
        self.good.append(0)
        return len(self.names) - 1

    def count(self, counts: "pl.DataFrame") -> None:
        """Add up rows and good ones of files by number."""
        for file, rows, good in counts.iter_rows():
            self.rows[file] += rows
            self.good[file] += good

    def skipped(self) -> dict[str, list[str]]:
        """Names of the files that gave nothing, by reason."""
        useless = [name for name, rows, good in zip(self.names, self.rows, self.good, strict=True) if rows and not good]
        found = {**self.left_out, "useless": useless}
        return {why: sorted(names) for why, names in sorted(found.items()) if names}


def read(source: str | Path) -> Rows:
    """Read every row of `source`: a file, a folder of `*.txt` and `*.csv`, or a zip of them.

    Files are taken in the order of their names, so that the result does not depend on the file system. Readme
    files and hidden ones are not traces.

    Raises:
        UserError: the source is missing, unreadable, or without a good row.
    """
    path, place = Path(source), shown(source, 300)
    account = Account()
    columns: list[Fixes] = []
    bad: list[str] = []
    with traces(path, account.skip) as files:
        for batch in _batches(_pieces(files, account, place)):
            good, rejected, counts = _parse(batch)
            columns.append(good)
            account.count(counts)
            for file, line, text in rejected.head(BAD_ROWS_SHOWN - len(bad)).iter_rows():
                bad.append(f"{account.names[file]}:{line}: {plain(text)}")
    rows, good_rows = sum(account.rows), sum(account.good)
    skipped = account.skipped()
    if rows == 0:
        others = f"; left out: {examples(account.left_out)}" if account.left_out else ""
        raise UserError(f"{place} holds no rows: expected *.txt or *.csv files with rows {ROW_FORMAT}{others}")
    if good_rows == 0:
        raise UserError(
            f"none of the {rows:,} rows in {place} is of the form {ROW_FORMAT}; found {bad[0]}{_hint(bad[0])}"
        )
    return Rows(
        Fixes(*(np.concatenate(parts) for parts in zip(*columns, strict=True))),
        rows,
        rows - good_rows,
        tuple(bad),
        len(account.names),
        account.rows.count(0),
        {why: len(names) for why, names in skipped.items()},
        {why: tuple(names[:SKIPPED_SHOWN]) for why, names in skipped.items()},
    )


def plain(text: str, limit: int = 60) -> str:
    """A name or a row, short and in ASCII: any terminal can print it."""
    return shown(text, limit).encode("ascii", "backslashreplace").decode()


def _hint(row: str) -> str:
    """Where a row ("file:line: text") may be of another format, which."""
    text = row.split(": ", 1)[-1]
    if text.startswith("<"):
        return "; looks like XML: --format sumo?"
    columns = len(re.split(r"[,;|\s]+|\\t", text))
    return "; other rows need --format gps, xy or bonnmotion" if columns > 2 and re.search(r"\d", text) else ""


def examples(left_out: dict[str, list[str]]) -> str:
    """One name for each reason, and how many there are."""
    return ", ".join(f"{len(n):,} {SKIPPED[why]} ({sorted(n)[0]})" for why, n in sorted(left_out.items()))


def _pieces(files: list[File], account: Account, place: str) -> Iterator[Piece]:
    """The text of all files, one by one. One that cannot be opened is left out; one that breaks off is an error."""
    for file in files:
        try:
            stream = file.open()
        except UNREADABLE:
            account.skip(file.name, "unreadable")
            continue
        number = account.begin(file.name)
        with io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as text:  # line ends become LF
            try:
                yield from cut(number, text.read)
            except UNREADABLE as error:
                raise UserError(f"cannot read {place}: {account.names[number]}: {reason(error)}") from error


def cut(file: int, read_text: Callable[[int], str]) -> Iterator[Piece]:
    """A file in pieces of whole lines."""
    line, rest = 1, ""
    while block := read_text(_BATCH):
        text, newline, rest = (rest + block).rpartition("\n")
        if newline:
            yield Piece(file, line, text)
            line += text.count("\n") + 1
        if len(rest) > _LONGEST_LINE:
            rest = rest[: _LONGEST_LINE - len(_CUT)] + _CUT
    if rest:
        yield Piece(file, line, rest)


def _batches(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    """Pieces grouped up to a size that pays for a call of the parser."""
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece.text)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _parse(batch: list[Piece]) -> "tuple[Fixes, pl.DataFrame, pl.DataFrame]":
    """The good rows of a batch, the garbled ones (file, line, text), and how many rows and good ones each file has."""
    import polars as pl

    text, line = pl.col("text"), pl.col("line")
    fields = text.str.splitn(",", 4).struct  # a fifth field stays in the fourth, which then is no number
    field = [fields.field(f"field_{k}").str.strip_chars() for k in range(4)]
    time = pl.when(field[1].str.contains(_TIME)).then(field[1])  # the parser alone takes year 8 and second 60, too
    rows = (
        pl.DataFrame(batch, schema={"file": pl.Int64, "line": pl.Int64, "text": pl.String}, orient="row")
        .with_columns(text.str.split("\n"))
        .with_columns(pl.int_ranges(line, line + text.list.len()))
        .explode("line", "text")
        .with_columns(text.str.strip_chars(" \t\r\ufeff"))  # the last is a byte order mark
        .filter(text != "", ~text.str.contains(_HEADER))
        .with_columns(
            taxi=field[0].cast(pl.Int64, strict=False),
            time=time.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False).dt.epoch("s"),
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
    counts = rows.group_by("file").agg(pl.len(), pl.col("good").sum().alias("of them good"))
    return fixes, rows.filter(~pl.col("good")).select("file", "line", "text"), counts
