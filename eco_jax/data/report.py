"""What preparing a source kept, what it dropped, and why."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from eco_jax.data.geo import DEGREES, FRAMES, Frame
from eco_jax.errors import shown

_WIDTH = 80  # of a terminal
_REST = 38  # of it, right of a number

_REASONS = {
    "garbled": "cannot be read",
    "year": "year not in 1970 to 2099",
    "zero": "zero coordinate",
    "out_of_town": "out of town",
    "repeat": "repeat of a row",
    "same_time": "second place at one time",
    "jump": "jump over the speed limit",
    "other_time": "outside of the time chosen",
}
SKIPPED = {
    "unreadable": "cannot be opened",
    "special": "no plain file",
    "link": "linked folder",
    "hidden": "hidden",
    "readme": "readme",
    "name": "not *.txt or *.csv",
    "ending": "of another ending",
    "useless": "no row that can be read",
}
"""Why a file of a source gave nothing. The rows of the last kind count as rows that cannot be read."""
# These describe how the rows were packed, or quote them: they stay out of prepared files, which thus depend
# on the rows and the settings alone.
_PACKING = ("files", "empty_files", "bad_rows", "skipped", "skipped_names", "guessed")


@dataclass(frozen=True)
class Report:
    """The account of one `prepare`. Print it, or keep `to_json()`."""

    rows: int  # lines of the source but headers and blank ones
    dropped: dict[str, int]  # rows by reason: garbled, year, zero, out_of_town, repeat, same_time, jump
    reordered: int  # rows found after a later row of their taxi; put in order and kept
    fast_steps: int  # steps over the speed limit before any was dropped: two for a jump there and back
    taxis: int  # with a good fix
    fixes: int  # good rows: rows less all that was dropped
    bounds: tuple[float, float, float, float]  # of the town: west, south, east, north in degrees
    interval_mean_s: float  # between one fix of a taxi and its next
    interval_median_s: float
    step_mean_m: float  # likewise, straight
    centre: tuple[float, float]  # of the window: longitude, latitude in degrees
    side_m: float
    slot_s: float
    min_slots: int
    window_fixes: int  # good fixes inside the window
    window_taxis: int  # taxis with such a fix
    mean_taxis: float  # at once in the window, interpolated, over the slots with any; short stays included
    segments: int
    slots: int  # in all segments
    longest: int  # slots of the longest segment: the padded length
    files: int  # that were read
    empty_files: int  # of them without a row
    bad_rows: tuple[str, ...]  # the first few garbled ones as "file:line: text"
    skipped: dict[str, int]  # files that gave nothing, by reason (`SKIPPED`)
    skipped_names: dict[str, tuple[str, ...]]  # the first few of each reason
    origin: dict[str, Any] = field(default_factory=dict)  # format with its settings, frame, hash; empty for T-Drive's
    guessed: str = ""  # flags that nobody gave and the header of the rows says

    def to_json(self, *, packing: bool = True) -> str:
        """The report as JSON; without `packing`, only what does not depend on how rows lie in files."""
        fields = {name: value for name, value in asdict(self).items() if packing or name not in _PACKING}
        if not (packing or self.origin):
            del fields["origin"]  # files of T-Drive's rows stay what they were to the byte
        return json.dumps(fields, indent=1)

    @property
    def frame(self) -> Frame:
        """What `bounds` and `centre` are in."""
        return FRAMES[self.origin.get("frame", DEGREES.name)]

    def lines(self) -> list[str]:
        """The report for a terminal."""
        lost = sum(self.dropped.values())
        hours = self.slots * self.slot_s / 3600
        return [
            *([f"read from the header: {self.guessed}"] if self.guessed else []),
            _line("rows read", self.rows, f"in {self.files:,} files, {self.empty_files:,} of them empty"),
            *([_line("files left out", sum(self.skipped.values()), "")] if self.skipped else []),
            *(
                _line(f"  {SKIPPED[reason]}", count, shown(", ".join(self.skipped_names[reason]), _REST))
                for reason, count in self.skipped.items()
            ),
            _line("dropped", lost, _share(lost, self.rows)),
            *(
                _line(f"  {_REASONS[reason]}", count, _share(count, self.rows))
                for reason, count in self.dropped.items()
                if count
            ),
            *(f"    {shown(row, _WIDTH - 4)}" for row in self.bad_rows),
            _line("put in order", self.reordered, "rows"),
            _line("fixes kept", self.fixes, f"of {self.taxis:,} taxis"),
            _line(
                "  interval",
                round(self.interval_mean_s),
                f"s on average, median {self.interval_median_s:.0f}",
            ),
            _line("  step", round(self.step_mean_m), "m on average"),
            _line("window", round(self.side_m), f"m a side around {self.frame.point(*self.centre)}"),
            _line("  fixes inside", self.window_fixes, f"of {self.window_taxis:,} taxis"),
            _line("  taxis at once", round(self.mean_taxis), "on average"),
            _line("segments", self.segments, f"of {self.min_slots} to {self.longest} slots of {self.slot_s:g} s"),
            _line("  slots", self.slots, f"({hours:,.1f} taxi-hours)"),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())


def _line(name: str, number: int, rest: str) -> str:
    return f"{name:<28}{number:>12,}  {rest}".rstrip()


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f} %"
