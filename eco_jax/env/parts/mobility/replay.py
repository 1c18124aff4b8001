"""Replay of a prepared trace: positions interpolated between fixes, prediction from raw fixes only."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int
from numpy.typing import NDArray

from eco_jax.env.parts.mobility.base import Mobility
from eco_jax.env.state import Fixes
from eco_jax.errors import UserError
from eco_jax.parts import register
from eco_jax.settings import choice

SHAPES: dict[str, tuple[int | str, ...]] = {
    "length": ("segments",), "fixes": ("segments", "slots"), "position": ("segments", "slots", 2),
    "last_fix": ("segments", "slots", 2), "previous_fix": ("segments", "slots", 2),
    "last_age": ("segments", "slots"), "previous_age": ("segments", "slots"), "slot_s": (), "side_m": (),
}  # fmt: skip
"""Arrays of a prepared trace that a replay needs. All are numbers, `length` and `fixes` whole ones."""
CLOCK = "start_s"
"""Array of a prepared trace that tells when each segment begins, s; needed where users start together."""
PLACED = ("centre", "report")
"""Arrays of a prepared trace that tell where on earth it is: needed to place servers that are given in degrees."""
LATEST = 2**30
"""Slots that a trace may span, from the begin of its first segment to the last episode."""
FARTHEST_M = 1e6
"""Raw fixes may lie outside of the area, but no farther than this."""
OLDEST_S = 86_400.0
"""Two fixes farther apart are not joined, so that the last is no older, and the one before no older than twice that."""


class Common(NamedTuple):
    """When episodes can start for all users at one time. Slots are numbered on one clock, from the first segment's."""

    first: Int[Array, " segments"]
    """slot in which a segment begins"""
    last: Int[Array, " segments"]
    """last slot from which it lasts an episode"""
    begin: Int[Array, " stretches"]
    """first slot of each stretch of common starts"""
    starts: Int[Array, " stretches"]
    """running total of the stretches' slots"""
    place: Int[Array, " users"]
    """1 to the number of users"""


class Trace(NamedTuple):
    """Segments of a prepared trace, padded to the longest; leaves of `Replay.trace`."""

    position: Float[Array, "segments times 2"]
    """m"""
    last_fix: Float[Array, "segments times 2"]
    """m"""
    previous_fix: Float[Array, "segments times 2"]
    """m"""
    last_age: Float[Array, "segments times"]
    """s"""
    previous_age: Float[Array, "segments times"]
    """s"""
    fixes: Int[Array, "segments times"]
    """how many of the two fixes are known"""
    starts: Int[Array, " segments"] | None = None
    """running total of the segments' possible episode starts; None where users start together"""
    common: Common | None = None
    """where users start together"""


class Motion(NamedTuple):
    """Where in the trace each user is."""

    position: Float[Array, "users 2"]
    """m"""
    segment: Int[Array, " users"]
    time: Int[Array, " users"]


def check(arrays: Mapping[str, Any], where: str = "trace") -> dict[str, np.ndarray]:
    """The arrays of `SHAPES` as NumPy's, in single precision, if they can be a trace; `CLOCK`, `PLACED` as they are.

    Args:
        arrays: of a prepared file, or made by oneself.
        where: begins the message of an error.

    Raises:
        UserError: one is missing, of another type or shape, not finite or out of range; the message names it.
    """
    for name in SHAPES:
        if name not in arrays:
            raise UserError(f"{where}: {name} is missing; needed are {', '.join(SHAPES)}")
    found = {name: _numbers(arrays[name], name, where) for name in SHAPES}
    # What most of them agree on, so that the odd one is named.
    common = Counter(found[name].shape[:2] for name, shape in SHAPES.items() if len(shape) > 1).most_common(1)[0][0]
    size: dict[int | str, int] = dict(zip(("segments", "slots"), common, strict=False))
    for name, expected in SHAPES.items():
        shape = tuple(size.get(n, n) for n in expected)
        if found[name].shape != shape:
            raise UserError(f"{where}: {name} is of shape {found[name].shape}, expected {shape}")
    length, side = found["length"], found["side_m"]
    segments, slots = found["fixes"].shape
    if not segments:
        raise UserError(f"{where}: position holds no segment")
    valid = np.arange(slots) < length[:, None]
    for name, low, high in (
        ("slot_s", 1e-3, 3600), ("side_m", 1, 1e6), ("length", 1, slots), ("fixes", 1, 2), ("position", 0, side),
        ("last_fix", -FARTHEST_M, FARTHEST_M), ("previous_fix", -FARTHEST_M, FARTHEST_M),
        ("last_age", 0, OLDEST_S), ("previous_age", 0, 2 * OLDEST_S),
    ):  # fmt: skip
        values = found[name][valid] if found[name].ndim > 1 else found[name]
        wrong = values[(values < low) | (values > high)]
        if wrong.size:
            raise UserError(f"{where}: {name} holds {wrong.flat[0]:g}: allowed are {low:g} to {high:,g}")
    late = valid & (found["fixes"] == 2) & (found["previous_age"] <= found["last_age"])
    if late.any():
        raise UserError(f"{where}: previous_age holds {found['previous_age'][late][0]:g}: must be over last_age there")
    return found | {name: np.asarray(arrays[name]) for name in (CLOCK, *PLACED) if name in arrays}


def _numbers(values: Any, name: str, where: str) -> np.ndarray:
    whole = name in ("length", "fixes")
    try:
        array = np.asarray(values)
    except (ValueError, TypeError):  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in ("iu" if whole else "iuf"):
        raise UserError(f"{where}: {name} must be {'whole ' if whole else ''}numbers, not {array.dtype}")
    if whole:
        return np.clip(array.astype(np.int64), -1, 2**31 - 1).astype(np.int32)
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise UserError(f"{where}: {name} holds a number that is not finite")
    return array


def as_trace(arrays: Mapping[str, Any], slots: int, together: int | None = None) -> Trace:
    """The trace of a prepared file for episodes of `slots`; segments too short for one are left out.

    Args:
        arrays: those of `SHAPES`, and `CLOCK` where users start together; see `check`.
        slots: T_max.
        together: how many users start at one time; None where each has a start of its own.

    Raises:
        UserError: no segment is long enough, too few last an episode from any one time, or an array is not what it must
            be.
    """
    arrays = check(arrays)
    starts = arrays["length"] - slots  # a segment shows slots + 1 positions, the last after the last slot
    keep = starts > 0
    if not keep.any():
        longest = int(np.max(arrays["length"], initial=0))
        raise UserError(f"trace: its longest segment has {longest} slots, an episode needs {slots + 1} (env.slots + 1)")
    leaf: dict[str, Any] = {name: jnp.asarray(arrays[name][keep]) for name in Trace._fields if name in SHAPES}
    if together is None:
        return Trace(**leaf, starts=jnp.asarray(np.cumsum(starts[keep], dtype=np.int32)))
    first = _numbered(arrays, slots)[keep]
    return Trace(**leaf, common=_common(first, first + starts[keep] - 1, slots, together))


def _numbered(arrays: Mapping[str, Any], slots: int) -> NDArray[np.int64]:
    """The slot in which each segment begins, on one clock that starts with the first of them."""
    if CLOCK not in arrays:
        raise UserError(f"trace: {CLOCK} is missing, which mobility.start = 'together' needs: prepare the trace again")
    times, count = arrays[CLOCK], len(arrays["length"])
    if times.shape != (count,) or times.dtype.kind not in "iuf" or not np.isfinite(times).all():
        raise UserError(f"trace: {CLOCK} must be finite numbers of shape ({count},)")
    exact = (times - times.min()) / float(arrays["slot_s"])
    if (np.abs(exact - np.round(exact)) > 1e-3).any():
        raise UserError(f"trace: {CLOCK} holds times that are no whole number of slots apart (slot_s)")
    if exact.max() + arrays["length"].max() > LATEST:
        raise UserError(f"trace: {CLOCK} spans {exact.max():g} slots: allowed are {LATEST:g}")
    return np.round(exact).astype(np.int64)


def _common(first: NDArray[np.int64], last: NDArray[np.int64], slots: int, users: int) -> Common:
    """Stretches of slots from which at least so many segments last an episode: those between `first` and `last`."""
    edges = np.unique(np.concatenate([first, last + 1]))
    there = np.searchsorted(np.sort(first), edges, "right") - np.searchsorted(np.sort(last + 1), edges, "right")
    if there.max() < users:
        raise UserError(
            f"mobility.start = 'together': at no time of the trace have env.users = {users} users a track of "
            f"{slots + 1} slots (env.slots + 1) each: at most {there.max()} have"
        )
    enough = there[:-1] >= users  # behind the last edge there is nobody
    whole = (first, last, edges[:-1][enough], np.cumsum(np.diff(edges)[enough]), np.arange(1, users + 1))
    return Common(*(jnp.asarray(values.astype(np.int32)) for values in whole))


def _drawn(
    uniform: Float[Array, " draws"], starts: Int[Array, " stretches"]
) -> tuple[Int[Array, " draws"], Int[Array, " draws"]]:
    """A slot drawn uniformly from all stretches: which of them, and how far into it.

    Args:
        uniform: standard uniforms.
        starts: running total of the stretches' lengths.
    """
    total = starts[-1]
    draw = jnp.minimum(jnp.int32(uniform * total), total - 1)
    which = jnp.searchsorted(starts, draw, side="right").astype(jnp.int32)
    return which, draw - jnp.where(which > 0, starts[which - 1], 0)


@register("mobility", "trace")
class Replay(Mobility):
    """Users replay a prepared trace: positions interpolated between its fixes, prediction from raw fixes only."""

    draws: ClassVar[int] = 1
    start: str = choice(
        "drawn", ("drawn", "together"),
        "each user at a time of its own, drawn from the whole trace; or all at one time: user k on track k of those "
        "that last an episode from there",
    )  # fmt: skip
    observed: str = choice(
        "position", ("position", "fix"),
        "where a controller sees a user: at its interpolated position, or at its last raw fix; as two interpolated "
        "positions give the next one away, an agent with a memory needs the fix",
    )  # fmt: skip
    trace: Any = None
    """`Trace`"""

    @property
    def foretells(self) -> str:  # type: ignore[override]
        """Interpolated positions do: they run straight to the next fix."""
        if self.observed == "fix":
            return ""
        return "mobility.observed = 'position': must be 'fix' where two positions in turn would give the next one away"

    def _at(self, segment: Int[Array, " users"], time: Int[Array, " users"]) -> Motion:
        return Motion(self.trace.position[segment, time], segment, time)

    def reset(self, uniform: Float[Array, "users draws"], params: Any) -> Motion:
        """Every user at an episode start drawn uniformly from all segments, independently of the others.

        Where they start together, the time is drawn uniformly from all at which as many segments last an episode.
        """
        if self.start == "together":
            return self._together(uniform)
        if self.trace.starts is None:
            raise UserError("params.mobility: its trace is for users that start together")
        return self._at(*_drawn(uniform[:, 0], self.trace.starts))

    def _together(self, uniform: Float[Array, "users draws"]) -> Motion:
        common = self.trace.common
        if common is None or common.place.shape != uniform.shape[:1]:
            there = 0 if common is None else len(common.place)
            raise UserError(f"params.mobility: its trace is for {there} users that start together, not {len(uniform)}")
        stretch, ahead = _drawn(uniform[:1, 0], common.starts)
        now = common.begin[stretch] + ahead
        lasts = (common.first <= now) & (now <= common.last)
        segment = jnp.searchsorted(jnp.cumsum(lasts, dtype=jnp.int32), common.place).astype(jnp.int32)
        return self._at(segment, now - common.first[segment])

    def seen_at(self, motion: Motion, known: Fixes) -> Float[Array, "users 2"] | None:
        """The last raw fixes, where `observed` says so."""
        return known.last if self.observed == "fix" else None

    @jax.named_scope("mobility")
    def move(self, uniform: Float[Array, "users draws"], motion: Motion, params: Any) -> Motion:
        """One slot on in the same segment."""
        return self._at(motion.segment, motion.time + 1)

    def first_fixes(self, motion: Motion) -> Fixes:
        """The raw fixes that the trace has until then."""

        def there(leaf: Array) -> Array:
            return leaf[motion.segment, motion.time]

        trace = self.trace
        age = there(trace.last_age)
        return Fixes(
            last=there(trace.last_fix),
            previous=there(trace.previous_fix),
            age=age,
            gap=there(trace.previous_age) - age,
            known=there(trace.fixes),
        )

    def next_fixes(self, known: Fixes, motion: Motion, t: Int[Array, ""], params: Any) -> Fixes:
        """The raw fixes that the trace has until then."""
        return self.first_fixes(motion)
