"""Own server coordinates: a text file of `x,y` rows, m."""

import math
import re
from pathlib import Path

import numpy as np

from eco_jax.errors import UserError, quoted


def read_sites(path: Path) -> np.ndarray:
    """The coordinates of a file, m, [servers, 2].

    A row is two numbers, with a comma, a semicolon, a tab or spaces between them. Empty lines and what follows a `#`
    count for nothing; the first row may name the columns.

    Raises:
        UserError: it cannot be read, holds no row, or one that is no pair of finite numbers.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot be read as rows of x,y in m: not UTF-8 text") from error
    rows: list[list[float]] = []
    header = True  # may still come
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        row = line.split("#")[0].strip()
        if not row:
            continue
        fields = re.split(r"\s*[,;]\s*|\s+", row)
        values = [_number(field) for field in fields]
        if header and len(fields) == 2 and values == [None, None] and all(fields):
            header = False
            continue
        header = False
        if len(values) != 2 or any(value is None or not math.isfinite(value) for value in values):
            raise UserError(f"{path}: line {number}: {quoted(line)}: must be x,y, two numbers in m")
        rows.append([value for value in values if value is not None])
    if not rows:
        raise UserError(f"{path}: holds no sites: rows of x,y in m are needed")
    return np.asarray(rows)


def _number(field: str) -> float | None:
    try:
        return float(field) if "_" not in field else None
    except ValueError:
        return None
