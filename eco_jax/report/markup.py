"""A document as a list of blocks, written twice: as one HTML file that loads nothing, and as Markdown.

Every text is plain but for `code` in backquotes; both writers escape the rest. The same blocks give the same bytes.
"""

import base64
import html
import os
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


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

NUMBER = re.compile(r"[+−-]?\d|[–-]$")
INTERVAL = re.compile(r"(.*\S)\s+(\[[^\[\]]*\])")
CODE = re.compile(r"(`[^`\n]+`)")
SPECIAL = re.compile(r"[\\*<>|~$`#]|(?<!\w)_|_(?!\w)|^\[|\](?=[(\[:])")
LIST_MARK = re.compile(r"^(\d*)([.)+=-])(?=\s|=|-|$)")
JUDGED = ("Claim", "Measured [95 % interval]", "Verdict")


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


# HTML


def to_html(title: str, blocks: Sequence[Block], css: str) -> str:
    """The document as one file: style and pictures inside, no script, nothing loaded."""
    body = "\n".join(HTML[type(block)](block) for block in blocks)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{html.escape(title)}</title>
<style>
{css}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _inline(text: str) -> str:
    parts = [
        f"<code>{html.escape(part[1:-1])}</code>" if CODE.fullmatch(part) else html.escape(part)
        for part in CODE.split(text)
    ]
    return "".join(parts)


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _html_heading(block: Heading) -> str:
    return f'<h{block.level} id="{html.escape(block.anchor)}">{_inline(block.text)}</h{block.level}>'


def _html_text(block: Text) -> str:
    kind = ' class="small"' if block.small else ""
    parts = [_inline(part) for part in _paragraphs(block.text)]
    if block.label:
        parts = [f"<b>{_inline(block.label)}</b> {parts[0]}", *parts[1:]]
    return "\n".join(f"<p{kind}>{part}</p>" for part in parts)


def _html_items(block: Items) -> str:
    kind = ' class="lead"' if block.lead else ""
    return "\n".join([f"<ul{kind}>", *(f"<li>{_inline(item)}</li>" for item in block.items), "</ul>"])


def _html_contents(block: Contents) -> str:
    links = [f'<li><a href="#{html.escape(anchor)}">{_inline(text)}</a></li>' for text, anchor in block.links]
    return "\n".join(['<nav aria-label="Contents">', "<ul>", *links, "</ul>", "</nav>"])


def _html_cell(cell: str) -> str:
    """A value, and its interval in smaller print, neither of them broken across lines."""
    found = INTERVAL.fullmatch(cell)
    if not found:
        return _inline(cell)
    return f"<b>{_inline(found[1])}</b> <small>{_inline(found[2])}</small>"


def _html_table(block: Table) -> str:
    numeric = [all(NUMBER.match(row[i]) for row in block.rows) for i in range(len(block.columns))]
    kinds = [' class="number"' if i and number else "" for i, number in enumerate(numeric)]
    head = [f'<th scope="col"{kind}>{_inline(text)}</th>' for text, kind in zip(block.columns, kinds, strict=True)]
    rows = []
    for name, *cells in block.rows:
        row = [f"<td{kind}>{_html_cell(cell)}</td>" for cell, kind in zip(cells, kinds[1:], strict=True)]
        rows.append("".join(["<tr>", f'<th scope="row">{_inline(name)}</th>', *row, "</tr>"]))
    lines = [
        # What scrolls must be reachable with the keyboard.
        f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(block.title)}">',
        "<table>",
        f"<caption>{_inline(block.title)}</caption>",
        f"<thead><tr>{''.join(head)}</tr></thead>",
        "<tbody>",
        *rows,
        "</tbody>",
        "</table>",
        "</div>",
    ]
    return "\n".join([*lines, _html_text(Text(block.note, small=True))])


def _html_pictures(block: Pictures) -> str:
    return "\n".join(['<div class="pictures">', *map(_html_picture, block.pictures), "</div>"])


def _html_picture(picture: Picture) -> str:
    data = image(picture)
    width, height = struct.unpack(">II", data[16:24])
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    alt = html.escape(picture.title)
    return f"""<figure id="figure-{slug(picture.name)}">
<img alt="{alt}" width="{width}" height="{height}" src="{source}">
<figcaption><b>{_inline(picture.title)}.</b> {_inline(picture.caption)}</figcaption>
</figure>"""


def _html_code(block: Code) -> str:
    # A newline right after <pre> is dropped by every reader: this one is, not the text's own.
    text = f"<pre>\n{html.escape(block.text)}</pre>"
    label = _inline(block.label)
    if block.folded:
        return f"<details>\n<summary>{label}</summary>\n{text}\n</details>"
    return f'<p class="label">{label}</p>\n{text}' if label else text


def _html_judgements(block: Judgements) -> str:
    head = "".join(f'<th scope="col" role="columnheader">{text}</th>' for text in JUDGED)
    return "\n".join(
        [
            # The roles stay when a narrow screen makes blocks of rows and cells.
            '<table class="claims" role="table" aria-label="Claims and verdicts">',
            f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>',
            '<tbody role="rowgroup">',
            *map(_html_judged, block.rows),
            "</tbody>",
            "</table>",
        ]
    )


def _html_judged(row: Judged) -> str:
    note = f'<br><span class="small">{_inline(row.note)}</span>' if row.note else ""
    return "\n".join(
        [
            f'<tr role="row" id="{html.escape(row.anchor)}">',
            f'<th scope="row" role="rowheader">{_inline(row.text)}{note}</th>',
            f'<td role="cell" class="measured"><b>{_inline(row.value)}</b> <small>{_inline(row.interval)}</small></td>',
            f'<td role="cell"><span class="verdict {html.escape(row.kind)}">'
            f'<span aria-hidden="true">{html.escape(row.symbol)}</span> {html.escape(row.verdict)}</span></td>',
            "</tr>",
        ]
    )


HTML: dict[type, Callable[..., str]] = {
    Heading: _html_heading,
    Text: _html_text,
    Items: _html_items,
    Contents: _html_contents,
    Table: _html_table,
    Pictures: _html_pictures,
    Code: _html_code,
    Judgements: _html_judgements,
}


# Markdown


def to_markdown(blocks: Sequence[Block], out: Path) -> str:
    """The document in Markdown; pictures are linked by their place as seen from the folder `out`."""

    def written(block: Block) -> str:
        return _md_pictures(block, out) if isinstance(block, Pictures) else MARKDOWN[type(block)](block)

    return "\n\n".join(filter(None, map(written, blocks))) + "\n"


def _plain(text: str) -> str:
    """One line in which nothing but `code` has a meaning."""
    text = " ".join(text.split())
    parts = [
        part.replace("|", r"\|")
        if CODE.fullmatch(part)
        else SPECIAL.sub(lambda found: "\\" + found[0], part.replace("&", "&amp;"))
        for part in CODE.split(text)
    ]
    return "".join(parts)


def _md_paragraph(text: str) -> str:
    return LIST_MARK.sub(r"\1\\\2", _plain(text))


def _md_heading(block: Heading) -> str:
    return f'<a id="{html.escape(block.anchor)}"></a>\n\n{"#" * block.level} {_plain(block.text)}'


def _md_text(block: Text) -> str:
    label = f"**{_plain(block.label)}** " if block.label else ""
    return label + "\n\n".join(map(_md_paragraph, _paragraphs(block.text)))


def _md_items(block: Items) -> str:
    return "\n".join(f"- {_md_paragraph(item)}" for item in block.items)


def _md_contents(block: Contents) -> str:
    return "\n".join(f"- [{_plain(text)}](#{anchor})" for text, anchor in block.links)


def _md_grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _md_table(block: Table) -> str:
    grid = _md_grid([_plain(c) for c in block.columns], [[_plain(cell) for cell in row] for row in block.rows])
    return "\n\n".join(filter(None, [f"**{_plain(block.title)}**", grid, _md_text(Text(block.note))]))


def _md_pictures(block: Pictures, out: Path) -> str:
    shown = []
    for picture in block.pictures:
        image(picture)
        place = quote(Path(os.path.relpath(picture.png, out)).as_posix())
        anchor = f'<a id="figure-{slug(picture.name)}"></a>'
        title = _plain(picture.title)
        shown.append(f"{anchor}\n\n![{title}]({place})\n\n**{title}.** {_plain(picture.caption)}")
    return "\n\n".join(shown)


def _md_code(block: Code) -> str:
    longest = max((len(run) for run in re.findall("`+", block.text)), default=0)
    fence = "`" * max(3, longest + 1)
    code = f"{fence}text\n{block.text.removesuffix(chr(10))}\n{fence}"
    return f"{_md_paragraph(block.label)}:\n\n{code}" if block.label else code


def _md_judgements(block: Judgements) -> str:
    rows = [
        [
            f'<a id="{html.escape(row.anchor)}"></a>' + _plain(row.text) + (f" ({_plain(row.note)})" * bool(row.note)),
            f"**{_plain(row.value)}** {_plain(row.interval)}",
            f"{row.symbol} **{_plain(row.verdict)}**",
        ]
        for row in block.rows
    ]
    return _md_grid([_plain(text) for text in JUDGED], rows)


MARKDOWN: dict[type, Callable[..., str]] = {
    Heading: _md_heading,
    Text: _md_text,
    Items: _md_items,
    Contents: _md_contents,
    Table: _md_table,
    Code: _md_code,
    Judgements: _md_judgements,
}
