"""Signals that end a run: asked for between two chunks, so that what has been learnt is saved first."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""What schedulers and people send: SLURM's time-out and preemption, Ctrl-C, a warning ahead of either."""
GRACE_S = 8.0
"""From the signal to the exit, if what runs does not come to its end before: a compilation cannot be stopped."""


class Interrupted(BaseException):
    """The work was asked to end, and did."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


class Stop:
    """Whether to end; set by a signal."""

    number: int = 0

    def check(self) -> None:
        """Where the work may end.

        Raises:
            Interrupted: a signal came.
        """
        if self.number:
            raise Interrupted(self.number)


def interruptible(work: Callable[[Stop], Any], on_signal: Callable[[str], None], grace_s: float = GRACE_S) -> Any:
    """`work(stop)`, in a thread of its own: the main one is free to hear signals whatever XLA is doing.

    Args:
        work: looks at `stop` where it may end.
        on_signal: told the signal's name at once.
        grace_s: how long after the signal the process is left to end by itself. It then ends with 128 + the signal's
            number, as by `Interrupted`.

    Raises:
        Interrupted: a signal came, and `stop.check` said so.
        BaseException: whatever the work raises.
    """
    stop, done = Stop(), threading.Event()
    if threading.current_thread() is not threading.main_thread():
        return work(stop)  # only the main thread hears signals
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["value"] = work(stop)
        except BaseException as error:
            outcome["error"] = error
        finally:
            done.set()

    def heard(number: int, frame: object) -> None:
        if not stop.number:
            stop.number = number
            on_signal(signal.Signals(number).name)
            timer = threading.Timer(grace_s, end)
            timer.daemon = True
            timer.start()

    def end() -> None:
        if not done.is_set():
            sys.stderr.flush()
            os._exit(128 + stop.number)

    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        threading.Thread(target=run, daemon=True).start()
        while not done.wait(0.2):
            pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]
