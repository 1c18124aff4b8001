"""Finished parts on disk: what was computed with the same settings is not computed again."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def fingerprint(settings: Mapping[str, Any]) -> str:
    """A name for these settings: equal ones have the same, others another."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


class Store:
    """A folder of parts, each an `.npz` of its numbers and a `.json` about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, name: str, mark: str) -> tuple[Arrays, dict[str, Any]] | None:
        """A part's numbers and what was noted of it; None where it is missing, unreadable or of other settings."""
        try:
            about = json.loads((self.folder / f"{name}.json").read_text())
            if about["fingerprint"] != mark:
                return None
            with np.load(self.folder / f"{name}.npz", allow_pickle=False) as file:
                return dict(file), about
        except (OSError, ValueError, KeyError):
            return None

    def save(self, name: str, mark: str, arrays: Arrays, about: Mapping[str, Any]) -> None:
        """Keep a part, whole or not at all."""
        path = self.folder / f"{name}.npz"
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.replace(part, path)
        note = path.with_suffix(".json.part")
        note.write_text(json.dumps({"fingerprint": mark, **about}, indent=2) + "\n")
        os.replace(note, path.with_suffix(".json"))
