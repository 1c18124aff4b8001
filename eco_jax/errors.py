"""What the command line answers with one line, and how a message quotes what the user gave."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class UserError(ValueError):
    """Bad input. Its message is one line: what is wrong, where, and what is allowed.

    The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # names of files and settings hold what users put there


@contextmanager
def within(where: object) -> Iterator[None]:
    """What a `UserError` says here begins with the place."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


class FailedSeedsError(RuntimeError):
    """Agents whose numbers were no longer finite. Its message is one line: which, at which update, and what.

    What they were before is on disk, and the results of the others. The command line exits with code 3.
    """


def printable(text: str) -> str:
    """The text on one line: what cannot be seen is escaped, as in a Python string."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def in_words(items: Sequence[str], last: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`; with `last` in the place of "or"."""
    return f" {last} ".join(part for part in (", ".join(items[:-1]), items[-1]) if part)


def shown(value: object, limit: int = 60) -> str:
    """What somebody gave, fit for a one-line message: shortened to `limit` characters, unprintable ones escaped."""
    text = printable(str(value)[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def quoted(value: object, limit: int = 60) -> str:
    """The same of a value in its Python form: a text in quotes."""
    try:
        return shown(repr(value), limit)
    except (ValueError, RecursionError):  # an integer of too many digits to print, or lists in lists in lists
        return f"a huge {type(value).__name__}"
