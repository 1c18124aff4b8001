"""The process that feeds a tracker: `python -m eco_jax.track.follow`, begun and watched by `follower`.

On stdin stands what to follow, a JSON line; the end of stdin says that the run is over. On stderr it tells its parent
what is new, a line each: `ALIVE` after each step of its work, `SAYS` with words for the user, `FAILED` with the reason
why it ends.
"""

import contextlib
import json
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ALIVE, SAYS, FAILED = "eco-jax: alive", "eco-jax: says:", "eco-jax: failed:"
PAUSE_S = 0.5
"""Between two runs of a tracker where each member of a sweep has its own: servers refuse who begins too many."""


def main() -> int:
    """Follow a folder to the end of its run; 1 where the tracker failed."""
    with contextlib.suppress(OSError):
        os.nice(10)  # the run goes first
    tell = _teller()
    try:
        task = json.loads(_line())
        tell(ALIVE)
        follow(task, wait, tell)
    except BaseException as error:  # whatever a tracker does: the parent is told why
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        tell(f"{FAILED} {type(error).__name__}: {words}")
        return 1
    return 0


def _teller() -> Callable[[str], None]:
    """Writes lines to the stderr that this process began with; what a tracker prints goes nowhere."""
    own = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    def tell(line: str) -> None:
        with contextlib.suppress(OSError):  # the parent may be gone
            own.write(f"{line}\n")
            own.flush()

    return tell


def _line() -> bytes:
    """The first line of stdin, and no byte more."""
    found = b""
    while not found.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            raise EOFError("nothing to follow")
        found += byte
    return found


def wait(seconds: float) -> bool:
    """Wait so long, or until stdin ends: whether it did."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if select.select([0], [], [], left)[0] and not os.read(0, 4096):
            return True
    return False


def follow(task: dict[str, Any], over: Callable[[float], bool], tell: Callable[[str], None]) -> None:
    """Give a tracker what a run or a sweep writes, until it is over.

    Args:
        task: what `follower.Follower` says: folder, sweep or not, tracker, place, project, plug-ins, each.
        over: waits so many seconds, or until the run is over, and says whether it is.
        tell: a line to the parent.
    """
    from eco_jax import plugins, track  # noqa: F401  (registers the trackers)
    from eco_jax.parts import variant
    from eco_jax.track.base import KIND
    from eco_jax.track.records import EVERY_S, State

    plugins.load_installed()
    plugins.load(task["plugins"])
    kind = variant(KIND, task["tracker"])
    folder = Path(task["folder"])

    def made() -> Any:
        return kind(task["place"], task["project"])

    state = State(folder, task["tracker"], task["place"], task["project"], task["each"])
    last, work = False, (_sweep if task["sweep"] else _run)(folder, made, state, tell, task["each"])
    try:
        next(work)
        while not last:
            last = over(EVERY_S)
            next(work)
            tell(ALIVE)
    finally:
        work.close()


def _run(folder: Path, made: Callable[[], Any], state: Any, tell: Callable[[str], None], each: bool) -> Any:
    """One run of the tracker for one of ours; goes on at each `next`."""
    from eco_jax.track.base import Begun
    from eco_jax.track.records import RunRecords

    records, tracker = RunRecords(folder), made()
    state.id = tracker.begin(Begun(folder.absolute().name, records.settings, state.id, state.done)) or "-"
    state.keep()
    tell(f"{SAYS} {tracker.told()}")
    try:
        while True:
            rows = records.new(state.done)
            if rows:
                tracker.log(rows)
                state.done = rows[-1][0]
                state.keep()
            yield
    finally:
        tracker.end()


def _sweep(folder: Path, made: Callable[[], Any], state: Any, tell: Callable[[str], None], each: bool) -> Any:
    """One run of the tracker for a sweep, or (`each`) one for each member; goes on at each `next`."""
    from eco_jax.track.base import Begun
    from eco_jax.track.records import SweepRecords, member_name, side_by_side

    records, name = SweepRecords(folder), folder.absolute().name
    tracker = None if each else made()
    if tracker is not None:
        state.id = tracker.begin(Begun(name, records.settings, state.id, 0)) or "-"
        state.keep()
        tell(f"{SAYS} {tracker.told()}")
    try:
        while True:
            for batch in records.new(state.batches):
                members, curves = records.members(batch), records.curves(batch)
                if tracker is not None:
                    tracker.log(side_by_side(curves))
                    tracker.members(members)
                for row in members if tracker is None else ():
                    member = (row["trial"], row["seed"])
                    told = f"{batch}/{member_name(*member)}"
                    if told in state.members:
                        continue
                    of_member = made()
                    of_member.begin(Begun(f"{name}-{member_name(*member)}", records.settings | row, "", 0))
                    of_member.log(curves.get(member, []))
                    of_member.end()
                    state.id, state.members = state.id or "-", [*state.members, told]
                    state.keep()
                    tell(ALIVE)
                    time.sleep(PAUSE_S)
                state.id, state.batches, state.members = state.id or "-", [*state.batches, batch], []
                state.keep()
                tell(ALIVE)
            yield
    finally:
        if tracker is not None:
            tracker.end()


if __name__ == "__main__":
    raise SystemExit(main())
