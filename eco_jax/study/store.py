"""Finished parts on disk: what was computed with the same settings is not computed again."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.files import write_whole

Arrays = dict[str, NDArray[Any]]


def fingerprint(settings: Mapping[str, Any]) -> str:
    """A name for these settings: equal ones have the same, others another."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def noted(path: Path) -> dict[str, Any]:
    """What stands in a part's `.json`; nothing where it is none.

    Raises:
        OSError: it cannot be read.
    """
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class Store:
    """A folder of parts, each an `.npz` of its numbers and a `.json` about it that knows its hash."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str, mark: str) -> tuple[Arrays, dict[str, Any]] | None:
        """A part's numbers and what was noted of it; None where it is missing, unreadable or of other settings."""
        try:
            about = noted(self.folder / f"{name}.json")
            data = (self.folder / f"{name}.npz").read_bytes()
        except OSError:
            return None
        if about.get("fingerprint") != mark or about.get("sha256") != hashlib.sha256(data).hexdigest():
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return dict(file), about

    def save(self, name: str, mark: str, arrays: Arrays, about: Mapping[str, Any]) -> None:
        """Keep a part, whole or not at all."""
        packed = io.BytesIO()
        np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
        data = packed.getvalue()
        write_whole(self.folder / f"{name}.npz", data)
        note = {"fingerprint": mark, "sha256": hashlib.sha256(data).hexdigest(), **about}
        write_whole(self.folder / f"{name}.json", json.dumps(note, indent=2) + "\n")

    def clear(self) -> None:
        """Forget every part."""
        for path in self.folder.iterdir():
            if path.suffix == ".json" and "fingerprint" in noted(path):
                path.with_suffix(".npz").unlink(missing_ok=True)
                path.unlink()
