"""Replay of a prepared trace: positions interpolated between fixes, prediction from raw fixes only."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.params import EnvParams
from eco_jax.env.state import Fixes
from eco_jax.errors import UserError

DRAWS = 1


class Trace(NamedTuple):
    """Segments of a prepared trace, padded to the longest; leaves of `EnvParams.trace`."""

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
    fixes: Fixes
    segment: Int[Array, " users"]
    time: Int[Array, " users"]


def as_trace(arrays: Mapping[str, Any], slots: int) -> Trace:
    """The trace of a prepared file for episodes of `slots`; segments too short for one are left out.

    Args:
        arrays: `position`, `length`, `last_fix`, `previous_fix`, `last_age`, `previous_age`, `fixes`.
        slots: T_max.

    Raises:
        UserError: no segment is long enough.
    """
    starts = np.asarray(arrays["length"]) - slots  # a segment shows slots + 1 positions, the last after the last slot
    keep = starts > 0
    if not keep.any():
        longest = int(np.max(arrays["length"], initial=0))
        raise UserError(f"trace: its longest segment has {longest} slots, an episode needs {slots + 1} (env.slots + 1)")
    leaf = {name: jnp.asarray(arrays[name][keep]) for name in Trace._fields if name != "starts"}
    leaf["fixes"] = leaf["fixes"].astype(jnp.int32)
    return Trace(**leaf, starts=jnp.cumsum(jnp.asarray(starts[keep], jnp.int32)))


def _at(trace: Trace, segment: Int[Array, " users"], time: Int[Array, " users"]) -> Motion:
    def pick(leaf: Array) -> Array:
        return leaf[segment, time]

    age = pick(trace.last_age)
    known = Fixes(
        last=pick(trace.last_fix),
        previous=pick(trace.previous_fix),
        age=age,
        gap=pick(trace.previous_age) - age,
        known=pick(trace.fixes),
    )
    return Motion(pick(trace.position), known, segment, time)


def reset(uniform: Float[Array, "users draws"], config: EnvConfig, params: EnvParams) -> Motion:
    """Every user at an episode start drawn uniformly from all segments, independently of the others."""
    trace: Trace = params.trace
    total = trace.starts[-1]
    draw = jnp.minimum(jnp.int32(uniform[:, 0] * total), total - 1)
    segment = jnp.searchsorted(trace.starts, draw, side="right").astype(jnp.int32)
    before = jnp.where(segment > 0, trace.starts[segment - 1], 0)
    return _at(trace, segment, draw - before)


@jax.named_scope("mobility")
def move(
    uniform: Float[Array, "users draws"], motion: Motion, t: Int[Array, ""], config: EnvConfig, params: EnvParams
) -> Motion:
    """One slot on in the same segment."""
    return _at(params.trace, motion.segment, motion.time + 1)
