"""The one error that a user can cause, and how its message quotes what the user gave."""


class UserError(ValueError):
    """Bad input. Its message is one line: what is wrong, where, and what is allowed.

    The command line prints it without a traceback and exits with code 2.
    """


def shown(value: object, limit: int = 60) -> str:
    """What somebody gave, fit for a one-line message: shortened to `limit` characters, unprintable ones escaped."""
    text = str(value)[: limit + 1]
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
