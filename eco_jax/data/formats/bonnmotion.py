"""BonnMotion's movement files."""

import io
from collections.abc import Iterator
from typing import IO, ClassVar

import numpy as np
from numpy.typing import NDArray

from eco_jax.data.formats.base import Format, Found
from eco_jax.data.geo import METRES, Frame
from eco_jax.data.sources import ZIP
from eco_jax.parts import register

_LONGEST_S = 30 * 86_400
_LATEST_S = 4_102_444_800
_SHOWN = 200  # characters of a line that cannot be read


@register("format", "bonnmotion")
class BonnMotion(Format):
    """BonnMotion's `.movements`: a line a node, `t x y` for each of its waypoints, s and m.

    A node moves straight from one waypoint to the next, so that its fixes are its positions at every whole second. The
    nodes are numbered from 0 on in the order of the lines, through all files of a source.
    """

    row: ClassVar[str] = "a line a node, t x y for each waypoint, in s and m"
    suffixes: ClassVar[tuple[str, ...]] = (".movements", ".txt", ".movements.gz", ".txt.gz", ZIP)
    counted: ClassVar[bool] = True

    @property
    def frame(self) -> Frame:
        """Metres."""
        return METRES

    def parse(self, file: IO[bytes], name: str) -> Iterator[Found]:
        """See `Format.parse`."""
        node = -1
        with io.TextIOWrapper(file, encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                text = line.strip(" \t\r\n\ufeff")
                if not text or text.startswith("#"):
                    continue
                node += 1
                way = _waypoints(text)
                if way is None:
                    yield Found([], np.zeros(0), np.zeros(0), np.zeros(0), ((number, text[:_SHOWN]),), 1)
                    continue
                time = np.arange(np.ceil(way[0, 0]), np.floor(way[-1, 0]) + 1)
                x, y = (np.interp(time, way[:, 0], way[:, k]) for k in (1, 2))
                yield Found(np.full(time.size, node), time, x, y)

    def hint(self, text: str) -> str:
        """What the line may be instead."""
        if text.startswith("<"):
            return "; looks like XML: --format sumo?"
        fields = text.split()
        if "," in text or ";" in text:
            return "; looks like rows with separators: --format xy?"
        if len(fields) % 3 and len(fields) % 4 == 0:
            return "; looks like four numbers a waypoint: movement in three dimensions is not read"
        return "; the times of a node's waypoints must not fall, and there are three numbers for each"


def _waypoints(text: str) -> NDArray[np.float64] | None:
    """Time and place [waypoints, 3] of a line; None where it is none."""
    try:
        numbers = np.array(text.split(), np.float64)
    except ValueError:
        return None
    if not numbers.size or numbers.size % 3 or not np.isfinite(numbers).all():
        return None
    way = numbers.reshape(-1, 3)
    time = way[:, 0]
    rises = (np.diff(time) >= 0).all() and time[0] >= 0 and time[-1] <= _LATEST_S and time[-1] - time[0] <= _LONGEST_S
    return way if rises else None
