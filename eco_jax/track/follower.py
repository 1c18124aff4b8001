"""A tracker beside a run: begun, watched, and left behind where it does not end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from eco_jax.errors import UserError, shown
from eco_jax.run.folder import TRACKER
from eco_jax.run.messages import say, warn
from eco_jax.track.base import check
from eco_jax.track.follow import FAILED, SAYS
from eco_jax.track.records import check_place
from eco_jax.train.interrupt import Interrupted

PATIENCE_S = 10.0
"""Without a sign of life at the end of a run before a tracker is given up."""
PROJECT = "eco_jax"
"""The default name of the project."""
START_S = 30.0
"""That a tracker has to begin, counted from its start: MLflow makes a database first, and a run may be short."""
INTERRUPTED_S = 3.0
"""The same where a run was interrupted."""


@dataclass(frozen=True)
class Tracking:
    """What is asked of a tracker."""

    tracker: str
    place: str
    """folder of its files, or an address"""
    project: str = "eco_jax"
    plugins: Sequence[str] = ()
    each: bool = False
    """a tracker's run for each member of a sweep, instead of one for all"""


class Follower:
    """Feeds a tracker in a process of its own. Whatever becomes of that, the run goes on, and there is one warning."""

    def __init__(self, folder: Path, wanted: Tracking, sweep: bool = False) -> None:
        """Touches nothing yet.

        Args:
            folder: of the run or the sweep.
            wanted: see `Tracking`.
            sweep: whether it is a sweep.
        """
        self.task = {
            "folder": str(folder.absolute()), "sweep": sweep, "tracker": wanted.tracker, "place": wanted.place,
            "project": wanted.project, "plugins": list(wanted.plugins), "each": wanted.each,
        }  # fmt: skip
        self.name = wanted.tracker
        self.process: subprocess.Popen[bytes] | None = None
        self.watcher: threading.Thread | None = None
        self.started_s, self.alive_s, self.begun, self.warned = 0.0, 0.0, False, False

    def begin(self) -> None:
        """Start: the folder holds a run that has begun."""
        environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONUNBUFFERED": "1"}
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "eco_jax.track.follow"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, start_new_session=True, env=environment,
            )  # fmt: skip
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(self.task).encode() + b"\n")  # less than a pipe holds: never blocks
            self.process.stdin.flush()
        except OSError as error:
            self._warn(f"could not be started: {error.strerror}")
            return
        self.started_s = self.alive_s = time.monotonic()
        self.watcher = threading.Thread(target=self._watch, name=f"tracker {self.name}", daemon=True)
        self.watcher.start()

    def close(self, patience_s: float = PATIENCE_S, start_s: float = 0.0) -> None:
        """The run is over: wait for what is still written, as long as there are signs of life.

        Args:
            patience_s: without one before the tracker is given up.
            start_s: that a tracker which has not begun yet has for it, from its start.
        """
        if self.process is None or self.watcher is None:
            return
        with contextlib.suppress(OSError):  # it has ended
            self.process.stdin.close()  # type: ignore[union-attr]
        began = self.alive_s = time.monotonic()
        told = False
        while self.watcher.is_alive():
            until = self.alive_s + patience_s
            until = until if self.begun else max(until, self.started_s + start_s)
            left = until - time.monotonic()
            if left <= 0:
                break
            if not told and time.monotonic() - began > PATIENCE_S:
                told = True
                say(f"{self.name}: is told the rest")
            self.watcher.join(min(left, 1.0))
        if self.watcher.is_alive():
            self._warn(f"did not end within {time.monotonic() - began:.0f} s, and was ended")
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)  # with what it has started itself

    def _watch(self) -> None:
        """Hears what the process tells, until it ends."""
        process = self.process
        assert process is not None
        assert process.stderr is not None
        failed = last = ""
        for line in process.stderr:
            text = line.decode(errors="replace").strip()
            self.alive_s, last = time.monotonic(), text or last
            if text.startswith(FAILED):
                failed = text.removeprefix(FAILED).strip()
            elif text.startswith(SAYS):
                self.begun = True
                if words := text.removeprefix(SAYS).strip():
                    say(f"{self.name}: {words}")
        code = process.wait()
        if code:
            self._warn(failed or f"ended with code {code}: {shown(last, 200)}")

    def _warn(self, why: str) -> None:
        if not self.warned:
            self.warned = True
            warn(f"--tracker {self.name}: {shown(why, 300)}; the run is not touched by it: --resume tells it the rest")


@contextlib.contextmanager
def following(folder: Path, wanted: Tracking | None, sweep: bool = False) -> Iterator[Callable[[], None]]:
    """Give what is called once the folder holds a run: its tracker begins then, and ends with the block.

    Args:
        folder: of the run or the sweep.
        wanted: see `Tracking`; None for no tracker.
        sweep: whether it is a sweep.
    """
    if wanted is None:
        yield lambda: None
        return
    follower, patience = Follower(folder, wanted, sweep), (PATIENCE_S, START_S)
    try:
        yield follower.begin
    except Interrupted:
        patience = (INTERRUPTED_S, 0.0)
        raise
    finally:
        follower.close(*patience)


def checked(tracker: str | None, place: str | None, project: str, out: Path) -> Callable[..., Tracking] | None:
    """What `--tracker` asks for, before anything is written; None where nothing does.

    Args:
        tracker: its name.
        place: of its files; None for `tracker/` in the folder of the run.
        project: name of the project.
        out: folder of the run or the sweep.

    Raises:
        UserError: there is no such tracker, its package is missing, or its files may not lie there.
    """
    if tracker is None:
        for flag, given in (("--tracker-dir", place is not None), ("--tracker-project", project != PROJECT)):
            if given:
                raise UserError(f"{flag}: is for --tracker")
        return None
    check(tracker)
    if place is not None:
        check_place(place)
    there = place if place is not None else str(out / TRACKER)
    return lambda plugins, each=False: Tracking(tracker, there, project, tuple(map(str, plugins)), each)
