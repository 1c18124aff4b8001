"""Where the servers stand, and which are nearest."""

import math
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float, Int

from eco_jax.env.config import EnvConfig
from eco_jax.env.params import EnvParams


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
    return jnp.asarray(shares, jnp.float32) * side


def sites(config: EnvConfig, params: EnvParams) -> Float[Array, "servers 2"]:
    """Coordinates of the servers, m: own ones, or spread evenly over the area as large as it is."""
    return even_sites(config.servers, params.side) if params.sites is None else params.sites


def distances(
    points: Float[Array, "users 2"], sites: Float[Array, "servers 2"], candidates: Int[Array, "users k"]
) -> Float[Array, "users k"]:
    """Distance of every user to its candidates, m."""
    way = points[:, None] - sites[candidates]
    return jnp.sqrt(way[..., 0] ** 2 + way[..., 1] ** 2)


def nearest(
    points: Float[Array, "users 2"], sites: Float[Array, "servers 2"], k: int
) -> tuple[Int[Array, "users k"], Float[Array, "users k"]]:
    """The k nearest servers of every user, nearest first (ties by index), and their distances, m.

    Found in k rounds of minima over the servers. With the users innermost these are vector instructions: at k = 4
    half the time of a sort or a top-k, and an eighth of an argmin over the last axis at k = 1.
    """
    servers = sites.shape[0]
    # Indices as floats, exact up to 2^24: minima of integers are slower.
    index = lax.broadcasted_iota(jnp.float32, (servers, points.shape[0]), 0)
    square = (points[None, :, 0] - sites[:, None, 0]) ** 2 + (points[None, :, 1] - sites[:, None, 1]) ** 2
    found, squares = [], []
    for _ in range(k):
        least = jnp.min(square, axis=0)
        which = jnp.min(jnp.where(square == least, index, servers), axis=0)
        square = jnp.where(index == which, jnp.inf, square)
        found.append(which)
        squares.append(least)
    return jnp.stack(found, axis=1).astype(jnp.int32), jnp.sqrt(jnp.stack(squares, axis=1))
