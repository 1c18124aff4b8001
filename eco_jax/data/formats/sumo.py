"""SUMO's floating car data."""

import re
from collections.abc import Iterator
from typing import IO, Any, ClassVar
from xml.parsers import expat

import numpy as np

from eco_jax.data.formats.base import Format, Found
from eco_jax.data.geo import DEGREES, METRES, Frame
from eco_jax.data.read import BAD_ROWS_SHOWN, plain
from eco_jax.data.sources import ZIP
from eco_jax.errors import UserError
from eco_jax.parts import register
from eco_jax.settings import switch

_BLOCK = 2**20
_CHUNK = 500_000  # fixes
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@register("format", "sumo")
class Sumo(Format):
    """SUMO's FCD output: XML, `<timestep time>` with `<vehicle id x y>` (and `<person id x y>`) inside."""

    row: ClassVar[str] = '<timestep time="s"> with <vehicle id x y>'
    suffixes: ClassVar[tuple[str, ...]] = (".xml", ".xml.gz", ZIP)
    geo: bool = switch(False, "x and y are longitude and latitude (SUMO's --fcd-output.geo)")

    @property
    def frame(self) -> Frame:
        """Metres of the network, or degrees."""
        return DEGREES if self.geo else METRES

    def parse(self, file: IO[bytes], name: str) -> Iterator[Found]:
        """See `Format.parse`."""
        reader, sane, name = _Reader(), False, plain(name)
        while True:
            block = file.read(_BLOCK)
            try:
                reader.parser.Parse(block, not block)
            except expat.ExpatError as error:
                line, said = error.lineno, expat.ErrorString(error.code)
                if line == 1 and error.offset <= 3:
                    raise UserError(f"{name}:1: is no XML, as SUMO's FCD output is: {said}") from None
                raise UserError(f"{name}:{line}: the XML is damaged or breaks off: {said}") from None
            if len(reader.time) >= _CHUNK or not block:
                found = reader.take()
                if len(found.time) and not sane:
                    sane = True
                    self._check(found, name)
                yield found
            if not block:
                break
        if reader.root is not None and reader.root != "fcd-export":
            raise UserError(f"{name}:1: holds <{reader.root:.30}>, expected <fcd-export>: SUMO's --fcd-output")

    def _check(self, found: Found, name: str) -> None:
        """Raise `UserError` where the positions are not in what they are said to be."""
        x, y = found.x, found.y
        in_degrees = bool(np.all(np.abs(x) <= 180) and np.all(np.abs(y) <= 90))
        if self.geo and not in_degrees:
            raise UserError(f"{name}: x = {x[0]:g}, y = {y[0]:g} look like metres, not degrees: leave --geo out")
        if not self.geo and in_degrees and len(x) > 1 and max(np.ptp(x), np.ptp(y)) < 2 and np.min(np.hypot(x, y)) > 2:
            raise UserError(f"{name}: x = {x[0]:g}, y = {y[0]:g} look like degrees, not metres: --geo")


class _Reader:
    """Takes up vehicles as the parser meets them."""

    def __init__(self) -> None:
        self.parser: Any = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.root: str | None = None
        self.now = float("nan")
        self._empty()

    def _empty(self) -> None:
        self.ids: list[str] = []
        self.time: list[float] = []
        self.x: list[float] = []
        self.y: list[float] = []
        self.bad: list[tuple[int, str]] = []
        self.garbled = 0

    def take(self) -> Found:
        """What was taken up since the last call."""
        time, x, y = (np.array(values, np.float64) for values in (self.time, self.x, self.y))
        found = Found(self.ids, time, x, y, tuple(self.bad), self.garbled)
        self._empty()
        return found

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.root = self.root or tag
        if tag == "timestep":
            self.now = _seconds(attributes.get("time", ""))
        elif tag in ("vehicle", "person"):
            try:
                place = float(attributes["x"]), float(attributes["y"])
                name = attributes["id"]
                good = bool(name) and np.isfinite((*place, self.now)).all()
            except (KeyError, ValueError):
                good = False
            if not good:
                self.garbled += 1
                if len(self.bad) < BAD_ROWS_SHOWN:
                    shown = " ".join(f'{key}="{value}"' for key, value in attributes.items())
                    self.bad.append((self.parser.CurrentLineNumber, f"<{tag} {shown}>"[:200]))
                return
            self.ids.append(name)
            self.time.append(self.now)
            self.x.append(place[0])
            self.y.append(place[1])


def _seconds(text: str) -> float:
    """A time of SUMO, s: a number, or [days:]hours:minutes:seconds; NaN where it is none."""
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        days, hours, minutes, seconds = (float(part or 0) for part in clock.groups())
        return 86_400 * days + 3600 * hours + 60 * minutes + seconds
    try:
        return float(text)
    except ValueError:
        return float("nan")
