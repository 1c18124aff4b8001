"""Small tables of text: rows of numbers, with or without a header that names the columns."""

import csv
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from eco_jax.errors import UserError, quoted

SEPARATORS = ("\t", ";", ",", "|")


class Row(NamedTuple):
    """A row of a table."""

    line: int
    text: str
    fields: list[str]


def read_text(path: Path, what: str) -> list[tuple[int, str]]:
    """The lines of a file that hold something, with their numbers; those that begin with # count for nothing.

    Args:
        path: the file.
        what: it should hold, for a message.

    Raises:
        UserError: it cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        packed = "; it looks packed: unpack it" if data.startswith((b"PK\x03\x04", b"\x1f\x8b")) else ""
        raise UserError(f"{path}: cannot be read as {what}: not UTF-8 text{packed}") from error
    lines = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    return [(number, line) for number, line in lines if line.strip() and not line.lstrip().startswith("#")]


def separator(header: str) -> str:
    """What separates the columns of a header; a space stands for any run of spaces."""
    return next((sep for sep in SEPARATORS if sep in header), " ")


def fields_of(text: str, sep: str) -> list[str]:
    """The fields of a row, without spaces and quotes around them; quotes may hold separators."""
    if sep == " ":
        return [field.strip("\"'") for field in text.split()]
    try:
        fields = next(csv.reader([text.strip()], delimiter=sep, skipinitialspace=True), [])
    except csv.Error:  # a field of more than 128 KiB
        fields = text.split(sep)
    return [field.strip(" \t\"'") for field in fields]


def header_of(text: str) -> list[str]:
    """The names of columns that a line holds, in small letters, or nothing: it holds a number."""
    names = fields_of(text, separator(text))
    return [] if any(number(name) is not None for name in names) else [name.lower().replace(" ", "_") for name in names]


def rows_of(lines: list[tuple[int, str]], sep: str, places: Collection[int]) -> list[Row]:
    """Rows below a header. What follows a # in one of the columns at `places` is left out; others may hold one."""
    return [Row(line, text, _before_comment(fields_of(text, sep), places)) for line, text in lines]


def _before_comment(fields: list[str], places: Collection[int]) -> list[str]:
    for k in sorted(places):
        value, comment, _ = fields[k].partition("#") if k < len(fields) else ("", "", "")
        if comment:
            return [*fields[:k], *filter(None, [value.strip(" \t\"'")])]
    return fields


def number(field: str) -> float | None:
    """The number that a field holds, or None."""
    try:
        return float(field) if "_" not in field else None
    except ValueError:
        return None


def cell(path: Path, row: Row, names: Mapping[str, int], name: str) -> float:
    """The number in a column of a row.

    Raises:
        UserError: there is none; file, line and column are named.
    """
    place = names[name]
    if place >= len(row.fields):
        raise UserError(f"{path}: line {row.line}: {quoted(row.text)}: ends before the column {name}")
    value = number(row.fields[place])
    if value is None:
        comma = re.fullmatch(r"[-+]?\d+,\d+", row.fields[place])
        hint = "; a decimal comma? write a point" if comma else ""
        raise UserError(f"{path}: line {row.line}: {name} = {quoted(row.fields[place])}: must be a number{hint}")
    return value
