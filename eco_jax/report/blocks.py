"""The blocks that a document is made of, whatever it is written as.

Every text is plain but for `code` in backquotes; the writers (`markdown`, `html`) escape the rest.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Heading:
    """A heading to jump to."""

    text: str
    anchor: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """Paragraphs, an empty line between two."""

    text: str
    small: bool = False
    label: str = ""
    """bold, before the first"""


@dataclass(frozen=True)
class Items:
    """A list; `lead` for the one that sums up a document."""

    items: tuple[str, ...]
    lead: bool = False


@dataclass(frozen=True)
class Contents:
    """Links within the document: (text, anchor)."""

    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells; the first column is a row's name."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A figure: a PNG file beside the document."""

    name: str
    title: str
    caption: str
    png: Path


@dataclass(frozen=True)
class Pictures:
    """Figures, side by side where there is room."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Code:
    """Text as it stands: a program, its output, an equation in print."""

    label: str
    text: str
    folded: bool = False
    """out of sight until asked for, where the medium can"""


@dataclass(frozen=True)
class Judged:
    """A statement, what was measured, and the verdict on it."""

    anchor: str
    text: str
    note: str
    value: str
    interval: str
    symbol: str
    kind: str
    """of verdict: one word, for the colour"""
    verdict: str


@dataclass(frozen=True)
class Judgements:
    """Statements and verdicts, all alike in weight."""

    rows: tuple[Judged, ...]


Block = Heading | Text | Items | Contents | Table | Pictures | Code | Judgements


def slug(text: str) -> str:
    """An anchor's name: lower case, letters and digits of ASCII, hyphens between them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def image(picture: Picture) -> bytes:
    """The file's bytes.

    Raises:
        FileNotFoundError: no such file; the message names it and the picture.
        ValueError: not a PNG.
    """
    if not picture.png.is_file():
        raise FileNotFoundError(f"picture {picture.name!r}: there is no file {picture.png}")
    data = picture.png.read_bytes()
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or len(data) < 24:
        raise ValueError(f"picture {picture.name!r}: {picture.png} is not a PNG")
    return data
