"""A run's folder: begun, gone on with, finished; and nothing lost on the way."""

import contextlib
import fcntl
import hashlib
import json
import shutil
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eco_jax.agent.algorithms.base import check_learns
from eco_jax.errors import FailedSeedsError, UserError, within
from eco_jax.files import PART, leftover, write_whole
from eco_jax.run import processes, settings, setup, summary
from eco_jax.run.config import RunConfig, resolve
from eco_jax.run.keeper import Keeper, Saving
from eco_jax.run.messages import say, warn
from eco_jax.run.progress import Progress
from eco_jax.train.interrupt import Stop

LOCK = ".lock"
TRACKED, TRACKER = "tracker.json", "tracker"
"""How far a tracker was told, and its own files where nothing else is said."""
FILES = ("summary.json", "metrics.jsonl", "times.jsonl", TRACKED, "config.toml")
FOLDERS = ("checkpoint", "last-finite", TRACKER)
"""What a run puts into its folder beside `LOCK`."""


def check_folder(out: Path, force: bool) -> None:
    """Whether a run may begin in a folder: it is missing or empty, or `force` may replace the run that it holds.

    Raises:
        UserError: it may not. Nothing is changed.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    if not out.is_dir() or all(path.name == LOCK or leftover(path) for path in out.iterdir()):
        return
    config = out / "config.toml"
    if not config.exists():
        raise UserError(f"{out}: is not empty and holds no run; choose another folder")
    if not force:
        raise UserError(f"{out}: holds a run already; --resume to go on with it, --force to replace it")
    if out.is_symlink():
        raise UserError(f"{out}: is a link to {out.resolve()}; --force needs the folder itself")
    if not isinstance(settings.read_toml(config).get("run"), dict):
        raise UserError(f"{config}: was not written by a run; --force replaces runs alone")
    other = foreign(out)
    if other is not None:
        raise UserError(f"{other}: is no part of the run in {out}; --force would remove it, so move it away before")


def foreign(out: Path) -> Path | None:
    """The first thing in a run's folder that no run put there, a link for instance; None where all is the run's."""
    for path in sorted(out.iterdir()):
        if path.name == LOCK or leftover(path):
            continue
        if path.is_symlink() or not (path.is_dir() if path.name in FOLDERS else path.is_file()):
            return path
        if path.name not in (*FILES, *FOLDERS):
            return path
        for step in sorted(path.iterdir()) if path.is_dir() and path.name != TRACKER else ():
            if step.is_symlink() or not step.is_dir() or not step.name.removesuffix(PART).isdigit():
                return step
            for inner in sorted(step.iterdir()):
                if inner.name not in ("state", "manifest.json") and not leftover(inner):
                    return inner
    return None


def check_inputs_outside(config: RunConfig, out: Path) -> None:
    """Whether the files that a run reads lie outside the folder that it replaces.

    Raises:
        UserError: one does not, and would be lost.
    """
    for name in settings.INPUTS:
        path = config.values[name]
        if path is not None and path.resolve().is_relative_to(out.resolve()):
            raise UserError(f"{path}: --{name} lies in {out}, which --force replaces; move it away before")


def prepare_folder(out: Path, force: bool) -> None:
    """An empty folder for a run, but for the settings of the run that was there: they stay until they are replaced.

    Raises:
        UserError: see `check_folder`.
    """
    check_folder(out, force)
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:  # the summary first: a run that has one counts as finished
        if name != "config.toml":
            (out / name).unlink(missing_ok=True)
        for left in filter(leftover, out.glob(f"{name}.*")):
            left.unlink()
    for name in FOLDERS:
        if (out / name).exists():
            shutil.rmtree(out / name)


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """The run's folder for this process alone, as long as it lives."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{out}: another process trains there") from None
        yield


def trained(out: Path) -> bool:
    """Whether a process trains in a run's folder now."""
    try:
        with locked(out):
            return False
    except UserError:
        return True


def check_same(config: RunConfig, seeds: Sequence[int], path: Path) -> dict[str, Any]:
    """A run goes on as it began. Returns what its `config.toml` records beside the settings.

    Raises:
        UserError: the run that is there has another setting, which is named, or the file is damaged.
    """
    _, usual, _ = settings.base(file=path)
    note = _complete(path)
    settings.check_inputs(config, note, path)
    settings.check_plugins(config, note, path)
    here = dict(config.values) | {"seed": seeds[0], "seeds": len(seeds)}
    files = {name: here[name] for name in settings.INPUTS if name in usual and f"{name}_sha256" in note}
    # What is the same file is read where it lies now, and what is left out now is not read at all.
    with within(path):
        recorded = resolve({}, usual | files)
    there = dict(recorded.values) | {name: note[name] for name in ("seed", "seeds")}
    there |= {name: usual[name] for name, path_ in files.items() if path_ is None}
    for name, value in here.items():
        if there.get(name) != value:
            raise UserError(f"{path}: {name} = {there.get(name)} there, {value} here: a run goes on as it began")
    _check_unchanged(path, note)
    return note


def noted(path: Path) -> dict[str, Any]:
    """What a run's `config.toml` records beside the settings: for those who read a run that has begun.

    Raises:
        UserError: it records nothing, or the file was changed since the run began.
    """
    note = _complete(path)
    _check_unchanged(path, note)
    return note


def _complete(path: Path) -> dict[str, Any]:
    note = settings.recorded(path)
    for name in ("seed", "seeds"):
        if name not in note:
            raise UserError(f"{path}: [run] {name}: is missing")
    return note


def _check_unchanged(path: Path, note: Mapping[str, Any]) -> None:
    if "id" in note and note["id"] != name_of(settings.read_toml(path), note):
        raise UserError(f"{path}: was changed since the run began, and a run stays as it began")


def name_of(config: Mapping[str, Any], note: Mapping[str, Any]) -> str:
    """A run's own name: the hash of all that decides its numbers, wherever its inputs lie.

    Args:
        config: its settings as TOML says them, so that settings which are added later do not count.
        note: its seeds and the hashes of its inputs, among other things.
    """
    tables = {name: value for name, value in config.items() if name not in ("run", "plugins", *settings.INPUTS)}
    what = {
        name: note.get(name)
        for name in ("seed", "seeds", *(f"{name}_sha256" for name in (*settings.INPUTS, "plugins")))
    }
    return hashlib.sha256(json.dumps([tables, what], sort_keys=True).encode()).hexdigest()[:16]


def about(config: RunConfig, seeds: Sequence[int]) -> dict[str, Any]:
    """What a new run's `config.toml` records beside the settings. `id` is its name, which its checkpoints bear, too."""
    what = {"seed": seeds[0], "seeds": len(seeds), **settings.input_hashes(config)}
    name = name_of(tomllib.loads(settings.to_toml(config, what)), what)
    return {"id": name, **what, "device": setup.device(), "versions": setup.versions()}


def run(
    config: RunConfig,
    out: Path,
    seeds: Sequence[int],
    force: bool = False,
    resume: bool = False,
    saving: Saving | None = None,
    stop: Stop | None = None,
    devices: int = 1,
    begun: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train one agent a seed, side by side, and write the run's folder. Returns the summary (see `summary`).

    Args:
        config: settings.
        out: the run's folder.
        seeds: one agent each.
        force: replace the run that is there.
        resume: go on with the run that is there, if one is.
        saving: when to keep checkpoints; None for every 30 s.
        stop: asked after each chunk whether to end.
        devices: share the environments, each as many; 0 for all there are, of all processes.
        begun: called once the folder holds the run, in the process that writes.

    Raises:
        Interrupted: `stop` said so; what was learnt is kept.
        FailedSeedsError: numbers of all agents were not finite. Of some, the summary says so.
        UserError: what is there cannot be gone on with, or not be replaced. Nothing is changed then.
        OSError: something could not be written.
    """
    import jax

    from eco_jax.train.checkpoint import Checkpoints
    from eco_jax.train.devices import chosen
    from eco_jax.train.fit import NotFiniteError, chunk_length, fit
    from eco_jax.train.loop import Learner
    from eco_jax.train.outside import check_outside
    from eco_jax.train.program import mesh_of

    started = time.perf_counter()
    settings.check_seeds(seeds[0], len(seeds))
    env, params = config.make()
    learner, algorithm = Learner(env, config.train), config.algorithm()
    check_learns(algorithm, config.train, env, params)  # before anything is written, or replaced
    check_outside(learner, algorithm, params)
    mesh = mesh_of(chosen(devices, jax.devices()), config.train.envs)
    path = out / "config.toml"
    with contextlib.ExitStack() as opened:
        if processes.first():
            if not (resume and path.exists()):
                if force:
                    check_inputs_outside(config, out)
                check_folder(out, force)
            opened.enter_context(locked(out))
        going_on = resume and path.exists()
        processes.wait("looked")
        if going_on:
            note = check_same(config, seeds, path)
            if (out / "summary.json").exists():
                done = summary.read(out / "summary.json", config, seeds)
                if processes.first():
                    begun()
                say(f"{out}: finished already")
                return done
        else:
            note = about(config, seeds)
            if processes.first():
                prepare_folder(out, force)
                write_whole(path, settings.to_toml(config, note))
        if processes.first():
            begun()
        steps = config.train.envs * config.train.rollout * len(seeds)
        title = f"{config.knowledge} x {len(seeds)}" if len(seeds) > 1 else config.knowledge
        progress = opened.enter_context(Progress(steps, title)) if processes.first() else None
        processes.wait("begun")
        chunk = chunk_length(config.train.updates, config.train.chunk)
        keeper = Keeper(out, note.get("id", ""), seeds, chunk, saving or Saving(), stop or Stop(), opened)

        def on_chunk(chunk: Any) -> None:
            if progress:
                progress.chunk(chunk)
            keeper.chunk(chunk)

        try:
            fitted = fit(
                learner, params, [algorithm] * len(seeds), [jax.random.key(seed) for seed in seeds],
                mesh=mesh, resume=keeper.begin, on_compiled=progress.compiled if progress else None, on_chunk=on_chunk,
                on_failed=lambda which, cause: warn(f"seed {seeds[which]}, {cause}; the others train on"),
                failed_before=keeper.failed,
            )  # fmt: skip
        except NotFiniteError as error:
            state = processes.gathered(error.state)
            if processes.first():
                with Checkpoints(out / "last-finite", 1) as last:  # not to go on from: it would meet the same again
                    last.save(0, state)
            raise FailedSeedsError(f"stopped: {error}") from None
    if not processes.first():
        processes.wait("written")
        return {}
    made = summary.summarise(out, config, seeds, fitted) | {"wall_s": round(time.perf_counter() - started, 3)}
    write_whole(out / "summary.json", json.dumps(made, indent=2) + "\n")
    processes.wait("written")
    return made
