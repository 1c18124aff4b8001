"""What a format of traces is: it turns the files of a source into fixes."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.geo import DEGREES, Bounds, Frame
from eco_jax.data.read import BAD_ROWS_SHOWN, SKIPPED_SHOWN, Account, Fixes, Rows, examples, plain
from eco_jax.data.sources import UNREADABLE, ZIP, endings, reason, traces
from eco_jax.errors import UserError, shown
from eco_jax.parts import Part, variant
from eco_jax.settings import specs

_LATEST = 2.0**53
"""Times beyond are no times, s: `clean` drops what comes of them."""
_LONGEST_NAME = 2**20  # characters: no file's is longer, escaped or not


class Found(NamedTuple):
    """Fixes of a file, or of a part of it."""

    ids: Any  # [fixes] whose they are: texts or whole numbers
    time: NDArray[np.float64]  # [fixes] s since 1970-01-01 00:00
    x: NDArray[np.float64]  # [fixes] longitude in degrees, or m to the east: as `frame` says
    y: NDArray[np.float64]  # [fixes] latitude in degrees, or m to the north
    bad: tuple[tuple[int, str], ...] = ()  # (line, text) of rows that cannot be read, at least the first few
    garbled: int = 0  # how many cannot


class Format(Part, kind="format"):
    """How traces are written. A new one needs `parse`; its settings are declared as those of any part."""

    row: ClassVar[str] = "as the format has them"
    """what a row looks like, for a message"""
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".csv", ".txt.gz", ".csv.gz", ZIP)
    """endings of the names of traces in a folder or a zip, in small letters"""
    counted: ClassVar[bool] = False
    """whether ids are numbers from 0 on in each file: those of several files are counted on"""
    town: ClassVar[Bounds | None] = None
    """bounds of the town by default; None: the extent of the rows"""

    @property
    def frame(self) -> Frame:
        """What positions are in."""
        return DEGREES

    def parse(self, file: IO[bytes], name: str) -> Iterator[Found]:
        """The fixes of one file, in one piece or in several.

        Args:
            file: its bytes, unpacked.
            name: of it, in full, for who moves where rows do not say it; `read.plain(name)` fits a message.

        Raises:
            UserError: it is no file of this format; the message names file and line.
        """
        raise NotImplementedError

    def fitted(self, source: Path) -> tuple["Format", str]:
        """The format with what it was not told and the source itself says; and that in words, empty for nothing.

        Raises:
            UserError: the source is missing, or settings cannot be meant.
        """
        return self, ""

    def hint(self, text: str) -> str:
        """What may be wrong with a row that cannot be read, beginning with "; "; empty where nothing comes to mind."""
        return ""

    def origin(self, rows: Rows) -> dict[str, Any]:
        """What a prepared file records of where it is from."""
        settings = {name: getattr(self, name) for name in specs(type(self))}
        return {"format": self.name, **settings, "frame": self.frame.name, "source_sha256": rows.digest}

    def read(self, source: Path) -> Rows:
        """All fixes of a file, a folder or a zip, in the order of the files' names.

        Raises:
            UserError: the source is missing, unreadable or damaged, or holds no fix.
        """
        place, account, digests = shown(source, 300), Account(), []
        found: list[Found] = []
        bad: list[str] = []
        first_bad, next_id = "", 0
        with traces(source, account.skip, self.suffixes) as files:
            for file in files:
                try:
                    stream = file.open()
                except UNREADABLE:
                    account.skip(file.name, "unreadable")
                    continue
                number, digest = account.begin(file.name), hashlib.sha256()
                name, first_id = account.names[number], next_id
                try:
                    with stream, io.BufferedReader(_Hashed(stream, digest), 2**20) as hashed:
                        for part in self.parse(hashed, plain(file.name, _LONGEST_NAME)):
                            if self.counted and len(part.time):
                                part = part._replace(ids=np.asarray(part.ids) + first_id)
                                next_id = max(next_id, int(part.ids.max()) + 1)
                            found.append(part)
                            first_bad = first_bad or (part.bad[0][1] if part.bad else "")
                            bad += [f"{name}:{line}: {plain(text)}" for line, text in part.bad]
                            account.rows[number] += len(part.time) + part.garbled
                            account.good[number] += len(part.time)
                        while not hashed.closed and hashed.read(2**20):
                            pass  # what the format did not look at
                except UserError:
                    raise
                except UNREADABLE as error:
                    what = "damaged, or packed otherwise than its name says: " * file.name.lower().endswith(".gz")
                    raise UserError(f"cannot read {place}: {name}: {what}{reason(error)}") from error
                digests.append(digest.hexdigest())
        rows, good = sum(account.rows), sum(account.good)
        if rows == 0:
            others = f"; left out: {examples(account.left_out)}" if account.left_out else ""
            raise UserError(f"{place} holds no rows: expected {endings(self.suffixes)} files with {self.row}{others}")
        if good == 0:
            hint = self.hint(first_bad)
            raise UserError(f"none of the {rows:,} rows in {place} can be read as {self.row}; found {bad[0]}{hint}")
        skipped = account.skipped()
        return Rows(
            joined(found), rows, rows - good, tuple(bad[:BAD_ROWS_SHOWN]), len(account.names), account.rows.count(0),
            {why: len(names) for why, names in skipped.items()},
            {why: tuple(names[:SKIPPED_SHOWN]) for why, names in skipped.items()},
            digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(),
        )  # fmt: skip


class _Hashed(io.RawIOBase):
    """A stream whose bytes are hashed as they are read."""

    def __init__(self, stream: IO[bytes], digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._digest.update(data)
        return len(data)


def joined(found: list[Found]) -> Fixes:
    """All fixes, whoever moves by number: its own where all names are whole numbers, else its place among the names.

    Times are cut to whole seconds.
    """
    names, numbers = numbered([part.ids for part in found])
    del names

    def column(field: str) -> NDArray[np.float64]:
        return np.concatenate([np.asarray(getattr(part, field), np.float64) for part in found])

    time = np.clip(np.nan_to_num(np.floor(column("time")), nan=-_LATEST), -_LATEST, _LATEST)
    return Fixes(numbers, time.astype(np.int64), column("x"), column("y"))


def numbered(ids: list[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """Names in their order (none where they are numbers), and the number of each fix."""
    import polars as pl

    series = pl.concat([pl.Series("id", part).cast(pl.String) for part in ids])
    whole = series.cast(pl.Int64, strict=False)
    if whole.null_count() == 0 and bool((whole.cast(pl.String) == series).all()):
        return [], whole.to_numpy()
    return series.unique().sort().to_list(), (series.rank("dense").cast(pl.Int64) - 1).to_numpy()


def as_format(given: Any, settings: dict[str, Any] | None = None) -> Format:
    """A format, by name or as it is, with its settings.

    Raises:
        UserError: there is none of this name, it has no such setting, or a value is not allowed.
    """
    settings = settings or {}
    kind = type(given) if isinstance(given, Format) else variant("format", given)
    for name in settings:
        if name not in specs(kind):
            owners = [repr(n) for n, k in _formats().items() if name in specs(k)]
            raise UserError(
                f"{name} = {settings[name]!r:.60}: format {kind.name!r} has no such setting"
                + (f"; format {' or '.join(owners)} has" if owners else "")
            )
    if isinstance(given, Format):
        settings = {name: getattr(given, name) for name in specs(kind)} | settings
    made: Format = kind(**settings)
    return made


def _formats() -> dict[str, Any]:
    from eco_jax.parts import registered

    return registered("format")
