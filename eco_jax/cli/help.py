"""The help of a command on fewer lines than tyro's: the flag, and right behind it what it does."""

import re
import textwrap
from collections.abc import Iterator, Sequence

TYRO_COLUMNS = 80
"""At which tyro writes one option below the other."""


def compact(boxed: str, width: int) -> str:
    """Tyro's help without its frames and with less space.

    Args:
        boxed: tyro's help at `TYRO_COLUMNS`.
        width: columns of a line.
    """
    if "╭" not in boxed:
        return boxed  # another tyro
    lines: list[str] = []
    for entry, indent in _entries(boxed):
        lines += textwrap.wrap(
            entry, width, initial_indent=" " * bool(indent), subsequent_indent=" " * indent, break_long_words=False,
            break_on_hyphens=False,
        ) or [""]  # fmt: skip
    return "\n".join(lines)


def _entries(boxed: str) -> Iterator[tuple[str, int]]:
    """Headings, options and paragraphs, each with how far its lines but the first are indented."""
    entry, prose = "", ""
    for line in [*boxed.splitlines(), "╰"]:
        text, option = line.strip("│ "), re.match(r"│ \S", line) is not None
        plain = line[:1] not in ("╭", "│", "╰")
        if prose and not (plain and text):
            yield prose, 0
            prose = ""
        if entry and (line[:1] != "│" or option):
            yield _plain(entry), 5
            entry = ""
        if line.startswith("╭"):
            yield line.strip("╭╮─ ") + ":", 0
        elif line.startswith("│") and (entry or option):
            entry += f"{' ' * bool(entry)}{text}"
        elif plain and text:
            prose += f"{' ' * bool(prose)}{text}"
        elif plain:
            yield "", 0


def _plain(option: str) -> str:
    """An option without what goes without saying."""
    option = re.sub(r"^(--\S+), --\S*no-\S+", r"\1, --no-…", option)
    option = option.replace("{None}|", "").replace(" (default: None)", "").replace(" (default: False)", "")
    return re.sub(r"\s{2,}", "  ", option)


def listed(rows: Sequence[tuple[str, str]], width: int) -> str:
    """Flags and what they say, as `compact` shows them."""
    lines: list[str] = []
    for flag, doc in rows:
        lines += textwrap.wrap(
            f"{flag}  {doc}", width, initial_indent=" ", subsequent_indent="     ", break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines)
