"""Judging: episodes that were kept for one publication, and are played once for it.

While a study is built its episodes are those of everybody's `evaluate`: they may be looked at as often as one likes,
and nothing that is measured on them has a verdict. A publication has a key of its own, made of its name. Before the
first of its episodes is played, the claims are written down beside the report. Each part of the study plays them once:
again only where `again` says so, and then the report says how often. A part that never played, as of one learner more,
may join later, with the same claims; the report says when.
"""

import json
import os
import time
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from eco_jax.errors import UserError, quoted
from eco_jax.files import write_whole

RECORD, CLAIMS = "judging.json", "claims.toml"
"""Files in the report's folder: what was judged when, and the claims as they were before."""
LONGEST = 80
"""Letters of a publication's name."""


def key_of(publication: str) -> int:
    """The key of a publication's episodes: far from all keys of training, tuning and looking."""
    return 1_000_000_000 + zlib.crc32(publication.encode()) % 1_000_000_000


def check(publication: str) -> None:
    """Whether it is a name.

    Raises:
        UserError: it is empty, too long, or holds what cannot be printed.
    """
    if not publication.strip() or len(publication) > LONGEST or not publication.isprintable():
        raise UserError(f"--judge {quoted(publication)}: must be a name of 1 to {LONGEST} letters that can be printed")


def record(folder: Path) -> dict[str, Any]:
    """What was noted of a judging in a report's folder; {} where there was none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / RECORD
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
        parts = {str(name): str(when) for name, when in found["parts"].items()}
        return {**found, "publication": str(found["publication"]), "began": [*map(str, found["began"])], "parts": parts}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is no record of a judging ({type(error).__name__})") from None


def ledger() -> Path | None:
    """Folder of this machine's judgings, a file each; None for a user without a home."""
    try:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return Path(base) / "eco_jax" / "judged"


def open_or_refuse(
    folder: Path, publication: str, claims: str, parts: Sequence[str] | None = None, again: bool = False
) -> tuple[list[str], bool]:
    """Whether parts may play the episodes: when that began before, and whether it goes on.

    It goes on where none of the parts has played to the end before, here or in another folder of this machine, and the
    claims are what they were.

    Args:
        folder: of the report.
        publication: its name.
        claims: the text of the claims.
        parts: of the study; None: all.
        again: play them once more all the same.

    Raises:
        UserError: they were played already, or the folder is another publication's.
    """
    known, elsewhere = record(folder), _noted(_entry(publication))
    if known and known["publication"] != publication:
        raise UserError(f"{folder}: was judged for {quoted(known['publication'])}; choose another folder")
    other = bool(elsewhere) and Path(elsewhere["folder"]) != folder.resolve()
    began = list(elsewhere.get("began", known.get("began", ())))
    over = set(known.get("parts", ())) - set(known.get("open", ()))
    repeats = bool(over if parts is None else over & set(parts))
    goes_on = bool(known) and not repeats and not other and known["claims"] == _digest(claims)
    if began and not goes_on and not again:
        where = elsewhere["folder"] if other else folder
        raise UserError(
            f"--judge {quoted(publication)}: its episodes were played on {began[-1]} (in {where}); a new publication "
            "has a new name, --again plays them once more and the report says so"
        )
    return began, goes_on


def begin(folder: Path, publication: str, claims: str, parts: Sequence[str], again: bool = False) -> None:
    """Note that parts are going to play the episodes now; the claims lie beside the note from now on.

    Arguments, and what is raised, as of `open_or_refuse`.
    """
    began, goes_on = open_or_refuse(folder, publication, claims, parts, again)
    when, known = now(), record(folder)
    if not goes_on:
        write_whole(folder / CLAIMS, claims)
        began.append(when)
    before = known.get("parts", {})
    begun = {**before, **{part: when for part in parts if not goes_on or part not in before}}
    found = {"publication": publication, "key": key_of(publication), "claims": _digest(claims), "began": began}
    if entry := _entry(publication):
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_whole(entry, json.dumps(found | {"folder": str(folder.resolve())}) + "\n")
    opened = sorted({*known.get("open", ()), *parts})
    write_whole(folder / RECORD, json.dumps(found | {"parts": begun, "open": opened}, indent=2) + "\n")


def _digest(claims: str) -> str:
    return sha256(claims.encode()).hexdigest()


def _entry(publication: str) -> Path | None:
    """The machine's note of a publication."""
    kept = ledger()
    return kept and kept / f"{key_of(publication)}.json"


def _noted(entry: Path | None) -> dict[str, Any]:
    """A machine's note of a judging; {} where there is none, or it is damaged."""
    if entry is None or not entry.exists():
        return {}
    try:
        found = json.loads(entry.read_text())
        return {"folder": str(found["folder"]), "began": [*map(str, found["began"])]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def over(folder: Path, part: str) -> None:
    """Note that a part has played to the end: from now on it can be looked at."""
    known = record(folder)
    left = [name for name in known["open"] if name != part]
    write_whole(folder / RECORD, json.dumps(known | {"open": left}, indent=2) + "\n")


def end(folder: Path) -> None:
    """Note that all of them have played."""
    known = record(folder)
    if known.pop("open", None) is not None:
        write_whole(folder / RECORD, json.dumps(known | {"ended": now()}, indent=2) + "\n")


def in_words(known: Mapping[str, Any]) -> str:
    """A record, in a sentence."""
    times, last = len(known["began"]), known["began"][-1]
    often = "once" if times == 1 else f"{times} times: this is no longer a judgement on new episodes"
    later = [f"`{part}` joined on {when}" for part, when in known["parts"].items() if when > last]
    return "; ".join(
        [
            f"{known['publication']}: claims written down (sha256 {known['claims'][:12]}) before the first episode was "
            f"played on {last}",
            f"key {known['key']}, played {often}",
            *later,
        ]
    )


def now() -> str:
    """UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
