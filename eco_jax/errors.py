"""The one error that a user can cause, and how what a user wrote stands in its message."""

from typing import Any


class UserError(ValueError):
    """Bad input. Its message is one line: what is wrong, where, and what is allowed.

    The command line prints it without a traceback and exits with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))  # names of files and settings hold what users put there


def printable(text: str) -> str:
    """The text on one line: what cannot be seen is escaped, as in a Python string."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def shortened(text: str, most: int = 80) -> str:
    """The text, its middle left out where it has more than `most` characters."""
    half = (most - 3) // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def shown(value: Any) -> str:
    """A value that a user gave, as it stands in a message: its Python form, printable, 80 characters at most."""
    try:
        return shortened(printable(repr(value)))
    except (ValueError, RecursionError):  # an integer of too many digits to print, or lists in lists in lists
        return f"a huge {type(value).__name__}"
