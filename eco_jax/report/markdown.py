"""A document of blocks as Markdown. The same blocks give the same bytes."""

import html
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from eco_jax.report.blocks import (
    Block,
    Code,
    Contents,
    Heading,
    Items,
    Judgements,
    Pictures,
    Table,
    Text,
    image,
    slug,
)

CODE = re.compile(r"(`[^`\n]+`)")
SPECIAL = re.compile(r"[\\*<>|~$`#]|(?<!\w)_|_(?!\w)|^\[|\](?=[(\[:])")
LIST_MARK = re.compile(r"^(\d*)([.)+=-])(?=\s|=|-|$)")
JUDGED = ("Claim", "Measured [95 % interval]", "Verdict")
"""Columns of the table of claims."""


def to_markdown(blocks: Sequence[Block], out: Path) -> str:
    """The document; pictures are linked by their place as seen from the folder `out`."""

    def written(block: Block) -> str:
        return _pictures(block, out) if isinstance(block, Pictures) else WRITERS[type(block)](block)

    return "\n\n".join(filter(None, map(written, blocks))) + "\n"


def line(text: str) -> str:
    """A text on one line, in which nothing but `code` has a meaning."""
    return _escaped(text, bar="|")


def cell(text: str) -> str:
    """The same for a cell of a table, which a bar would end, in `code` too."""
    return _escaped(text, bar=r"\|")


def _escaped(text: str, bar: str) -> str:
    parts = [
        part.replace("|", bar)
        if CODE.fullmatch(part)
        else SPECIAL.sub(lambda found: "\\" + found[0], part.replace("&", "&amp;"))
        for part in CODE.split(" ".join(text.split()))
    ]
    return "".join(parts)


def paragraph(text: str) -> str:
    """The same for a whole paragraph, which must not begin as a list does."""
    return LIST_MARK.sub(r"\1\\\2", line(text))


def paragraphs(text: str, label: str = "") -> str:
    """Paragraphs (an empty line between two), a label in bold before the first."""
    parts = [part for part in re.split(r"\n\s*\n", text) if part.strip()]
    return (f"**{line(label)}** " if label else "") + "\n\n".join(map(paragraph, parts))


def heading(block: Heading) -> str:
    """The heading without its anchor."""
    return f"{'#' * block.level} {line(block.text)}"


def items(block: Items) -> str:
    """A list."""
    return "\n".join(f"- {paragraph(item)}" for item in block.items)


def contents(block: Contents) -> str:
    """A list of links."""
    return "\n".join(f"- [{line(text)}](#{anchor})" for text, anchor in block.links)


def grid(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def fenced(text: str) -> str:
    """Text as it stands."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.removesuffix(chr(10))}\n{fence}"


def _heading(block: Heading) -> str:
    return f'<a id="{html.escape(block.anchor)}"></a>\n\n{heading(block)}'


def _text(block: Text) -> str:
    return paragraphs(block.text, block.label)


def _table(block: Table) -> str:
    table = grid([*map(cell, block.columns)], [[*map(cell, row)] for row in block.rows])
    return "\n\n".join(filter(None, [f"**{line(block.title)}**", table, paragraphs(block.note)]))


def _pictures(block: Pictures, out: Path) -> str:
    shown = []
    for picture in block.pictures:
        image(picture)
        place = quote(Path(os.path.relpath(picture.png, out)).as_posix())
        anchor = f'<a id="figure-{slug(picture.name)}"></a>'
        title = line(picture.title)
        shown.append(f"{anchor}\n\n![{title}]({place})\n\n**{title}.** {line(picture.caption)}")
    return "\n\n".join(shown)


def _code(block: Code) -> str:
    return f"{paragraph(block.label)}:\n\n{fenced(block.text)}" if block.label else fenced(block.text)


def _judgements(block: Judgements) -> str:
    rows = [
        [
            f'<a id="{html.escape(row.anchor)}"></a>' + cell(row.text) + (f" ({cell(row.note)})" * bool(row.note)),
            f"**{cell(row.value)}** {cell(row.interval)}",
            f"{row.symbol} **{cell(row.verdict)}**",
        ]
        for row in block.rows
    ]
    return grid([*map(cell, JUDGED)], rows)


WRITERS: dict[type, Callable[..., str]] = {
    Heading: _heading,
    Text: _text,
    Items: items,
    Contents: contents,
    Table: _table,
    Code: _code,
    Judgements: _judgements,
}
