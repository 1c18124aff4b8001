"""Intervals that respect where the randomness comes from: seeds of training, and episodes of evaluation."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    lo: float
    hi: float


def bootstrap(values: NDArray[np.floating], resamples: int = 4000, seed: int = 0) -> Interval:
    """Mean of `values` [seeds, episodes] and its 95 % interval.

    Percentile bootstrap on both levels at once: seeds are drawn with replacement, and episodes, which all seeds
    share, likewise. One row (a rule has no seeds) leaves the episodes. With very few seeds the interval is somewhat
    too narrow, as every bootstrap is.
    """
    values = np.atleast_2d(np.asarray(values, np.float64))
    rng = np.random.default_rng(seed)
    seeds, episodes = values.shape
    weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
    shares = rng.multinomial(episodes, np.full(episodes, 1 / episodes), resamples) / episodes
    means = np.einsum("rs,se,re->r", weights, values, shares)
    lo, hi = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(lo), float(hi))


def relative(new: NDArray[np.floating], old: NDArray[np.floating], resamples: int = 4000, seed: int = 0) -> Interval:
    """(mean new - mean old) / |mean old| and its 95 % interval, paired on episodes [seeds, episodes]."""
    new, old = np.atleast_2d(new).astype(np.float64), np.atleast_2d(old).astype(np.float64)
    rng = np.random.default_rng(seed)
    episodes = new.shape[1]
    shares = rng.multinomial(episodes, np.full(episodes, 1 / episodes), resamples) / episodes

    def means(values: NDArray[np.floating]) -> NDArray[np.floating]:
        seeds = len(values)
        weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
        return np.einsum("rs,se,re->r", weights, values, shares)

    ratio = (means(new) - (base := means(old))) / np.abs(base)
    lo, hi = np.percentile(ratio, [2.5, 97.5])
    return Interval(float((new.mean() - old.mean()) / abs(old.mean())), float(lo), float(hi))


def difference(new: NDArray[np.floating], old: NDArray[np.floating]) -> Interval:
    """Mean of new - old and its 95 % interval, paired on episodes; seeds pair by position, or one row serves all."""
    return bootstrap(np.atleast_2d(new) - np.atleast_2d(old))
