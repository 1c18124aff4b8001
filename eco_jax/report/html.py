"""A document of blocks as one HTML file that loads nothing. The same blocks give the same bytes.

The texts go through Markdown, which markdown-it makes HTML of; what Markdown has no words for (anchors, styles, roles)
is put on its tags here.
"""

import base64
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token

from eco_jax.report import markdown
from eco_jax.report.blocks import (
    Block,
    Code,
    Contents,
    Heading,
    Items,
    Judged,
    Judgements,
    Picture,
    Pictures,
    Table,
    Text,
    image,
    slug,
)
from eco_jax.report.markdown import cell, line

READER = MarkdownIt("commonmark", {"xhtmlOut": False}).enable("table")
NUMBER = re.compile(r"[+−-]?\d|[–-]$")
INTERVAL = re.compile(r"(.*\S)\s+(\[[^\[\]]*\])")
Attributes = Mapping[str, str]


def to_html(title: str, blocks: Sequence[Block], css: str) -> str:
    """The document as one file: style and pictures inside, no script, nothing loaded."""
    body = "\n".join(WRITERS[type(block)](block) for block in blocks)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
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


def rendered(text: str, **attributes: Attributes) -> str:
    """HTML of some Markdown, with attributes by the type of tag (`paragraph_open`)."""
    tokens = READER.parse(text)
    for token in tokens:
        token.attrs |= attributes.get(token.type, {})
    return _html_of(tokens)


def _html_of(tokens: Sequence[Token]) -> str:
    return str(READER.renderer.render(tokens, READER.options, {})).rstrip("\n")


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    attributes: Callable[[str, int, int], Attributes],
    caption: str = "",
) -> str:
    """A table of cells that are Markdown; the first of each row is the row's name.

    Args:
        columns: heads.
        rows: cells.
        attributes: of a tag, given its type (`tr_open`), its row (-1 for the head) and its column.
        caption: above it, in Markdown.
    """
    tokens = READER.parse(markdown.grid(columns, rows))
    row, column = -2, -1
    for token in tokens:
        if token.type == "tr_open":
            row, column = row + 1, -1
        column += token.type in ("th_open", "td_open")
        if token.type in ("td_open", "td_close") and column == 0:
            token.tag = "th"
        token.attrs |= attributes(token.type, row, column)
    if caption:
        tokens.insert(1, Token("html_block", "", 0, content=f"<caption>{READER.renderInline(caption)}</caption>\n"))
    return _html_of(tokens)


def _heading(block: Heading) -> str:
    return rendered(markdown.heading(block), heading_open={"id": block.anchor})


def _text(block: Text) -> str:
    kind = {"class": "small"} if block.small else {}
    return rendered(markdown.paragraphs(block.text, block.label), paragraph_open=kind)


def _items(block: Items) -> str:
    return rendered(markdown.items(block), bullet_list_open={"class": "lead"} if block.lead else {})


def _contents(block: Contents) -> str:
    return f'<nav aria-label="Contents">\n{rendered(markdown.contents(block))}\n</nav>'


def _cell(text: str) -> str:
    """A value, and its interval in smaller print, neither of them broken across lines."""
    found = INTERVAL.fullmatch(text)
    return f"<b>{cell(found[1])}</b> <small>{cell(found[2])}</small>" if found else cell(text)


def _table(block: Table) -> str:
    numeric = [bool(i) and all(NUMBER.match(row[i]) for row in block.rows) for i in range(len(block.columns))]

    def attributes(kind: str, row: int, column: int) -> Attributes:
        if kind not in ("th_open", "td_open"):
            return {}
        scope = {"scope": "col" if row < 0 else "row"} if row < 0 or column == 0 else {}
        return scope | ({"class": "number"} if numeric[column] else {})

    rows = [[cell(name), *map(_cell, cells)] for name, *cells in block.rows]
    made = table([*map(cell, block.columns)], rows, attributes, line(block.title))
    # What scrolls must be reachable with the keyboard.
    region = f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(block.title)}">'
    return "\n".join([region, made, "</div>", _text(Text(block.note, small=True))])


def _pictures(block: Pictures) -> str:
    return "\n".join(['<div class="pictures">', *map(_picture, block.pictures), "</div>"])


def _picture(picture: Picture) -> str:
    data = image(picture)
    width, height = struct.unpack(">II", data[16:24])
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    caption = READER.renderInline(f"<b>{line(picture.title)}.</b> {line(picture.caption)}")
    return f"""<figure id="figure-{slug(picture.name)}">
<img alt="{escape(picture.title)}" width="{width}" height="{height}" src="{source}">
<figcaption>{caption}</figcaption>
</figure>"""


def _code(block: Code) -> str:
    text, label = rendered(markdown.fenced(block.text)), READER.renderInline(line(block.label))
    if block.folded:
        return f"<details>\n<summary>{label}</summary>\n{text}\n</details>"
    return f'<p class="label">{label}</p>\n{text}' if label else text


def _judgements(block: Judgements) -> str:
    # The roles stay when a narrow screen makes blocks of rows and cells.
    roles = {"thead_open": "rowgroup", "tbody_open": "rowgroup", "tr_open": "row", "th_open": "columnheader",
             "td_open": "cell"}  # fmt: skip

    def attributes(kind: str, row: int, column: int) -> Attributes:
        if kind == "table_open":
            return {"class": "claims", "role": "table", "aria-label": "Claims and verdicts"}
        found = {"role": roles[kind]} if kind in roles else {}
        if kind == "tr_open" and row >= 0:
            found |= {"id": block.rows[row].anchor}
        elif kind == "th_open":
            found |= {"scope": "col"}
        elif kind == "td_open" and column == 0:
            found |= {"scope": "row", "role": "rowheader"}
        elif kind == "td_open" and column == 1:
            found |= {"class": "measured"}
        return found

    return table([*map(cell, markdown.JUDGED)], [*map(_judged, block.rows)], attributes)


def _judged(row: Judged) -> list[str]:
    note = f'<br><span class="small">{cell(row.note)}</span>' if row.note else ""
    verdict = f'<span aria-hidden="true">{row.symbol}</span> {cell(row.verdict)}'
    return [
        cell(row.text) + note,
        f"<b>{cell(row.value)}</b> <small>{cell(row.interval)}</small>",
        f'<span class="verdict {escape(row.kind)}">{verdict}</span>',
    ]


WRITERS: dict[type, Callable[..., str]] = {
    Heading: _heading,
    Text: _text,
    Items: _items,
    Contents: _contents,
    Table: _table,
    Pictures: _pictures,
    Code: _code,
    Judgements: _judgements,
}
