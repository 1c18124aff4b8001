"""Drop the rows that cannot be a taxi's position, each for one stated reason.

Every rule is causal: whether a fix stays depends on that fix and on earlier ones of its taxi, never on later
ones. A rule that looked at both neighbours would judge better, and leak the future into what a predictor
sees.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.geo import DEGREES, TOWN, Bounds, Frame, in_town
from eco_jax.data.read import Fixes

YEARS = (1970, 2100)
"""Years of rows that are kept: from the first until before the last."""
_TIMES = tuple(int(np.datetime64(f"{year}", "s").astype(np.int64)) for year in YEARS)


class Cleaned(NamedTuple):
    """Fixes sorted by taxi and time, no two of a taxi at the same time, and what it took to get there."""

    fixes: Fixes
    dropped: dict[str, int]  # rows by reason
    reordered: int  # rows that stood after a later row of their taxi; kept
    fast_steps: int  # steps over the speed limit, before any was dropped for it


def clean(raw: Fixes, max_speed_kmh: float, bounds: Bounds = TOWN, frame: Frame = DEGREES) -> Cleaned:
    """Sort rows that come in file order, and drop the bad ones.

    A row with several faults counts under the first of these reasons:

    - `year`: before 1970 or after 2099, which no taxi's clock shows that works;
    - `zero`: longitude or latitude is exactly 0, which is how a receiver without a fix reports; in a town on that
      meridian or the equator it is a place;
    - `out_of_town`: outside of `bounds`;
    - `repeat`: the taxi, time and position of a row before; `same_time`: its taxi and time, but elsewhere;
    - `jump`: not reachable from the taxi's last good fix at `max_speed_kmh`. What is reachable grows with
      time, so a taxi whose last good fix was in truth a wrong one comes back by itself.
    """
    fixes, year = _keep(raw, (raw.time >= _TIMES[0]) & (raw.time < _TIMES[1]))
    inside = in_town(fixes.longitude, fixes.latitude, bounds)
    zero = int(np.sum(~inside & ((fixes.longitude == 0) | (fixes.latitude == 0))))
    fixes, outside = _keep(fixes, inside)
    reordered = _count_late(fixes)
    fixes = fixes.where(np.lexsort((fixes.time, fixes.taxi)))  # stable: equal times stay in file order
    first, same_place = _same_time(fixes)
    fixes, doubles = _keep(fixes, first)
    fast = _fast_steps(fixes, max_speed_kmh, frame)
    fixes, jump = _keep(fixes, ~_jumps(fixes, fast, max_speed_kmh, frame))
    repeat = int(np.sum(same_place & ~first))
    dropped = {
        "year": year,
        "zero": zero,
        "out_of_town": outside - zero,
        "repeat": repeat,
        "same_time": doubles - repeat,
        "jump": jump,
    }
    return Cleaned(fixes, dropped, reordered, len(fast))


def _keep(fixes: Fixes, mask: NDArray[np.bool_]) -> tuple[Fixes, int]:
    return fixes.where(mask), int(mask.size - mask.sum())


def _count_late(fixes: Fixes) -> int:
    """Rows whose time is before that of an earlier row of the same taxi."""
    if not fixes.time.size:
        return 0
    taxi_rank = np.unique(fixes.taxi, return_inverse=True)[1]
    since_start = fixes.time - fixes.time.min()
    # One key orders taxis first and times second, so that one running maximum serves all taxis.
    key = (taxi_rank * (since_start.max() + 1) + since_start)[np.argsort(taxi_rank, kind="stable")]
    return int(np.sum(key < np.maximum.accumulate(key)))


def _same_time(fixes: Fixes) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which sorted fixes are the first of their taxi and time, and which stand where that first one does."""
    first = np.ones(fixes.time.size, bool)
    first[1:] = (np.diff(fixes.taxi) != 0) | (np.diff(fixes.time) != 0)
    leader = np.maximum.accumulate(np.where(first, np.arange(first.size), 0))
    same = (fixes.longitude == fixes.longitude[leader]) & (fixes.latitude == fixes.latitude[leader])
    return first, same


def _too_fast(
    fixes: Fixes, a: NDArray[np.int64], b: NDArray[np.int64], max_speed_kmh: float, frame: Frame
) -> NDArray[np.bool_]:
    """Whether fixes `a` and the later `b` (indices) are of one taxi, too far apart for the speed limit."""
    metres = frame.distance_m(fixes.longitude[a], fixes.latitude[a], fixes.longitude[b], fixes.latitude[b])
    too_far = metres > max_speed_kmh / 3.6 * (fixes.time[b] - fixes.time[a])
    same_taxi: NDArray[np.bool_] = fixes.taxi[a] == fixes.taxi[b]
    return same_taxi & too_far


def _fast_steps(fixes: Fixes, max_speed_kmh: float, frame: Frame) -> NDArray[np.int64]:
    """Indices of the fixes that are too far from the fix just before."""
    later = np.arange(1, fixes.time.size)
    return later[_too_fast(fixes, later - 1, later, max_speed_kmh, frame)]


def _jumps(fixes: Fixes, fast: NDArray[np.int64], max_speed_kmh: float, frame: Frame) -> NDArray[np.bool_]:
    """Which sorted fixes to drop so that no step between the remaining ones is too fast.

    Only fast steps need a look: from each, walk on until a fix is reachable from the last good one.
    """
    dropped = np.zeros(fixes.time.size, bool)
    following = 0  # all fixes before this one are decided
    for index in fast.tolist():
        if index < following:
            continue
        anchor, following = index - 1, index
        while following < dropped.size and _too_fast(fixes, _one(anchor), _one(following), max_speed_kmh, frame)[0]:
            dropped[following] = True
            following += 1
        following += 1  # the fix where the walk ended is good
    return dropped


def _one(index: int) -> NDArray[np.int64]:
    return np.array([index])
