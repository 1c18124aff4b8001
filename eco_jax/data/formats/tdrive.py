"""T-Drive's rows."""

from pathlib import Path
from typing import Any, ClassVar

from eco_jax.data.formats.base import Format
from eco_jax.data.geo import TOWN, Bounds
from eco_jax.data.read import Rows, read
from eco_jax.data.sources import ROW_FORMAT
from eco_jax.parts import register


@register("format", "tdrive")
class TDrive(Format):
    """Rows `taxi id,YYYY-MM-DD HH:MM:SS,longitude,latitude` of taxis in Beijing, a file a taxi or all in one."""

    row: ClassVar[str] = ROW_FORMAT
    suffixes: ClassVar[tuple[str, ...]] = (".txt", ".csv")
    town: ClassVar[Bounds | None] = TOWN

    def read(self, source: Path) -> Rows:
        """See `data.read`."""
        return read(source)

    def origin(self, rows: Rows) -> dict[str, Any]:
        """Nothing: a prepared file of T-Drive's rows holds what it always held."""
        return {}
