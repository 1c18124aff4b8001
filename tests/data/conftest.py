"""Rows and sources for the tests: all made up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eco_jax.data.geo import BUSY_CENTRE, to_degrees

NOON = 946_728_000  # 2000-01-01 12:00:00, a multiple of 5 s


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "tdrive: reads real T-Drive rows from the path in ECO_JAX_TDRIVE")


def make_row(taxi: int, second: int, east: float, north: float) -> str:
    """A row at noon + `second`, in metres from the south-west corner of the default window."""
    time = str(np.datetime64(NOON + second, "s")).replace("T", " ")
    longitude, latitude = to_degrees(np.array([[east, north]], float), BUSY_CENTRE, 3000.0)
    return f"{taxi},{time},{longitude[0]:.9f},{latitude[0]:.9f}"


@pytest.fixture
def row() -> Callable[[int, int, float, float], str]:
    return make_row


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of files given as names and lines (or bytes)."""

    def write(files: dict[str, list[str] | bytes], name: str = "source") -> Path:
        path = tmp_path / name
        for file, content in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else "".join(f"{line}\n" for line in content).encode()
            (path / file).write_bytes(data)
        return path

    return write


@pytest.fixture
def crossing() -> list[str]:
    """Taxi 1 drives east through the window: x = -998 + 5 t, y = 1200 m, with a fix every 100 s from 0 to 1000.

    So it is inside at the 120 slots of 5 s from 200 s (2 m) to 795 s (2977 m).
    """
    return [make_row(1, t, -998.0 + 5.0 * t, 1200.0) for t in range(0, 1001, 100)]
