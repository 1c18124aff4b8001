"""`eco-jax data`: prepare traces, or synthesize rows in T-Drive's format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eco_jax.cli.main import load_plugins, parse, without_plugins
from eco_jax.errors import UserError, shown

USAGE = """usage: eco-jax data COMMAND [OPTIONS]

  eco-jax data prepare     clean, window and resample traces into one .npz
  eco-jax data synthesize  write made-up taxi rows in the T-Drive format

T-Drive itself may not be passed on (MSR-LA: non-commercial, no redistribution). Get it from Microsoft Research:
https://www.microsoft.com/en-us/research/publication/t-drive-trajectory-data-sample/"""


def prepare(
    source: Path,
    out: Path,
    format: str = "tdrive",
    columns: str | None = None,
    sep: str | None = None,
    time: str | None = None,
    zone: str | None = None,
    skip: int | None = None,
    geo: bool = False,
    slot_s: float = 5.0,
    side_m: float = 3000.0,
    bounds: tuple[float, float, float, float] | None = None,
    centre: tuple[float, float] | None = None,
    densest: bool = False,
    begin: str | None = None,
    hours: float | None = None,
    max_gap_s: float = 300.0,
    max_speed_kmh: float = 150.0,
    min_slots: int = 61,
) -> None:
    """Parse, clean, cut to a window, resample to slots; print what was kept and what was dropped, and why.

    Args:
        source: traces: a file, a folder of files, or a zip; .gz files, too.
        out: the .npz to write. Nothing is replaced but a file that this command wrote.
        format: of the traces: tdrive, gps (latitude, longitude), xy (metres), sumo (FCD output), bonnmotion, or one
            of a plug-in (--plugin FILE).
        columns: of gps and xy: id, time, lat, lon (or x, y) in their order, - for one to ignore; or by the names of a
            header, as id=cab,time=stamp,lat=Latitude,lon=Longitude. By default the header, else that order.
        sep: of gps and xy: between two columns: one character, tab, or space (any run of spaces). By default that of
            the header, else a comma.
        time: of gps and xy: unix, ms or us (since 1970), iso, or a pattern as "%d/%m/%Y %H:%M:%S".
        zone: of gps and xy: time zone of times that name none, as Europe/Rome.
        skip: of gps and xy: lines to pass over at the top of each file.
        geo: of sumo: x and y are longitude and latitude.
        slot_s: slot length, s.
        side_m: side of the window, m.
        bounds: of the town: west, south, east, north, degrees (or m); rows outside are dropped. By default Beijing for
            tdrive, the extent of the rows for all others.
        centre: of the window, degrees (or m) east and north. By default 116.4401 39.9202 in Beijing, the densest
            elsewhere.
        densest: find the densest window, in Beijing too.
        begin: earliest time kept, as "2014-02-03 08:00:00", or s since 1970.
        hours: how long after that, or after the first fix, h.
        max_gap_s: a gap between two fixes that cuts a track, s.
        max_speed_kmh: a jump faster than this is dropped, km/h.
        min_slots: shortest segment kept, slots (an episode needs one more than its slots).
    """
    from eco_jax import data

    if densest and centre is not None:
        raise UserError("--centre, --densest: give one of them")
    chosen = "densest" if densest else centre
    own: dict[str, Any] = {"columns": columns, "sep": sep, "time": time, "zone": zone, "skip": skip, "geo": geo or None}
    report = data.prepare(
        source, out, format=format, slot_s=slot_s, side_m=side_m, bounds=bounds, centre=chosen, begin=begin,
        hours=hours, max_gap_s=max_gap_s, max_speed_kmh=max_speed_kmh, min_slots=min_slots,
        **{name: value for name, value in own.items() if value is not None},
    )  # fmt: skip
    print(report)


def synthesize(
    out: Path, taxis: int = 500, hours: float = 1.0, seed: int = 0, dirt: bool = True, one_file: bool = False
) -> None:
    """Write made-up taxis on a road grid, in the T-Drive row format, dirt included. Not real data.

    Args:
        out: new or empty folder to write `<taxi>.txt` files into, or the file with `--one-file`.
        taxis: how many, -.
        hours: how long, h.
        seed: same seed, same rows.
        dirt: include the kinds of dirt that real rows have.
        one_file: all taxis in one file.
    """
    from eco_jax import data

    data.synthesize(out, taxis=taxis, hours=hours, seed=seed, dirt=dirt, one_file=one_file)
    print(f"{shown(out, 300)}: {taxis} synthetic taxis over {hours:g} h (made up, not T-Drive)")


def main(argv: Sequence[str]) -> int:
    """See the module."""
    commands = {"prepare": prepare, "synthesize": synthesize}
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    name, *rest = argv
    if name not in commands:
        raise UserError(f"{name}: unknown command; must be one of {', '.join(commands)}")
    load_plugins(rest)
    argv = without_plugins(rest)
    about = (commands[name].__doc__ or "").split("Args:")[0]
    parse(commands[name], argv, f"eco-jax data {name}", about)  # type: ignore[arg-type]
    return 0
