"""How long a run has trained: `times.jsonl`, beside `metrics.jsonl`, whose bits are the same in equal runs."""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.train.fit import Chunk

TIMES = "times.jsonl"
"""In a run's folder: a line a chunk, with `updates` done and `train_s`, the seconds of training till then."""


class TimesFile:
    """`times.jsonl`, written. Compilation does not count, nor work that was lost and is done again after a resume."""

    def __init__(self, path: Path, start: int = 0) -> None:
        """Keep the lines of the updates that are done; the seconds go on from there.

        Nothing is written where nobody knows how long these updates took, as in a run of an older version.

        Args:
            path: the file.
            start: updates done.
        """
        kept = [(updates, seconds) for updates, seconds in _rows(path) if updates <= start]
        updates, self.before = kept[-1] if kept else (0, 0.0)
        self.path = path if updates == start else None
        if self.path is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, "".join(map(_line, kept)))

    def chunk(self, chunk: Chunk) -> None:
        """Append the newest chunk.

        Raises:
            OSError: it could not be written; the file is named.
        """
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(_line((chunk.done, self.before + chunk.wall_s)))


def times(path: Path) -> NDArray[np.float64]:
    """(updates done, s) of each chunk [chunks, 2], beginning with (0, 0); a line that is being written is left out.

    Raises:
        UserError: nothing is recorded there.
    """
    rows = _rows(path)
    if not rows:
        raise UserError(f"{path}: is missing, or holds no times: the run was begun by a version that recorded none")
    return np.array([(0, 0.0), *rows], np.float64)


def trained_s(path: Path, updates: int) -> float | None:
    """Seconds of training till `updates` were done, before and after each `--resume`; None: not recorded."""
    return dict(_rows(path)).get(updates)


def _line(row: tuple[int, float]) -> str:
    return json.dumps({"updates": row[0], "train_s": round(row[1], 3)}) + "\n"


def _rows(path: Path) -> list[tuple[int, float]]:
    """(updates, s) of the whole lines, up to the first that is none of ours; nothing where there is no file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    rows: list[tuple[int, float]] = []
    for line in text.splitlines(keepends=True):
        try:
            found = json.loads(line)
            row = int(found["updates"]), float(found["train_s"])
        except (ValueError, TypeError, KeyError, RecursionError):
            break
        last = rows[-1] if rows else (0, 0.0)
        if not line.endswith("\n") or not math.isfinite(row[1]) or row[0] <= last[0] or row[1] < last[1]:
            break
        rows.append(row)
    return rows
