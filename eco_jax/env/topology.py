"""Where the servers stand, and which are nearest."""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int


def even_sites(servers: int, side: float) -> np.ndarray:
    """Coordinates (m) of n servers spread evenly over a square: m = round(sqrt n) rows.

    Row r holds c = ceil((r+1) n/m) - ceil(r n/m) servers, the k-th at ((k + 1/2) side/c, (r + 1/2) side/m):
    45 servers make rows of 7, 6, 7, 6, 7, 6, 6.
    """
    rows = max(1, round(math.sqrt(servers)))
    sites = []
    for r in range(rows):
        count = math.ceil((r + 1) * servers / rows) - math.ceil(r * servers / rows)
        sites += [((k + 0.5) * side / count, (r + 0.5) * side / rows) for k in range(count)]
    return np.asarray(sites, np.float32)


def distances(points: Float[Array, "users 2"], sites: Float[Array, "servers 2"]) -> Float[Array, "users servers"]:
    """Distance of every user to every server, m."""
    dx = points[:, None, 0] - sites[None, :, 0]
    dy = points[:, None, 1] - sites[None, :, 1]
    return jnp.sqrt(dx**2 + dy**2)


def nearest(
    points: Float[Array, "users 2"], sites: Float[Array, "servers 2"], k: int
) -> tuple[Int[Array, "users k"], Float[Array, "users k"]]:
    """The k nearest servers of every user, nearest first (ties by index), and their distances, m."""
    negative, index = lax.top_k(-distances(points, sites), k)
    return index, -negative
