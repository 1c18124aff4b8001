"""Where the servers stand, and which are nearest."""

import math
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.params import EnvParams
from eco_jax.errors import UserError


def even_sites(servers: int, side: Any) -> Float[Array, "servers 2"]:
    """Coordinates (m) of n servers spread evenly over a square of `side` (m, may be traced): m = round(sqrt n) rows.

    Row r holds c = ceil((r+1) n/m) - ceil(r n/m) servers, the k-th at ((k + 1/2) side/c, (r + 1/2) side/m):
    45 servers make rows of 7, 6, 7, 6, 7, 6, 6.
    """
    rows = max(1, round(math.sqrt(servers)))
    shares = []
    for r in range(rows):
        count = math.ceil((r + 1) * servers / rows) - math.ceil(r * servers / rows)
        shares += [((k + 0.5) / count, (r + 0.5) / rows) for k in range(count)]
    return jnp.asarray(shares, jnp.result_type(jnp.float32, side)) * side


def sites(config: EnvConfig, params: EnvParams) -> Float[Array, "servers 2"]:
    """Coordinates of the servers, m: own ones, or spread evenly over the area as large as it is."""
    return even_sites(config.servers, params.side) if params.sites is None else params.sites


def check_sites(sites: np.ndarray, side: float) -> None:
    """Whether coordinates of servers, [servers, 2], can be meant as m in a square area of `side` m.

    Raises:
        UserError: they look like degrees (all within a hundredth of the side, and below 180), none lies in the area, or
            one lies further outside than half a side.
    """
    low, high = sites.min(axis=0), sites.max(axis=0)
    extent = f"x is {low[0]:g} to {high[0]:g}, y {low[1]:g} to {high[1]:g}"
    must = f"must be m in the area, 0 to {side:g} in x and y (side = {side:g})"
    if len(sites) > 1 and np.abs(sites).max() <= 180.0 and (high - low).max() < 0.01 * side:
        raise UserError(f"sites: {extent}: {must}; are they degrees?")
    if not ((sites >= 0.0) & (sites <= side)).all(axis=1).any():
        raise UserError(f"sites: {extent}, none in the area: {must}")
    far = np.flatnonzero(((sites < -0.5 * side) | (sites > 1.5 * side)).any(axis=1))
    if far.size:
        x, y = sites[far[0]]
        raise UserError(f"sites: number {far[0] + 1}, ({x:g}, {y:g}), lies more than half a side outside: {must}")


def distances(
    points: Float[Array, "users 2"], sites: Float[Array, "servers 2"], candidates: Int[Array, "users k"]
) -> Float[Array, "users k"]:
    """Distance of every user to its candidates, m."""
    return jnp.sqrt(_squares(points, sites, candidates))


def _squares(
    points: Float[Array, "users 2"], sites: Float[Array, "servers 2"], candidates: Int[Array, "users k"]
) -> Float[Array, "users k"]:
    way = points[:, None] - sites[candidates]
    return way[..., 0] ** 2 + way[..., 1] ** 2


def nearest(
    points: Float[Array, "users 2"], sites: Float[Array, "servers 2"], k: int
) -> tuple[Int[Array, "users k"], Float[Array, "users k"]]:
    """The k nearest servers of every user, nearest first (ties by index), and their distances, m."""
    merging = partial(_by_merging, k)
    default = partial(_by_minima, k) if len(sites) <= MANY else merging
    found, square = lax.platform_dependent(points, sites, cuda=merging, default=default)
    return found, jnp.sqrt(square)


MANY = 4096
"""Servers for which `_by_minima` is good: it takes distances for equal only where they differ by less than 0.03 %."""
Found = tuple[Int[Array, "users k"], Float[Array, "users k"]]
"""The nearest servers, and their squared distances, m²."""


def _by_minima(k: int, points: Float[Array, "users 2"], sites: Float[Array, "servers 2"]) -> Found:
    """In k rounds of minima over the servers, with the users innermost: vector instructions of a CPU.

    The last bits of a squared distance hold the server's index, so that one minimum gives both. A minimum that is
    looked for by its value may not be found: XLA may compute the distances twice, and round them in two ways.
    Servers whose squares differ in those bits alone (within 8e-6 of the square at 45 servers) count as equally far.
    """
    servers, dtype = sites.shape[0], jnp.result_type(points, sites)
    whole = {4: jnp.int32, 8: jnp.int64}[dtype.itemsize]
    low = (1 << (servers - 1).bit_length()) - 1
    index = lax.broadcasted_iota(whole, (servers, points.shape[0]), 0)
    square = (points[None, :, 0] - sites[:, None, 0]) ** 2 + (points[None, :, 1] - sites[:, None, 1]) ** 2
    # One m² more: bits of an index alone would be a denormal number. Positive floats are in the order of their bits,
    # and their minima are quicker than those of integers.
    key = lax.bitcast_convert_type((lax.bitcast_convert_type(square + 1.0, whole) & ~low) | index, dtype)
    found = []
    for _ in range(k):
        which = lax.bitcast_convert_type(jnp.min(key, axis=0), whole) & low
        key = jnp.where(index == which, jnp.inf, key)
        found.append(which.astype(jnp.int32))
    candidates = jnp.stack(found, axis=1)
    return candidates, _squares(points, sites, candidates)


ROW = 31
"""Servers that a thread of a GPU looks at: XLA shares out a longer row among threads, which takes longer."""


def _by_merging(k: int, points: Float[Array, "users 2"], sites: Float[Array, "servers 2"]) -> Found:
    """By merging sorted lists of k: those of rows of servers, then those of the rows.

    Two kernels on a GPU, where each round of minima is two and writes or reads the distances of all servers.
    """
    servers = sites.shape[0]
    rows = max(3, -(-servers // ROW))
    width = -(-servers // rows)
    nowhere = jnp.full((rows * width - servers, 2), jnp.inf, sites.dtype)
    grid = jnp.concatenate([sites, nowhere]).reshape(rows, width, 2)
    square = (points[:, None, None, 0] - grid[..., 0]) ** 2 + (points[:, None, None, 1] - grid[..., 1]) ** 2
    index = width * lax.broadcasted_iota(jnp.int32, square.shape, 1) + lax.broadcasted_iota(jnp.int32, square.shape, 2)

    def merged(one: tuple[Array, ...], other: tuple[Array, ...]) -> tuple[Array, ...]:
        squares, indices = list(one[:k]), list(one[k:])
        for square, index in zip(other[:k], other[k:], strict=True):
            for n in range(k):
                first = (square < squares[n]) | ((square == squares[n]) & (index < indices[n]))
                squares[n], square = jnp.where(first, square, squares[n]), jnp.where(first, squares[n], square)
                indices[n], index = jnp.where(first, index, indices[n]), jnp.where(first, indices[n], index)
        return (*squares, *indices)

    far, none = jnp.asarray(jnp.inf, square.dtype), jnp.int32(servers)
    rest = [jnp.full_like(square, far)] * (k - 1), [jnp.full_like(index, none)] * (k - 1)
    lists: Any = (square, *rest[0], index, *rest[1])
    for axis in (2, 1):
        lists = lax.reduce(lists, (*[far] * k, *[none] * k), merged, (axis,))
    return jnp.stack(lists[k:], axis=1), jnp.stack(lists[:k], axis=1)
