"""Made-up taxis on a made-up grid of roads: where each one is, and when it says so."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_M = 400.0  # between one crossing and the next
BLOCKS = 22  # of the town's side: 8.8 km
_SPEED_MPS = (15 / 3.6, 60 / 3.6)  # of a block, uniform
_TURNS, _TURN_SHARES = (0, 1, 3), (0.6, 0.2, 0.2)  # straight on, left, right, in quarters of a circle
_LIGHT_SHARE, _LIGHT_S = 0.35, (5.0, 60.0)  # crossings with a stop, and its length
_PASSENGER_SHARE, _PASSENGER_S = 0.03, (30.0, 240.0)
_NOISE_M = 5.0  # standard deviation of a receiver's error, each axis
_SHORTEST_S = 5
_SHAPE = 2.0  # of the gamma distribution of intervals: irregular, with few very short ones
_SILENCE_SHARE, _SILENCE_S = 0.01, (600.0, 1800.0)  # a garage, a tunnel, a receiver switched off


class Route(NamedTuple):
    """What one taxi reports."""

    time: NDArray[np.int64]  # [fixes] s since the start, ascending
    position: NDArray[np.float64]  # [fixes, 2] m from the town's south-west corner
    silences: int  # intervals of many minutes among them


def route(rng: np.random.Generator, duration_s: float, mean_interval_s: float, *, silences: bool) -> Route:
    """One taxi's reports over `duration_s`, on average every `mean_interval_s`, silences included."""
    time, silent = _report_times(rng, duration_s, mean_interval_s, silences)
    when, where = _drive(rng, duration_s)
    position = np.stack([np.interp(time, when, where[:, axis]) for axis in (0, 1)], axis=-1)
    return Route(time, position + rng.normal(0.0, _NOISE_M, position.shape), silent)


def _report_times(
    rng: np.random.Generator, duration_s: float, mean_s: float, silences: bool
) -> tuple[NDArray[np.int64], int]:
    size = int(3 * duration_s / mean_s) + 20  # so many intervals fill the time for certain
    share = _SILENCE_SHARE if silences else 0.0
    silent = rng.random(size) < share
    usual = rng.gamma(_SHAPE, (mean_s - share * float(np.mean(_SILENCE_S))) / _SHAPE, size)
    interval = np.maximum(_SHORTEST_S, usual + silent * rng.uniform(*_SILENCE_S, size))
    time = (rng.uniform(0.0, mean_s) + np.cumsum(interval) - interval[0]).astype(np.int64)
    until = int(np.searchsorted(time, duration_s))
    return time[:until], int(silent[1:until].sum())  # the k-th interval ends at the k-th report


def _drive(rng: np.random.Generator, duration_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times [2 n] and positions [2 n, 2] of reaching and leaving n crossings, past `duration_s`."""
    n = int(duration_s * _SPEED_MPS[1] / BLOCK_M) + 2  # enough even without a stop
    heading = rng.integers(4) + np.cumsum(rng.choice(_TURNS, n, p=_TURN_SHARES))
    stride = np.stack([np.cos(heading * np.pi / 2), np.sin(heading * np.pi / 2)], axis=-1).round()
    crossing = rng.integers(BLOCKS + 1, size=2) + np.cumsum(stride, axis=0) - stride
    # An endless plane folded onto the town: a taxi that would leave it turns round at its edge.
    crossing = BLOCKS - np.abs(np.mod(crossing, 2 * BLOCKS) - BLOCKS)
    stop = (rng.random(n) < _LIGHT_SHARE) * rng.uniform(*_LIGHT_S, n)
    stop += (rng.random(n) < _PASSENGER_SHARE) * rng.uniform(*_PASSENGER_S, n)
    travel = BLOCK_M / rng.uniform(*_SPEED_MPS, n)
    leaving = np.cumsum(stop + travel) - travel
    arriving = leaving - stop
    return np.stack([arriving, leaving], axis=-1).ravel(), np.repeat(crossing * BLOCK_M, 2, axis=0)
