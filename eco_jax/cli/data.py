"""`eco-jax data`: prepare T-Drive traces, or synthesize rows in their format."""

from collections.abc import Sequence
from pathlib import Path

from eco_jax.cli.main import parse
from eco_jax.errors import UserError, shown

USAGE = """usage: eco-jax data COMMAND [OPTIONS]

  eco-jax data prepare     clean, window and resample traces into one .npz
  eco-jax data synthesize  write made-up taxi rows in the T-Drive format

T-Drive itself may not be passed on (MSR-LA: non-commercial, no redistribution). Get it from Microsoft Research:
https://www.microsoft.com/en-us/research/publication/t-drive-trajectory-data-sample/"""


def prepare(
    source: Path,
    out: Path,
    slot_s: float = 5.0,
    side_m: float = 3000.0,
    bounds: tuple[float, float, float, float] = (115.4, 39.4, 117.6, 41.1),
    centre: tuple[float, float] | None = None,
    densest: bool = False,
    max_gap_s: float = 300.0,
    max_speed_kmh: float = 150.0,
    min_slots: int = 61,
) -> None:
    """Parse, clean, cut to a window, resample to slots; print what was kept and what was dropped, and why.

    Args:
        source: T-Drive rows: a file, a folder of files, or a zip.
        out: the .npz to write. Nothing is replaced but a file that this command wrote.
        slot_s: slot length, s.
        side_m: side of the window, m.
        bounds: of the town: west, south, east, north, degrees; rows outside are dropped. The default is Beijing.
        centre: of the window, degrees east and north. By default 116.4401 39.9202 in Beijing, the densest elsewhere.
        densest: find the densest window, in Beijing too.
        max_gap_s: a gap between two fixes that cuts a track, s.
        max_speed_kmh: a jump faster than this is dropped, km/h.
        min_slots: shortest segment kept, slots (an episode needs one more than its slots).
    """
    from eco_jax import data

    if densest and centre is not None:
        raise UserError("--centre, --densest: give one of them")
    chosen = "densest" if densest else centre
    report = data.prepare(
        source, out, slot_s=slot_s, side_m=side_m, bounds=bounds, centre=chosen, max_gap_s=max_gap_s,
        max_speed_kmh=max_speed_kmh, min_slots=min_slots,
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
    parse(commands[name], rest, f"eco-jax data {name}", commands[name].__doc__ or "")  # type: ignore[arg-type]
    return 0
