"""Headers of rows with separators: what their names of columns mean, and what they say that nobody else said."""

import csv
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

NAMES = {
    "id": "id taxi taxi_id taxiid vehicle vehicle_id vehicleid veh_id user user_id userid uid trip trip_id track "
    "track_id device device_id deviceid node node_id name cab cab_id mmsi objectid object_id",
    "time": "time timestamp datetime date_time t epoch unixtime unix_time gps_time gpstime time_s",
    "date": "date day",
    "lat": "lat latitude gps_lat gps_latitude",
    "lon": "lon lng long longitude gps_lon gps_longitude",
    "x": "x x_m easting east",
    "y": "y y_m northing north",
    "latlon": "latlon lat_lon",
    "lonlat": "lonlat lon_lat",
}  # fmt: skip
ROLES = {name: role for role, names in NAMES.items() for name in names.split()}
"""Name of a column, as headers have it -> what it is."""
_OF_AN_ID = frozenset(["no", "nr", "num", "number", "code", "key"])
"""What may stand beside a word for who moves: a cab's number is one, a cab's colour is none."""
COMMA = ","
SEPARATORS = {"tab": "\t", "\\t": "\t", "space": " ", "comma": COMMA, "semicolon": ";"}
"""Words for separators. A space stands for any run of spaces and tabs."""
_TRIED = (COMMA, ";", "\t", "|", " ")


class Guess(NamedTuple):
    """What a header says."""

    sep: str
    columns: str
    """as the setting has it; empty where the names are those that everybody takes"""


def plain_name(field: str) -> str:
    """A name of a column, as `ROLES` has it."""
    return field.strip().lower().replace(" ", "_").replace("-", "_")


def split(line: str, sep: str) -> list[str]:
    """The fields of one row; quotes may hold separators."""
    if sep == " ":
        return line.split()
    try:
        return next(csv.reader([line], delimiter=sep), [])
    except csv.Error:  # a field of more than 128 KiB
        return line.split(sep)


def names_in(line: str, sep: str) -> list[str]:
    """The names of columns in the first line of a file; none where it is a row of numbers, or of nothing."""
    names = [field.strip().strip("\"'").strip() for field in split(line, sep)]
    is_header = (
        len(names) > 1
        and "\0" not in line
        and not any(name[:1].isdigit() or name[:1] in "+-." for name in names if name)
    )
    return names if is_header else []


def known(names: Sequence[str], roles: Collection[str]) -> dict[str, int]:
    """Role -> its place, of the names that everybody takes; the first one counts."""
    places: dict[str, int] = {}
    for k, name in enumerate(names):
        role = ROLES.get(plain_name(name), "")
        if role in roles:
            places.setdefault(role, k)
    return places


def like(names: Sequence[str], roles: Collection[str]) -> dict[str, int] | None:
    """Role -> its place, by the words that names are made of, as `Latitude (deg)`; None where two mean the same."""
    places = known(names, roles)
    found: dict[str, list[int]] = {}
    for k, name in enumerate(names):
        role = _meant(name)
        if role in roles and role not in places and k not in places.values():
            found.setdefault(role, []).append(k)
    if any(len(where) > 1 for where in found.values()):
        return None
    return places | {role: where[0] for role, where in found.items()}


def _meant(name: str) -> str:
    """The role that a name's words speak of; empty where they speak of none, or of two."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    roles = {ROLES[word] for word in words if word in ROLES}
    if roles == {"id"}:
        others = [word for word in words if ROLES.get(word) != "id" and word not in _OF_AN_ID]
        return "" if others and not {"id", "uid"} & set(words) else "id"
    roles -= {"id"}
    if roles == {"time", "date"}:
        return "time"
    return roles.pop() if len(roles) == 1 else ""


def guess(
    line: str, sep: str, asked: Sequence[str] | int, roles: Collection[str], groups: Sequence[Sequence[str]]
) -> Guess | None:
    """What the first line of a file says of the rows below it, if it is a header and can be read in one way alone.

    Args:
        line: the first line.
        sep: separator that was asked for; empty for any.
        asked: names of columns that were asked for, or how many columns at least; 0 where nothing was.
        roles: what a column may be.
        groups: of roles that say where something is; one is needed, whole.
    """
    ways = []
    for tried in (sep,) if sep else _TRIED:
        names = names_in(line, tried)
        others = set(_TRIED) - {tried, " "}  # one of them in a name, or beside spaces: who knows which it is
        if not names or (not sep and others & set(line if tried == " " else "".join(names))):
            continue
        if isinstance(asked, int) and asked == 0:
            columns = _columns(names, roles, groups)
        else:
            there = len(names) >= asked if isinstance(asked, int) else set(asked) <= set(names)
            columns = "" if there else None
        if columns is not None:
            ways.append(Guess(tried, columns))
    return ways[0] if len(ways) == 1 else None


def _columns(names: Sequence[str], roles: Collection[str], groups: Sequence[Sequence[str]]) -> str | None:
    """Which column is what, as the setting has it; None where the names do not say it."""
    places, usual = like(names, roles), known(names, roles)
    if places is None or not {"time", "date"} & set(places) or not any(set(group) <= set(places) for group in groups):
        return None
    if places == usual:
        return ""
    chosen = [names[k] for k in places.values()]
    if any(names.count(name) > 1 or {",", "="} & set(name) for name in chosen):
        return None
    return ",".join(f"{role}={names[places[role]]}" for role in sorted(places, key=list(NAMES).index))
