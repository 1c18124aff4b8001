"""Degrees and metres on the scale of a town: a sphere, locally flat. A `Frame` is what the rows' positions are in."""

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8  # mean radius (IUGG); lengths at 40 N are within 0.3 % of the ellipsoid's
METRES_PER_DEGREE = EARTH_RADIUS_M * np.pi / 180.0  # of latitude: 111,195 m

Bounds = tuple[float, float, float, float]
"""Of a town: west, south, east, north, in degrees."""

# Greater Beijing as west, south, east, north, in degrees: the municipality, but for empty mountains in the
# north, and the nearest of its neighbours, to which taxis do go.
TOWN: Bounds = (115.4, 39.4, 117.6, 41.1)

# The densest 3 x 3 km of T-Drive, east of the second ring road: longitude, latitude in degrees.
BUSY_CENTRE = (116.4401, 39.9202)


def in_town(longitude: NDArray[np.float64], latitude: NDArray[np.float64], bounds: Bounds = TOWN) -> NDArray[np.bool_]:
    """Whether each point [n], in degrees, lies within the bounds of the town (its border included)."""
    west, south, east, north = bounds
    return (west <= longitude) & (longitude <= east) & (south <= latitude) & (latitude <= north)


def to_metres(
    longitude: NDArray[np.float64], latitude: NDArray[np.float64], centre: tuple[float, float], side_m: float
) -> NDArray[np.float64]:
    """Points [n] in degrees as metres [n, 2]: x east, y north, from the south-west corner of the window.

    The window is a square of side `side_m` around `centre` (longitude, latitude). It has one scale: over 3 km
    the true scale of x varies by 0.04 %.
    """
    east = (longitude - centre[0]) * METRES_PER_DEGREE * np.cos(np.radians(centre[1]))
    north = (latitude - centre[1]) * METRES_PER_DEGREE
    return np.stack([east, north], axis=-1) + side_m / 2


def to_degrees(
    position: NDArray[np.float64], centre: tuple[float, float], side_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The inverse of `to_metres`: metres [n, 2] as longitude [n] and latitude [n] in degrees."""
    east, north = np.moveaxis(position - side_m / 2, -1, 0)
    longitude = centre[0] + east / (METRES_PER_DEGREE * np.cos(np.radians(centre[1])))
    return longitude, centre[1] + north / METRES_PER_DEGREE


def show_bounds(bounds: Bounds) -> str:
    """Bounds for a message."""
    west, south, east, north = bounds
    return f"{west:g} to {east:g} E, {south:g} to {north:g} N"


def distance_m(
    longitude: NDArray[np.float64],
    latitude: NDArray[np.float64],
    other_longitude: NDArray[np.float64],
    other_latitude: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance in metres between points [n] in degrees, exact to 0.1 % within a town."""
    scale = np.cos(np.radians((latitude + other_latitude) / 2))
    return METRES_PER_DEGREE * np.hypot((other_longitude - longitude) * scale, other_latitude - latitude)


class Frame:
    """What positions of rows are in: longitude and latitude in degrees. Points are two arrays [n], east and north."""

    name = "degrees"
    widest = 5.0
    """of a town, in its unit: more is no town, and the grid of `window.densest` grows with it"""
    limits = (180.0, 85.0)
    """largest values, east and north, of bounds"""
    decimals = 4
    """of a window's centre, where it is looked for"""

    def to_metres(
        self, east: NDArray[np.float64], north: NDArray[np.float64], centre: tuple[float, float], side_m: float
    ) -> NDArray[np.float64]:
        """Points as metres [n, 2] from the south-west corner of the window."""
        return to_metres(east, north, centre, side_m)

    def from_metres(
        self, position: NDArray[np.float64], centre: tuple[float, float], side_m: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The inverse of `to_metres`."""
        return to_degrees(position, centre, side_m)

    def distance_m(
        self,
        east: NDArray[np.float64],
        north: NDArray[np.float64],
        other_east: NDArray[np.float64],
        other_north: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Distance in metres between points."""
        return distance_m(east, north, other_east, other_north)

    def show(self, bounds: Bounds) -> str:
        """Bounds for a message."""
        return show_bounds(bounds)

    def point(self, east: float, north: float) -> str:
        """A point for a message."""
        return f"{abs(east):.4f} {'E' if east >= 0 else 'W'} {abs(north):.4f} {'N' if north >= 0 else 'S'}"


class MetreFrame(Frame):
    """Positions are metres on a plane, x east and y north, from an origin of their own."""

    name = "metres"
    widest = 500_000.0
    limits = (1e8, 1e8)
    decimals = 0

    def to_metres(
        self, east: NDArray[np.float64], north: NDArray[np.float64], centre: tuple[float, float], side_m: float
    ) -> NDArray[np.float64]:
        """Points as metres [n, 2] from the south-west corner of the window."""
        return np.stack([east - centre[0], north - centre[1]], axis=-1) + side_m / 2

    def from_metres(
        self, position: NDArray[np.float64], centre: tuple[float, float], side_m: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The inverse of `to_metres`."""
        east, north = np.moveaxis(position - side_m / 2, -1, 0)
        return centre[0] + east, centre[1] + north

    def distance_m(
        self,
        east: NDArray[np.float64],
        north: NDArray[np.float64],
        other_east: NDArray[np.float64],
        other_north: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Distance in metres between points."""
        return np.hypot(other_east - east, other_north - north)

    def show(self, bounds: Bounds) -> str:
        """Bounds for a message."""
        west, south, east, north = bounds
        return f"x {west:g} to {east:g} m, y {south:g} to {north:g} m"

    def point(self, east: float, north: float) -> str:
        """A point for a message."""
        return f"x {east:.0f} y {north:.0f}"


DEGREES, METRES = Frame(), MetreFrame()
FRAMES = {frame.name: frame for frame in (DEGREES, METRES)}
"""Name -> frame."""
