"""Rows of text with separators: `gps` in degrees, `xy` in metres."""

import io
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple

import numpy as np

from eco_jax.data.formats import headers, hints, times
from eco_jax.data.formats.base import Format, Found
from eco_jax.data.geo import METRES, Frame
from eco_jax.data.read import BAD_ROWS_SHOWN, cut, plain
from eco_jax.data.sources import UNREADABLE, ZIP, traces
from eco_jax.errors import UserError, quoted
from eco_jax.parts import register
from eco_jax.settings import specs, text, whole

IGNORED = "-"
_PAIR = r"^[A-Za-z ]*\(?\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)[\s,;]+([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s*\)?$"
_SAID = {"\t": "tab", " ": "space"}
_LONGEST = 2**16  # characters of a line that are looked at: more are of no header


class Layout(NamedTuple):
    """Where in a row what stands."""

    places: dict[str, int]
    header: str = ""
    """the line that names the columns; it is no row wherever it stands"""


class Delimited(Format):
    """What both have in common: which columns, how they are separated, how times are written."""

    suffixes: ClassVar[tuple[str, ...]] = (
        *(f"{end}{gz}" for gz in ("", ".gz") for end in (".txt", ".csv", ".tsv", ".plt", ".dat", ".log")), ZIP,
    )  # fmt: skip
    columns: str = text("", "columns in their order, - for one to ignore, or by the header's names (lat=NAME,...)")
    sep: str = text("", "separator of the columns: one character, tab, or space (any run of spaces)")
    time: str = text("iso", f"how times are written: {times.FORMS}")
    zone: str = text("", "time zone of times that name none, as Europe/Rome; UTC by default")
    skip: int = whole(0, 0, 10_000, "lines to pass over at the top of each file")
    usual: ClassVar[tuple[str, ...]]
    """columns, where neither a header nor anybody says it"""
    positions: ClassVar[tuple[tuple[str, ...], ...]]
    """columns of which a row needs one group"""

    @property
    def separator(self) -> str:
        """The character between two columns: a comma, where neither a header nor anybody says it."""
        return headers.SEPARATORS.get(self.sep, self.sep) or headers.COMMA

    def fitted(self, source: Path) -> tuple[Format, str]:
        """See `Format.fitted`."""
        self.check()
        places, names = self._chosen()
        found = None
        if not (self.sep and self.columns.strip()):
            asked = list(names.values()) or max(places.values(), default=-1) + 1
            sep = self.separator if self.sep else ""
            found = headers.guess(self._first_line(source), sep, asked, self._roles(), self.positions)
        sep = self.sep or (_SAID.get(found.sep, found.sep) if found else headers.COMMA)
        columns = self.columns or (found.columns if found else "")
        said = [("--sep", sep)] if not self.sep and sep != headers.COMMA else []
        said += [("--columns", columns)] if columns != self.columns else []
        own = {name: getattr(self, name) for name in specs(type(self))}
        words = " ".join(f"{flag} {shlex.quote(plain(value, 300))}" for flag, value in said)
        return type(self)(**own | {"sep": sep, "columns": columns}), words

    def _roles(self) -> set[str]:
        return {role for group in self.positions for role in group} | {"id", "time", "date"}

    def _first_line(self, source: Path) -> str:
        """The first line of the first file that is one; empty where there is none, or it cannot be read."""
        with traces(source, lambda name, why: None, self.suffixes) as files:
            for file in files:
                try:
                    with file.open() as stream, io.TextIOWrapper(stream, encoding="utf-8", errors="replace") as lines:
                        for number, line in enumerate(iter(lambda: lines.readline(_LONGEST), ""), 1):
                            line = line.strip("\r\n\ufeff ")
                            if number > self.skip and line.strip() and not line.startswith("#"):
                                return line
                except UNREADABLE:
                    continue
        return ""

    def parse(self, file: IO[bytes], name: str) -> Iterator[Found]:
        """See `Format.parse`."""
        import polars as pl

        self.check()
        row = pl.col("text")
        layout, sane, short = None, False, plain(name)
        with io.TextIOWrapper(file, encoding="utf-8", errors="replace") as stream:
            for piece in cut(0, stream.read):
                rows = (
                    pl.DataFrame({"text": piece.text.split("\n")})
                    .with_row_index("line", piece.first_line)
                    .with_columns(row.str.strip_chars("\r\ufeff "))
                    .filter(pl.col("line") > self.skip, row.str.strip_chars(" \t") != "", ~row.str.starts_with("#"))
                )
                if layout is None and len(rows):
                    layout = self._layout(rows["line"][0], rows["text"][0], short)
                rows = rows.filter(row != layout.header) if layout else rows
                if not layout or not len(rows):
                    continue
                found, first = self._parsed(rows, layout, name)
                if first and not sane:
                    sane = True
                    wrong = hints.misread(self, found)
                    if wrong:
                        raise UserError(f"{short}:{first[0]}: {plain(first[1])}{wrong}")
                yield found

    def check(self) -> None:
        """Whether the settings can be meant.

        Raises:
            UserError: one cannot.
        """
        if len(self.separator) != 1 or self.separator.isalnum() or self.separator in "\"'.-+:#":
            raise UserError(f"sep = {quoted(self.sep)}: must be one character, or tab or space")
        times.check(self.time, self.zone)
        self._chosen()

    def _chosen(self) -> tuple[dict[str, int], dict[str, str]]:
        """Of `columns`: what stands where, or under which name of a header.

        Raises:
            UserError: it names something unknown, or too little.
        """
        words = [word.strip() for word in self.columns.split(",")] if self.columns.strip() else []
        named = [word for word in words if "=" in word]
        allowed = [*dict.fromkeys(("id", "time", "date", *(c for group in self.positions for c in group)))]
        places: dict[str, int] = {}
        names: dict[str, str] = {}
        if named and len(named) < len(words):
            raise UserError(f"columns: {quoted(words)}: either all by name (lat=NAME) or all by their order")
        for k, word in enumerate(words):
            role, _, name = word.partition("=")
            role = role.strip() if named else headers.ROLES.get(headers.plain_name(role), role)
            if role == IGNORED and not named:
                continue
            if role not in allowed:
                raise UserError(
                    f"columns: {quoted(word)}: must be one of {', '.join(allowed)} or {IGNORED} in the order of the "
                    f"columns, or by the header's names, as id=NAME,time=NAME"
                )
            if role in places or role in names:
                raise UserError(f"columns: {quoted(role)} is there twice")
            if named:
                names[role] = name.strip()
            else:
                places[role] = k
        if words:
            self._check_enough({*places, *names}, "columns")
        return places, names

    def _check_enough(self, there: set[str], where: str, header: list[str] | None = None) -> None:
        missing = [] if {"time", "date"} & there else ["time"]
        if not any(set(group) <= there for group in self.positions):
            missing += [c for c in self.positions[0] if c not in there]
        if missing:
            has = "" if header is None else f"; there are {', '.join(map(repr, header))}: name it, as --columns "
            has += "" if header is None else f"{missing[0]}=NAME with all others"
            roles = {headers.ROLES.get(headers.plain_name(field)) for field in header or ()}
            for name, pair in (("xy", {"x", "y"}), ("gps", {"lat", "lon"})):
                if pair <= roles and name != self.name:
                    has += f"; or --format {name}?"
            raise UserError(f"{where}: no column for {' and '.join(missing)}{has}"[:500])

    def _layout(self, number: int, line: str, name: str) -> Layout:
        """Where what stands, from what was asked for and the first line of a file."""
        places, names = self._chosen()
        header = headers.names_in(line, self.separator)
        if names:
            if not header:
                hint = hints.of_row(self, line, list(names)) or "; give the columns in their order"
                raise UserError(f"{name}:{number}: {plain(line)}: is no header that names columns{hint}")
            for role, wanted in names.items():
                if wanted not in header:
                    there = ", ".join(map(repr, header))
                    raise UserError(f"{name}:{number}: no column {wanted!r} for {role}; there are {there}"[:500])
                places[role] = header.index(wanted)
            return Layout(places, line)
        if places:
            return Layout(places, line if header else "")
        if not header:
            return Layout({role: k for k, role in enumerate(self.usual)})
        places = headers.known(header, self._roles())
        self._check_enough(set(places), f"{name}:{number}: the header", header)
        return Layout(places, line)

    def _parsed(self, table: Any, layout: Layout, name: str) -> tuple[Found, tuple[int, str] | None]:
        """The fixes of rows (a data frame of `line`, `text`), and the first good row."""
        import polars as pl

        if self.separator == " ":
            fields = pl.col("text").str.replace_all(r"\s+", " ").str.strip_chars(" ").str.split(" ")
        else:
            fields = pl.col("text").str.split(self.separator)
        if table["text"].str.contains('"', literal=True).any():
            lists = [headers.split(line, self.separator) for line in table["text"]]
            table = table.with_columns(pl.Series("fields", lists, dtype=pl.List(pl.String)))
            fields = pl.col("fields")

        def field(role: str) -> Any:
            return fields.list.get(layout.places[role], null_on_oob=True).str.strip_chars(" \t\"'")

        time = field("time") if "time" in layout.places else field("date")
        if {"time", "date"} <= layout.places.keys():
            time = pl.concat_str(field("date"), field("time"), separator=" ")
        who = field("id") if "id" in layout.places else pl.lit(name)
        x, y = self._point(field, layout)
        table = table.select(
            "line", "text", who.replace("", None).alias("id"), x.alias("x"), y.alias("y"), field_time=time
        ).with_columns(times.seconds(self.time, self.zone, pl.col("field_time")).alias("time"))
        good = pl.all_horizontal(
            pl.col("id", "time").is_not_null(), pl.col("x", "y").is_finite().fill_null(False)
        )  # fmt: skip
        kept, bad = table.filter(good), table.filter(~good)
        found = Found(
            kept["id"], kept["time"].to_numpy().astype(np.float64), kept["x"].to_numpy(), kept["y"].to_numpy(),
            tuple(bad.select("line", "text").head(BAD_ROWS_SHOWN).iter_rows()), len(bad),
        )  # fmt: skip
        return found, (kept["line"][0], kept["text"][0]) if len(kept) else None

    def _point(self, field: Any, layout: Layout) -> tuple[Any, Any]:
        """East and north of a row."""
        import polars as pl

        for both in ("latlon", "lonlat"):
            if both in layout.places:
                pair = field(both).str.extract_groups(_PAIR).struct
                first, second = (pair.field(k).cast(pl.Float64, strict=False) for k in ("1", "2"))
                return (second, first) if both == "latlon" else (first, second)
        north, east = next(group for group in self.positions if set(group) <= layout.places.keys())
        return field(east).cast(pl.Float64, strict=False), field(north).cast(pl.Float64, strict=False)

    def hint(self, text: str) -> str:
        """See `hints`."""
        return hints.of_row(self, text, self._chosen()[0] or {role: k for k, role in enumerate(self.usual)})


@register("format", "gps")
class Gps(Delimited):
    """Rows with latitude and longitude in degrees."""

    row: ClassVar[str] = "rows of id, time, latitude, longitude"
    usual: ClassVar[tuple[str, ...]] = ("id", "time", "lat", "lon")
    positions: ClassVar[tuple[tuple[str, ...], ...]] = (("lat", "lon"), ("latlon",), ("lonlat",))


@register("format", "xy")
class Xy(Delimited):
    """Rows with metres on a plane, x east and y north."""

    row: ClassVar[str] = "rows of id, time, x, y"
    usual: ClassVar[tuple[str, ...]] = ("id", "time", "x", "y")
    positions: ClassVar[tuple[tuple[str, ...], ...]] = (("y", "x"),)
    time: str = text("unix", f"how times are written: {times.FORMS}")

    @property
    def frame(self) -> Frame:
        """Metres."""
        return METRES
