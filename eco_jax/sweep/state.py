"""The state files of a sweep's folder: read, checked against each other, made again from the batches where one is lost.

The batches are the truth. `sweep.json` says what is wanted; every batch repeats it. `refused.json` holds trials whose
settings do not go together.
"""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from eco_jax.agent.algorithms import Algorithm
from eco_jax.errors import UserError
from eco_jax.files import leftover, sha256, write_whole
from eco_jax.run.folder import LOCK, TRACKED, TRACKER
from eco_jax.sweep import batch
from eco_jax.sweep.batch import DONE, Batch
from eco_jax.sweep.study import JOURNAL
from eco_jax.train.checkpoint import steps

NOTE = "sweep.json"
REFUSED = "refused.json"
ASKED = "asked.json"
"""A generation that was asked, while its batches are being written."""
WRITTEN = (
    NOTE, REFUSED, ASKED, LOCK, "batches", "slurm", "best.toml", "results.parquet", "leaderboard.csv", TRACKED, TRACKER,
)  # fmt: skip
"""What a sweep writes into its folder, but for its journal and figures."""
HARMLESS = (LOCK, JOURNAL, f"{JOURNAL}.lock")
"""What a sweep may leave in its folder that ended before it began."""
Warn = Callable[[str], None]


def check_folder(out: Path, resume: bool, reads: Iterable[Path | None] = ()) -> None:
    """Whether a sweep may live in this folder: before anything is written.

    Args:
        out: the folder.
        resume: whether to go on with the sweep that it holds.
        reads: files that the command reads.

    Raises:
        UserError: it may not.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    for above in out.absolute().parents:
        run = (above / "config.toml").exists() and (above / "checkpoint").exists()
        if run or (above / "batch.json").exists() or ((above / NOTE).exists() and (above / "batches").exists()):
            raise UserError(f"{out}: lies in {above}, the folder of a run or a sweep; choose another folder")
    for path in reads:
        inside = path is not None and path.resolve().is_relative_to(out.resolve())
        if path is not None and inside and path.resolve().relative_to(out.resolve()).parts[0] in WRITTEN:
            raise UserError(f"{path}: is read from, and the sweep in {out} writes it; choose another folder")
    there = [path for path in out.iterdir() if not leftover(path)] if out.is_dir() else []
    if (out / NOTE).exists() or batches(out):
        if not resume and _begun(out):
            raise UserError(f"{out}: holds a sweep already; --resume to go on with it, or choose another folder")
    elif foreign := sorted(
        p.name for p in there if p.name not in HARMLESS and not (p.is_dir() and not any(p.iterdir()))
    ):
        raise UserError(f"{out}: is not empty and holds no sweep (it holds {foreign[0]}); choose another folder")


def _begun(out: Path) -> bool:
    """Whether there is something to lose: a batch has begun, or nobody knows."""
    folders = batches(out)
    worked = any((f / DONE).exists() or (f / "job.json").exists() or steps(f / "checkpoint") for f in folders)
    return worked or _note(out / NOTE)[0] is None


def batches(out: Path) -> list[Path]:
    """Folders of the batches, in the order in which they were asked. One that holds nothing was never written."""
    return sorted(
        folder
        for folder in (out / "batches").glob("*")
        if folder.name.isdigit() and any(path.name != LOCK and not leftover(path) for path in folder.iterdir())
    )


def recover(out: Path, warn: Warn) -> dict[str, Any] | None:
    """What `sweep.json` says, with everything else in the folder made to agree with it; None: there is no sweep yet.

    Args:
        out: the sweep's folder, locked.
        warn: told what was damaged and what is done about it, one line each.

    Raises:
        UserError: what is there cannot be told apart, or is of different sweeps.
    """
    _finish_writing(out, warn)
    note, fault = _note(out / NOTE)
    known, lost = _read(batches(out))
    ids = {found.sweep["id"] for found in known.values()}
    if note is None and not known:
        if not lost and not (out / NOTE).exists():
            return None
        raise UserError(
            f"{out / NOTE}: {fault}, and no batch says what it was; choose another folder, or remove this one"
        )
    if note is None or (ids and note["id"] not in ids):
        if len(ids) > 1:
            raise UserError(f"{out / NOTE}: {fault or 'of another sweep'}, and the batches are of different sweeps")
        warn(f"{out / NOTE}: {fault or 'of another sweep'}; made again from the batches")
        note = dict(next(iter(known.values())).sweep)
        write_note(out, note)
    for folder, found in known.items():
        if found.sweep["id"] != note["id"]:
            raise UserError(f"{folder / 'batch.json'}: of another sweep; put back the right one, or remove {folder}")
    for folder, why in lost.items():
        _remake(folder, note, why, warn)
    for folder in batches(out):
        wrong = batch.damage(folder, note["id"]) if batch.finished(folder) else None
        if wrong:
            whence = "written again from its checkpoint" if steps(folder / "checkpoint") else "trained again"
            warn(f"{wrong}; {whence}")
            (folder / DONE).unlink()
    return note


def write_note(out: Path, note: Mapping[str, Any]) -> None:
    """Write `sweep.json`."""
    write_whole(out / NOTE, json.dumps(note, indent=1) + "\n")


def _note(path: Path) -> tuple[dict[str, Any] | None, str]:
    """What a `sweep.json` says; None where it says nothing of use, and why."""
    try:
        found = json.loads(path.read_bytes())
        kinds: dict[str, type] = dict.fromkeys(("id", "storage", "study", "where", "objective", "strategy"), str)
        kinds |= dict.fromkeys(("seeds", "seed", "eta"), int) | {"space": dict}
        if not all(isinstance(found[name], kind) for name, kind in kinds.items()) or not found["space"]["axes"]:
            raise TypeError
        dict(found["space"]["base"])
    except OSError as error:
        return None, "missing" if not path.exists() else f"cannot be read: {error.strerror}"
    except (ValueError, TypeError, KeyError):
        return None, "torn, or no sweep's"
    return found, ""


def _read(folders: Iterable[Path]) -> tuple[dict[Path, Batch], dict[Path, str]]:
    """The batches that say what they are, and those that do not, with the reason."""
    known: dict[Path, Batch] = {}
    lost: dict[Path, str] = {}
    for folder in folders:
        try:
            found = Batch.read(folder)
            found.sweep["id"]
            known[folder] = found
        except UserError as error:
            lost[folder] = str(error)
        except (KeyError, TypeError):
            lost[folder] = f"{folder / 'batch.json'}: torn, or no batch's"
    return known, lost


def _remake(folder: Path, note: Mapping[str, Any], why: str, warn: Warn) -> None:
    """A batch whose `batch.json` is lost: made again from its results, or set aside, as nobody knows its settings."""
    if batch.finished(folder) and batch.damage(folder, note["id"]) is None:
        warn(f"{why}; made again from its results")
        rows = pl.read_parquet(folder / "results.parquet")
        axes = note["space"]["axes"]
        trials = [
            {"trial": row["trial"], "values": {n: _plain(axes[n], row[n]) for n in axes if row.get(n) is not None}}
            for row in rows.unique("trial", keep="first", maintain_order=True).iter_rows(named=True)
        ]
        new_batch(note, trials, {}).write(folder)
        return
    aside = next(p for i in range(10**6) if not (p := folder.with_name(f"{folder.name}.lost{i or ''}")).exists())
    folder.rename(aside)
    warn(f"{why}; its trials are asked anew (what was there: {aside})")


def new_batch(note: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], inputs: Mapping[str, str]) -> Batch:
    """A batch of the sweep that the note describes."""
    axes = note["space"]["axes"]
    moved = {name.removeprefix(f"{Algorithm.kind}."): _ends(axis) for name, axis in axes.items()}
    return Batch(
        note["space"]["base"], note["where"], trials, list(range(note["seed"], note["seed"] + note["seeds"])),
        note["objective"], {"kind": note["strategy"], "eta": note["eta"], "seed": note["seed"]},
        moved if note["strategy"] == "pbt" else {}, inputs, note,
    )  # fmt: skip


def write_generation(out: Path, sweep: str, made: Sequence[Batch], refused: Mapping[int, Mapping[str, Any]]) -> None:
    """Write batches that were asked together, and all refused trials: all of them, wherever it is killed.

    What is asked next hangs on how many trials there are.
    """
    numbers = [folder.name.partition(".")[0] for folder in (out / "batches").glob("*")]
    first = max((int(number) for number in numbers if number.isdecimal()), default=-1) + 1
    named = {f"{i:04d}": dataclasses.asdict(found) for i, found in enumerate(made, first)}
    asked = {"sweep": sweep, "refused": refused, "batches": named}
    write_whole(out / ASKED, json.dumps(asked, default=str) + "\n")
    _finish_writing(out)


def _finish_writing(out: Path, warn: Warn = lambda text: None) -> None:
    """Write what there is not yet of a generation."""
    if not (out / ASKED).exists():
        return
    try:
        asked = json.loads((out / ASKED).read_bytes())
        made = {out / "batches" / name: Batch(**found) for name, found in asked["batches"].items()}
        sweep, refused = asked["sweep"], dict(asked["refused"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        warn(f"{out / ASKED}: torn; what there is not yet of its trials is asked for anew")
    else:
        if refused:
            Refused(out, sweep).write(refused)
        for folder, found in made.items():
            if not (folder / "batch.json").exists():
                found.write(folder)
    (out / ASKED).unlink()


def _ends(axis: Mapping[str, Any]) -> list[Any]:
    values = axis.get("values") or [axis["low"], axis["high"]]
    return [min(values), max(values)]


def _plain(axis: Mapping[str, Any], cell: Any) -> Any:
    """A cell of the results as the value that the axis gave: lists stand there as JSON."""
    return cell if not isinstance(cell, str) or cell in axis.get("values", ()) else json.loads(cell)


@dataclass(frozen=True)
class Refused:
    """Trials whose settings do not go together, in `refused.json`."""

    out: Path
    sweep: str

    def read(self, warn: Warn = lambda text: None) -> dict[int, dict[str, Any]]:
        """Number -> `values` and `cause`; none where the file is lost: they are asked for, and refused, anew."""
        path = self.out / REFUSED
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_bytes())
            rows = {
                int(number): {"values": dict(r["values"]), "cause": r["cause"]} for number, r in found["trials"].items()
            }
            if found["sweep"] == self.sweep:
                return rows
            fault = "of another sweep"
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            fault = "torn"
        warn(f"{path}: {fault}; its trials are asked for anew")
        return {}

    def write(self, rows: Mapping[int, Mapping[str, Any]]) -> None:
        """Write all of them."""
        write_whole(self.out / REFUSED, json.dumps({"sweep": self.sweep, "trials": rows}, indent=1, default=str) + "\n")


def compare(there: Mapping[str, Any], here: Mapping[str, Any], out: Path) -> None:
    """Whether a sweep goes on as it began.

    Raises:
        UserError: it names what has changed.
    """
    for name, value in here.items():
        if name not in there or there[name] != value:
            if name == "space":
                before, now = _flat(there[name]), _flat(value)
                changed = next(n for n in {**before, **now} if before.get(n) != now.get(n))
                said = f"{changed} = {before.get(changed, 'nothing')} there, {now.get(changed, 'nothing')} here"
            elif name == "inputs":
                path = next(p for p in {**there.get(name, {}), **value} if there.get(name, {}).get(p) != value.get(p))
                said = f"{path} is not the file that the sweep began with"
            else:
                said = f"{name} = {there.get(name, 'nothing')} there, {value} here"
            raise UserError(f"{out}: {said}: a sweep goes on as it began")


def _flat(space: Mapping[str, Any]) -> dict[str, Any]:
    """A space by its settings' names."""

    def leaves(tree: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in tree.items():
            found |= leaves(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
        return found

    return leaves(space["base"], "[base] ") | {f"[space] {name}": axis for name, axis in space["axes"].items()}


def hashes(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file."""
    return {str(path): sha256(path) for path in paths}
