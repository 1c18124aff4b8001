"""From irregular fixes to positions at every slot, and to segments of them inside the window.

Slots lie on one clock for all taxis: slot k is at k * slot_s seconds since 1970. So segments that overlap in
time can be replayed side by side. Positions are interpolated, which needs the next fix; all else is raw and
past.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.geo import DEGREES, Frame
from eco_jax.data.read import Fixes

T = TypeVar("T", bound=np.generic)


class Tracks(NamedTuple):
    """Fixes sorted by taxi and time, in metres of the window, joined to tracks without a gap."""

    taxi: NDArray[np.int64]  # [fixes]
    time: NDArray[np.int64]  # [fixes] s
    position: NDArray[np.float64]  # [fixes, 2] m, inside of the window or not
    joined: NDArray[np.bool_]  # [fixes] whether the fix belongs to the same track as the one before


class Slots(NamedTuple):
    """Slots inside the window in order of taxi and time, and the runs that they form."""

    number: NDArray[np.int64]  # [slots] time over slot_s
    fix: NDArray[np.int64]  # [slots] index of the last fix at or before the slot
    position: NDArray[np.float64]  # [slots, 2] m
    run_start: NDArray[np.int64]  # [runs] first slot of each maximal run of consecutive slots of one track
    run_length: NDArray[np.int64]  # [runs]


class Segments(NamedTuple):
    """Padded arrays, one segment a row; the names and shapes of `store.Traces`."""

    position: NDArray[np.float32]
    length: NDArray[np.int32]
    last_fix: NDArray[np.float32]
    last_age: NDArray[np.float32]
    previous_fix: NDArray[np.float32]
    previous_age: NDArray[np.float32]
    fixes: NDArray[np.int8]
    taxi: NDArray[np.int64]
    start_s: NDArray[np.int64]


def join(fixes: Fixes, centre: tuple[float, float], side_m: float, max_gap_s: float, frame: Frame = DEGREES) -> Tracks:
    """Project sorted fixes to the window and cut them into tracks wherever two are over `max_gap_s` apart."""
    joined = np.zeros(fixes.time.size, bool)
    joined[1:] = (np.diff(fixes.taxi) == 0) & (np.diff(fixes.time) <= max_gap_s)
    position = frame.to_metres(fixes.longitude, fixes.latitude, centre, side_m)
    return Tracks(fixes.taxi, fixes.time, position, joined)


def resample(tracks: Tracks, side_m: float, slot_s: int) -> Slots:
    """Interpolate tracks linearly to every slot, and keep the slots whose position is inside the window."""
    number, fix = _slots_of(tracks, _near_window(tracks, side_m), slot_s)
    after = fix + _goes_on(tracks)[fix]  # itself only for a slot at the very time of a track's last fix
    duration = np.maximum(tracks.time[after] - tracks.time[fix], 1)
    share = ((number * slot_s - tracks.time[fix]) / duration)[:, None]
    position = (1 - share) * tracks.position[fix] + share * tracks.position[after]
    inside = np.all((position >= 0) & (position <= side_m), axis=1)
    number, fix, position = number[inside], fix[inside], position[inside]
    new_run = np.ones(number.size, bool)
    track = np.cumsum(~tracks.joined)[fix]
    new_run[1:] = (np.diff(track) != 0) | (np.diff(number) != 1)
    run_start = np.flatnonzero(new_run)
    return Slots(number, fix, position, run_start, np.diff(run_start, append=number.size))


def _goes_on(tracks: Tracks) -> NDArray[np.bool_]:
    """Whether the next fix belongs to the same track [fixes]."""
    return np.append(tracks.joined[1:], False)


def _near_window(tracks: Tracks, side_m: float) -> NDArray[np.int64]:
    """Fixes from which the way to the next one may touch the window: most of a town never does."""
    after = tracks.position[np.arange(tracks.time.size) + _goes_on(tracks)]
    low, high = np.minimum(tracks.position, after), np.maximum(tracks.position, after)
    return np.flatnonzero(np.all((high >= 0) & (low <= side_m), axis=1))


def _slots_of(tracks: Tracks, fixes: NDArray[np.int64], slot_s: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the slots from each of `fixes` until before the next of its track, and their fix."""
    goes_on = _goes_on(tracks)[fixes]
    end = tracks.time[fixes + goes_on] + ~goes_on  # the last fix of a track holds for its own second
    first = -(-tracks.time[fixes] // slot_s)  # rounded up
    count = -(-end // slot_s) - first
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(first, count) + offset, np.repeat(fixes, count)


def cut(slots: Slots, min_slots: int, max_slots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First slot and length of each segment: the runs of at least `min_slots`, the long ones in equal parts.

    A taxi that parks for hours would else set the padded length of everybody. With max_slots >= 2 min_slots
    no part is shorter than `min_slots`, so that no slot of a long run is lost.
    """
    enough = slots.run_length >= min_slots
    start, length = slots.run_start[enough], slots.run_length[enough]
    parts = -(-length // max_slots)
    part = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
    start, length, parts = (np.repeat(array, parts) for array in (start, length, parts))
    begin, end = part * length // parts, (part + 1) * length // parts
    return start + begin, end - begin


def pad(tracks: Tracks, slots: Slots, start: NDArray[np.int64], length: NDArray[np.int64], slot_s: int) -> Segments:
    """Segments (first slot and length of each) as arrays padded with zeros to the longest."""
    segment = np.repeat(np.arange(length.size), length)
    column = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    slot = np.repeat(start, length) + column
    time, last = slots.number[slot] * slot_s, slots.fix[slot]
    has_previous = tracks.joined[last]
    previous = last - has_previous

    def padded(values: NDArray[Any], dtype: type[T]) -> NDArray[T]:
        array = np.zeros((length.size, int(length.max()), *values.shape[1:]), dtype)
        array[segment, column] = values
        return array

    return Segments(
        position=padded(slots.position[slot], np.float32),
        length=length.astype(np.int32),
        last_fix=padded(tracks.position[last], np.float32),
        last_age=padded(time - tracks.time[last], np.float32),
        previous_fix=padded(tracks.position[previous], np.float32),
        previous_age=padded((time - tracks.time[previous]) * has_previous, np.float32),
        fixes=padded(1 + has_previous.astype(np.int8), np.int8),
        taxi=tracks.taxi[slots.fix[start]],
        start_s=slots.number[start] * slot_s,
    )
