"""Replay of a prepared trace: positions interpolated between fixes, prediction from raw fixes only."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from eco_jax.env.parts.mobility.base import Mobility
from eco_jax.env.state import Fixes
from eco_jax.errors import UserError
from eco_jax.parts import register

SHAPES: dict[str, tuple[int | str, ...]] = {
    "length": ("segments",), "fixes": ("segments", "slots"), "position": ("segments", "slots", 2),
    "last_fix": ("segments", "slots", 2), "previous_fix": ("segments", "slots", 2),
    "last_age": ("segments", "slots"), "previous_age": ("segments", "slots"), "slot_s": (), "side_m": (),
}  # fmt: skip
"""Arrays of a prepared trace that a replay needs. All are numbers, `length` and `fixes` whole ones."""
FARTHEST_M = 1e6
"""Raw fixes may lie outside of the area, but no farther than this."""
OLDEST_S = 86_400.0
"""Two fixes farther apart are not joined, so that the last is no older, and the one before no older than twice that."""


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
    starts: Int[Array, " segments"]
    """running total of the segments' possible episode starts"""


class Motion(NamedTuple):
    """Where in the trace each user is."""

    position: Float[Array, "users 2"]
    """m"""
    segment: Int[Array, " users"]
    time: Int[Array, " users"]


def check(arrays: Mapping[str, Any], where: str = "trace") -> dict[str, np.ndarray]:
    """The arrays of `SHAPES` as NumPy's, in single precision, if they can be a trace.

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
    return found


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


def as_trace(arrays: Mapping[str, Any], slots: int) -> Trace:
    """The trace of a prepared file for episodes of `slots`; segments too short for one are left out.

    Args:
        arrays: those of `SHAPES`; see `check`.
        slots: T_max.

    Raises:
        UserError: no segment is long enough, or an array is not what it must be.
    """
    arrays = check(arrays)
    starts = arrays["length"] - slots  # a segment shows slots + 1 positions, the last after the last slot
    keep = starts > 0
    if not keep.any():
        longest = int(np.max(arrays["length"], initial=0))
        raise UserError(f"trace: its longest segment has {longest} slots, an episode needs {slots + 1} (env.slots + 1)")
    leaf = {name: jnp.asarray(arrays[name][keep]) for name in Trace._fields if name != "starts"}
    return Trace(**leaf, starts=jnp.asarray(np.cumsum(starts[keep], dtype=np.int32)))


@register("mobility", "trace")
class Replay(Mobility):
    """Users replay a prepared trace: positions interpolated between its fixes, prediction from raw fixes only."""

    draws: ClassVar[int] = 1
    trace: Any = None
    """`Trace`"""

    def _at(self, segment: Int[Array, " users"], time: Int[Array, " users"]) -> Motion:
        return Motion(self.trace.position[segment, time], segment, time)

    def reset(self, uniform: Float[Array, "users draws"], params: Any) -> Motion:
        """Every user at an episode start drawn uniformly from all segments, independently of the others."""
        starts = self.trace.starts
        total = starts[-1]
        draw = jnp.minimum(jnp.int32(uniform[:, 0] * total), total - 1)
        segment = jnp.searchsorted(starts, draw, side="right").astype(jnp.int32)
        before = jnp.where(segment > 0, starts[segment - 1], 0)
        return self._at(segment, draw - before)

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
