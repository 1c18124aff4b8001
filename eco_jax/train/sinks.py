"""A run's metrics on disk: `metrics.jsonl`, written and read back."""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.train.fit import LEARNT, Chunk


class MetricsFile:
    """`metrics.jsonl`: one line for each update and member, each once, however often the run went on."""

    def __init__(
        self,
        path: Path,
        labels: Sequence[dict[str, Any]],
        start: int = 0,
        needs: Sequence[str] = (),
        sha256: str | None = None,
    ) -> None:
        """Check the lines of the updates that are done; drop those of later ones, as they are done again.

        Args:
            path: the file.
            labels: what each line says of its member.
            start: updates done.
            needs: metrics that each line must hold.
            sha256: what `self.sha256` gave after that many updates; None where nobody knows.

        Raises:
            UserError: lines of updates that are done are missing, or not as they were written. Nothing is changed then.
        """
        self.path, self.labels = path, labels
        lines = _lines(path)[: start * len(labels)]
        _check(path, lines, start, labels, needs)
        kept = b"".join(line + b"\n" for line in lines)
        self.digest = hashlib.sha256(kept)
        if sha256 not in (None, self.digest.hexdigest()):
            raise UserError(f"{path}: its lines of the first {start} updates are not as they were written")
        write_whole(path, kept)
        self.file = path.open("ab", buffering=0)

    def chunk(self, chunk: Chunk) -> None:
        """Append the newest chunk. Where an agent was not finite, though all that is reported was, its line says so.

        Raises:
            OSError: it could not be written; the file is named.
        """
        names = [name for name in chunk.metrics if name != "finite"]
        text = ""
        for offset in range(chunk.done - chunk.start):
            for which, label in enumerate(self.labels):
                row = {name: _number(chunk.metrics[name][offset, which]) for name in names}
                if None not in row.values() and not chunk.metrics["finite"][offset, which]:
                    row[LEARNT] = None
                text += json.dumps({"update": chunk.start + offset, **label, **row}) + "\n"
        data = text.encode()
        self.digest.update(data)
        try:
            while data:
                data = data[self.file.write(data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def sha256(self) -> str:
        """SHA-256 of all its lines, in hex. They are on the disk then, whatever happens to the machine."""
        os.fsync(self.file.fileno())
        return self.digest.hexdigest()

    def close(self) -> None:
        """The run is over."""
        self.file.close()


def _number(value: np.floating) -> float | None:
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def _bytes(path: Path) -> bytes:
    """What a file holds; nothing where there is no file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _lines(path: Path) -> list[bytes]:
    """Its lines, the last one perhaps cut short."""
    data = _bytes(path)
    return data.removesuffix(b"\n").split(b"\n") if data else []


def updates_told(path: Path, members: int) -> int:
    """Updates of which `metrics.jsonl` has all whole lines, whatever they say; 0 where there is no file.

    Raises:
        UserError: it cannot be read.
    """
    return _bytes(path).count(b"\n") // members


def _check(
    path: Path, lines: Sequence[bytes], updates: int, labels: Sequence[dict[str, Any]], needs: Sequence[str]
) -> None:
    """Whether lines are those of the first updates: in order, each once, with numbers.

    Raises:
        UserError: the first thing that is wrong, and in which line.
    """
    wanted = [{"update": update, **label} for update in range(updates) for label in labels]
    for number, (line, want) in enumerate(zip(lines, wanted, strict=False), 1):
        row = _row(line)
        if row is None:
            raise UserError(f"{path}: line {number} is no line of metrics")
        if any(type(row.get(name)) is not int or row[name] != value for name, value in want.items()):
            raise UserError(f"{path}: line {number} is not that of {', '.join(f'{k} {v}' for k, v in want.items())}")
        bad = [name for name in {**dict.fromkeys(needs), **row} if name not in want and not _is_number(row, name)]
        if bad:
            raise UserError(f"{path}: line {number}: {bad[0]} is missing, or no number")
    if len(lines) < len(wanted):
        raise UserError(f"{path}: holds {len(lines)} lines of the first {updates} updates, not {len(wanted)}")


def _row(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is cut short, or none of ours."""
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _is_number(row: dict[str, Any], name: str) -> bool:
    """Whether a metric is as `_number` writes it: a finite float, or null for one that was not finite."""
    value = row.get(name, "missing")
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _rows(path: Path) -> list[dict[str, Any]]:
    return [row for row in map(_row, _lines(path)) if row is not None]


def check_readable(path: Path) -> None:
    """Whether each line says something, but for a last one that is cut short.

    Raises:
        UserError: the first that does not.
    """
    for number, line in enumerate(_bytes(path).splitlines(keepends=True), 1):
        cut = line.startswith(b"{") and not line.endswith(b"\n")
        if _row(line) is None and not cut:
            raise UserError(f"{path}: line {number} is no line of metrics")


def curves(path: Path, members: int) -> dict[str, np.ndarray]:
    """Learning curves of a run: name -> [updates, members]; NaN where a number was not finite."""
    rows = _rows(path)
    rows = rows[: len(rows) // members * members]
    names = [name for name in (rows[0] if rows else {}) if name not in ("update", "seed", LEARNT)]

    def column(name: str) -> np.ndarray:
        values = [row.get(name) for row in rows]
        return np.array([np.nan if v is None else v for v in values], np.float32).reshape(-1, members)

    return {name: column(name) for name in names}


def last_means(path: Path, members: int, names: Sequence[str], share: float = 0.1) -> dict[str, list[float | None]]:
    """Of each metric the mean over the last `share` of the updates, member by member; None where one was not finite."""
    rows = _rows(path)
    count = max(1, int(len(rows) // members * share)) * members
    last = [rows[-count:][i::members] for i in range(members)]

    def mean(values: Sequence[float | None]) -> float | None:
        return None if None in values else float(np.mean(values))  # type: ignore[arg-type]

    return {name: [mean([row[name] for row in own]) for own in last] for name in names}


def first_failures(path: Path, members: int, updates: int | None = None) -> dict[int, str]:
    """Member -> its first update with a number that was not finite, and which; of the first `updates`, or of all."""
    found: dict[int, str] = {}
    for i, row in enumerate(_rows(path)[: None if updates is None else updates * members]):
        bad = [name for name, value in row.items() if value is None]
        if bad and i % members not in found:
            found[i % members] = f"update {row.get('update', i // members)}: {', '.join(bad)} not finite"
    return found
