"""What the command line answers with one line, and how a message quotes what the user gave."""


class UserError(ValueError):
    """Bad input. Its message is one line: what is wrong, where, and what is allowed.

    The command line prints it without a traceback and exits with code 2.
    """


class FailedSeedsError(RuntimeError):
    """Agents whose numbers were no longer finite. Its message is one line: which, at which update, and what.

    What they were before is on disk, and the results of the others. The command line exits with code 3.
    """


def shown(value: object, limit: int = 60) -> str:
    """What somebody gave, fit for a one-line message: shortened to `limit` characters, unprintable ones escaped."""
    text = str(value)[: limit + 1]
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
