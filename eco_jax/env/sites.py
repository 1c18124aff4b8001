"""Own servers: where they stand, and what each of them can do."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eco_jax.env.params import EnvParams
from eco_jax.env.parts import Hard
from eco_jax.errors import UserError, quoted
from eco_jax.settings import check_value, specs

PLACES = (("x", "y"), ("lon", "lat"))
"""Columns for coordinates, east and north: in m, or in degrees."""
OWN: dict[str, tuple[str, ...]] = {
    "cpu_ghz": ("server_min", "server_max"), "coverage_m": (f"{Hard.kind}.radius",), "cache_slots": ("replica_slots",),
}  # fmt: skip
"""Columns for what a server can do -> the settings whose place they take, in the same unit."""
_MARGIN = 0.5
"""Sides that a server may stand outside of the area."""
_LEAST_M = 300.0
_FARTHEST_M = 1e8


class Sites(NamedTuple):
    """Own servers, as a world has them."""

    position: NDArray[np.float32]
    """[servers, 2], m from the area's south-west corner"""
    own: dict[str, NDArray[np.float64]]
    """column of `OWN` -> [servers], in its unit"""
    side: float | None
    """side of the area, m, where it is made for them"""
    left_out: int
    """servers too far outside of a trace's window, of those given in degrees"""

    def decided(self) -> dict[str, Any]:
        """Setting of `eco_jax.make` -> what the servers make of it; where each has its own, the largest."""
        found: dict[str, Any] = {"servers": len(self.position)}
        if self.side is not None:
            found["side"] = self.side
        for name, values in self.own.items():
            if name == "coverage_m":
                found[Hard.kind] = Hard.name
            found |= dict.fromkeys(OWN[name], float(values.max()))
            if len(OWN[name]) == 2:
                found[OWN[name][0]] = float(values.min())
        return found


def check_own(where: str, name: str, value: float) -> None:
    """Whether a number can stand in a column of `OWN`.

    Raises:
        UserError: it cannot; `where` begins the message.
    """
    setting = OWN[name][-1]
    spec = (EnvParams.specs() | {f"{Hard.kind}.{own}": known for own, known in specs(Hard).items()})[setting]
    check_value(where, spec, value)


def as_sites(given: Any, trace: Mapping[str, Any] | None = None) -> Sites:
    """Own servers from coordinates in m, or from columns.

    Args:
        given: [servers, 2], m; or column -> [servers], as `data.read_sites` gives them: `x` and `y` in m, or `lat` and
            `lon` in degrees, and any of `OWN`; or what this gave before.
        trace: arrays of the prepared trace that is replayed beside them. Degrees are placed in its window; so are m,
            where its own positions were m on a plane. Without a trace, degrees make an area of their own, half a
            server's share wider on each side than they are spread.

    Raises:
        UserError: they are no finite numbers of this shape, or have no place in the trace's window.
    """
    if isinstance(given, Sites):
        return given
    if not isinstance(given, Mapping):
        return Sites(_place(_metres(given), trace), {}, None, 0)
    pair = next((names for names in PLACES if set(names) <= given.keys()), None)
    unknown = [name for name in given if name not in OWN and name not in (pair or ())]
    if pair is None or unknown:
        raise UserError(
            f"sites: must have x and y in m, or lat and lon in degrees, and may have {', '.join(OWN)}; not "
            f"{', '.join(map(str, unknown or given))}"
        )
    columns = {name: _column(name, given[name]) for name in (*pair, *(name for name in OWN if name in given))}
    if len({len(values) for values in columns.values()}) > 1:
        raise UserError("sites: the columns are of different lengths")
    for name in OWN:
        for value in columns.get(name, ()):
            check_own(f"sites: {name}", name, float(value))
    place = np.stack([columns.pop(name) for name in pair], axis=1)
    if pair == PLACES[0]:
        return Sites(_place(place, trace), columns, None, 0)
    position, side, near = _from_degrees(place, trace)
    return Sites(position[near], {name: values[near] for name, values in columns.items()}, side, int((~near).sum()))


def _metres(given: Any) -> NDArray[np.float64]:
    try:
        place = np.asarray(given, np.float64)
    except (ValueError, TypeError):
        raise UserError("sites: must be numbers, rows of x, y in m") from None
    if place.ndim != 2 or place.shape[1] != 2 or not np.isfinite(place).all():
        raise UserError(f"sites: must be finite coordinates in m of shape [servers, 2], not {place.shape}")
    return place


def _column(name: str, given: Any) -> NDArray[np.float64]:
    try:
        values = np.asarray(given, np.float64)
    except (ValueError, TypeError):
        raise UserError(f"sites: {name} = {quoted(given, 40)}: must be numbers") from None
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise UserError(f"sites: {name}: must be finite numbers of shape [servers], not {values.shape}")
    return values


def _frame(trace: Mapping[str, Any] | None) -> Any:
    """What the positions of a trace were in; None where it does not say where its window is."""
    from eco_jax.data.store import frame_of

    if trace is None or "centre" not in trace or "report" not in trace:
        return None
    try:
        return frame_of(trace)
    except ValueError:
        return None


def _place(place: NDArray[np.float64], trace: Mapping[str, Any] | None) -> NDArray[np.float32]:
    """Metres of the area from metres: of the area, or of the plane that the trace's positions were on."""
    from eco_jax.data.geo import METRES

    if np.abs(place).max(initial=0.0) > _FARTHEST_M:
        raise UserError(f"sites: hold {np.abs(place).max():g}: must be m, to {_FARTHEST_M:g} at most")
    if trace is not None and _frame(trace) is METRES:
        place = METRES.to_metres(place[:, 0], place[:, 1], tuple(trace["centre"]), float(trace["side_m"]))
    return place.astype(np.float32)


def _from_degrees(
    place: NDArray[np.float64], trace: Mapping[str, Any] | None
) -> tuple[NDArray[np.float32], float | None, NDArray[np.bool_]]:
    """Metres of the area from longitude and latitude, its side where it is made here, and which servers are near."""
    from eco_jax.data.geo import DEGREES

    east, north = place.T
    if (np.abs(north) > 90).any() or (np.abs(east) > 180).any():
        raise UserError("sites: lat must lie in [-90, 90], lon in [-180, 180]: swapped, or metres?")
    if trace is None:
        centre = 0.5 * (east.min() + east.max()), 0.5 * (north.min() + north.max())
        spread = np.ptp(DEGREES.to_metres(east, north, centre, 0.0), axis=0).max()
        side = float(max(_LEAST_M, 10 * np.ceil(0.1 * spread * (1 + 1 / np.sqrt(len(place))))))
        return DEGREES.to_metres(east, north, centre, side).astype(np.float32), side, np.ones(len(place), bool)
    frame = _frame(trace)
    if frame is None:
        raise UserError("sites: are in degrees, and the trace does not say where its window is (centre, report)")
    if frame is not DEGREES:
        raise UserError(
            "sites: are in degrees, the trace's positions were metres: give the sites in its metres, as x, y"
        )
    side = float(trace["side_m"])
    position = DEGREES.to_metres(east, north, tuple(trace["centre"]), side)
    near = np.all((position >= -_MARGIN * side) & (position <= (1 + _MARGIN) * side), axis=1)
    if not near.any():
        window = DEGREES.point(*map(float, trace["centre"]))
        raise UserError(f"sites: none of {len(place):,} stands in the trace's window, {side:g} m around {window}")
    return position.astype(np.float32), None, near
