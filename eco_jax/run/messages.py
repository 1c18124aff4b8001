"""What a run says while it works: through Python's `logging`, so that its user decides where it goes."""

import logging
import sys

LOG = logging.getLogger("eco_jax")


def warn(text: str) -> None:
    """One line: something is not as it should be, and what is done about it."""
    LOG.warning(text)


def say(text: str) -> None:
    """One line: what is done now."""
    LOG.info(text)


class ToStderr(logging.Handler):
    """A line on stderr for each message; the command line and the jobs of a cluster show them so."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it."""
        head = "warning: " if record.levelno >= logging.WARNING else ""
        sys.stderr.write(f"{head}{record.getMessage()}\n")
        sys.stderr.flush()


def to_stderr() -> None:
    """Show all messages of this process on stderr."""
    LOG.setLevel(logging.INFO)
    LOG.handlers = [ToStderr()]
    LOG.propagate = False  # libraries put handlers of their own at the root
