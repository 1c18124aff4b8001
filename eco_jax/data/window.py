"""Where to put the window: the square of a given side that holds the most fixes."""

import numpy as np

from eco_jax.data.geo import DEGREES, TOWN, Bounds, Frame
from eco_jax.data.read import Fixes

_CELL_M = 100.0


def densest(fixes: Fixes, side_m: float, bounds: Bounds = TOWN, frame: Frame = DEGREES) -> tuple[float, float]:
    """Centre of the square of `side_m` metres with most fixes: longitude, latitude in degrees to 1e-4 (x, y to 1 m).

    The square is found on a grid of about 100 m; of equals the most southern, then the most western one is
    taken. All fixes count, whenever they were made: the centre is a choice of the study, like the side, and
    not of a predictor.
    """
    span = max(1, round(side_m / _CELL_M))  # cells a side
    cell = side_m / span
    middle = (bounds[0] + bounds[2]) / 2, float(np.median(fixes.latitude))  # scale of x: exact where most taxis are
    position = frame.to_metres(fixes.longitude, fixes.latitude, middle, 0.0)
    corner = position.min(axis=0) - cell / 2  # so that rounding the centre loses no fix at the edge
    column, row = ((position - corner) // cell).astype(np.int64).T
    shape = max(int(row.max()) + 1, span), max(int(column.max()) + 1, span)
    counts = np.bincount(row * shape[1] + column, minlength=shape[0] * shape[1]).reshape(shape)
    counts = counts.astype(np.int32)  # half the memory
    total = np.pad(counts.cumsum(0, np.int32).cumsum(1, np.int32), ((1, 0), (1, 0)))  # summed-area table
    inside = total[span:, span:] - total[:-span, span:] - total[span:, :-span] + total[:-span, :-span]
    south, west = np.unravel_index(np.argmax(inside), inside.shape)
    found = corner + cell * np.array([[west, south]]) + side_m / 2
    longitude, latitude = frame.from_metres(found, middle, 0.0)
    # Half a window may stand out of the town, its centre not.
    return (
        float(np.clip(round(float(longitude[0]), frame.decimals), bounds[0], bounds[2])),
        float(np.clip(round(float(latitude[0]), frame.decimals), bounds[1], bounds[3])),
    )
