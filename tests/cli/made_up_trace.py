"""A prepared trace that is made up."""

import numpy as np

from eco_jax.data import Traces
from eco_jax.data.store import save


def made_up(slot=5.0, side=3000.0, slots=80, segments=3):
    """Taxis that stand still."""
    place = np.full((segments, slots, 2), 0.4 * side, np.float32)
    age = np.zeros((segments, slots), np.float32)
    return Traces(
        position=place, length=np.full(segments, slots, np.int32), last_fix=place, last_age=age, previous_fix=place,
        previous_age=age + np.float32(slot), fixes=np.full((segments, slots), 2, np.int8),
        taxi=np.arange(segments, dtype=np.int64), start_s=np.full(segments, 1_201_910_400, np.int64),
        slot_s=np.array(float(slot)), side_m=np.array(float(side)), centre=np.array([116.4401, 39.9202]),
        format_version=np.array(1), report=np.array("{}"),
    )  # fmt: skip


def write(path, **chosen):
    """The same as a file."""
    save(path, made_up(**chosen))
    return path
