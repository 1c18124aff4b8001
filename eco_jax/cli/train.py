"""`eco-jax train`: train agents and keep the run in a folder."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from eco_jax.cli import settings, setup
from eco_jax.cli.main import parse
from eco_jax.cli.settings import RunConfig
from eco_jax.errors import UserError
from eco_jax.train.interrupt import Interrupted, Stop, interruptible


@dataclass(frozen=True)
class Arguments:
    """Train agents; every setting can be given by a flag, over a preset or a TOML file."""

    out: Path
    """Folder for the run (made here)."""
    preset: str | None = None
    """A world or a whole run by name; `eco-jax info` lists them."""
    config: Path | None = None
    """A TOML file of settings instead of a preset (a run's `config.toml` repeats it)."""
    seed: int = 0
    """Seed of the first agent, - (0 or above)."""
    seeds: int = 1
    """Agents trained side by side in one program, with consecutive seeds, - (at least 1)."""
    resume: bool = False
    """Go on with the run that the folder holds, from its newest intact checkpoint; begin one where there is none. Its
    settings stand in its config.toml: flags may repeat them, not change them."""
    force: bool = False
    """Replace a run that the folder holds already."""
    save_s: float = 30.0
    """Seconds between two checkpoints, s (at least 0)."""
    save_updates: int = 0
    """Updates between two checkpoints, - (at least 0; 0: by seconds alone)."""
    keep: int = 2
    """Newest checkpoints to keep, beside the best, - (at least 1)."""
    run: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    """Settings of the run."""


def defaults(argv: Sequence[str]) -> Any:
    """What flags go over: the settings of `--preset` or `--config`, else of the run to go on with."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    for flag in ("--preset", "--config", "--out"):
        parser.add_argument(flag, nargs="?")
    parser.add_argument("--resume", action="store_true")
    found, _ = parser.parse_known_args(list(argv))
    if found.preset and found.config:
        raise UserError("--preset and --config: give one of them, not both")
    there = Path(found.out or "") / "config.toml"
    going_on = bool(found.resume and found.out and there.exists())
    if found.preset:
        config = settings.from_preset(found.preset)
    elif found.config:
        config = settings.from_toml(Path(found.config))
    else:
        config = settings.from_toml(there) if going_on else RunConfig()
    kept = settings.recorded(there) if going_on else {}
    return Arguments(tyro.MISSING, seed=kept.get("seed", 0), seeds=kept.get("seeds", 1), run=config)


def prepare_folder(out: Path, force: bool) -> None:
    """An empty folder for a run, or an error if one lies there."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    if out.is_dir() and any(path.name != LOCK for path in out.iterdir()):
        if not (out / "config.toml").exists():
            raise UserError(f"{out}: is not empty and holds no run; choose another folder")
        if not force:
            raise UserError(f"{out}: holds a run already; --resume to go on with it, --force to replace it")
        for path in out.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()
    out.mkdir(parents=True, exist_ok=True)


LOCK = ".lock"


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """The run's folder for this process alone, as long as it lives."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{out}: another process trains there") from None
        yield


def main(argv: Sequence[str]) -> int:
    """See the module."""
    a: Any = parse(Arguments, argv, "eco-jax train", Arguments.__doc__ or "", defaults(argv))
    if a.seeds < 1 or a.seed < 0:
        raise UserError(f"--seed {a.seed} --seeds {a.seeds}: seed must be at least 0, seeds at least 1")
    if a.save_s < 0 or a.save_updates < 0 or a.keep < 1:
        raise UserError("--save-s and --save-updates must be at least 0, --keep at least 1")
    if a.resume and a.force:
        raise UserError("--resume and --force: give one of them, not both")
    setup.configure()
    saving = Saving(a.save_s, a.save_updates, a.keep)
    with locked(a.out):
        try:
            interruptible(
                lambda stop: run(a.run, a.out, range(a.seed, a.seed + a.seeds), a.force, a.resume, saving, stop),
                lambda name: print(f"eco-jax train: {name}: saving, then ending", file=sys.stderr, flush=True),
            )
        except Interrupted as signal:
            print(f"eco-jax train: {signal}: saved; --resume goes on from there", file=sys.stderr)
            return signal.code
    return 0


@dataclass(frozen=True)
class Saving:
    """When to keep a checkpoint, and how many."""

    every_s: float = 30.0
    every_updates: int = 0
    keep: int = 2


def check_same(config: RunConfig, seeds: Sequence[int], path: Path) -> None:
    """A run goes on as it began.

    Raises:
        UserError: the run that is there has another setting, which it names.
    """
    note = settings.recorded(path)
    there = settings.flat(settings.from_toml(path)) | {"seed": note.get("seed"), "seeds": note.get("seeds")}
    here = settings.flat(config) | {"seed": seeds[0], "seeds": len(seeds)}
    for name, value in here.items():
        if there.get(name) != value:
            raise UserError(f"{path}: {name} = {there.get(name)} there, {value} here: a run goes on as it began")


def run(
    config: RunConfig,
    out: Path,
    seeds: Sequence[int],
    force: bool = False,
    resume: bool = False,
    saving: Saving = Saving(),
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Train one agent a seed, side by side, and write the run's folder. Returns the summary.

    Args:
        config: settings.
        out: the run's folder.
        seeds: one agent each.
        force: replace the run that is there.
        resume: go on with the run that is there, if one is.
        saving: when to keep checkpoints.
        stop: asked after each chunk whether to end.

    Raises:
        Interrupted: `stop` said so; what was learnt is saved.
    """
    import jax

    from eco_jax.train.checkpoint import Checkpoints, params_sha256, restore
    from eco_jax.train.fit import Chunk, NotFiniteError, fit, member
    from eco_jax.train.loop import Learner
    from eco_jax.train.sinks import MetricsFile, Progress, last_means

    started = time.perf_counter()
    env, params = config.make()
    learner = Learner(env, config.train)
    going_on = resume and (out / "config.toml").exists()
    if going_on:
        check_same(config, seeds, out / "config.toml")
        if (out / "summary.json").exists():
            print(f"{out}: finished already")
            return dict(json.loads((out / "summary.json").read_text()))
    else:
        prepare_folder(out, force)
        about = {"seed": seeds[0], "seeds": len(seeds), "device": setup.device(), "versions": setup.versions()}
        write_whole(out / "config.toml", settings.to_toml(config, about))

    steps = config.train.envs * config.train.rollout * len(seeds)
    labels = [{"seed": seed} for seed in seeds]
    title = f"{config.knowledge} x {len(seeds)}" if len(seeds) > 1 else config.knowledge
    with contextlib.ExitStack() as opened:
        progress = opened.enter_context(Progress(steps, title))
        kept = opened.enter_context(Checkpoints(out / "checkpoint", saving.keep))
        sink: MetricsFile
        saved_at, saved_update = time.monotonic(), 0

        def begin(like: Any) -> Any:
            nonlocal sink, saved_update
            found = restore(out / "checkpoint", like, setup.warn) if going_on else None
            saved_update = found[0] if found else 0
            if saved_update:
                print(f"{out}: going on after update {saved_update}", file=sys.stderr)
            sink = MetricsFile(out / "metrics.jsonl", labels, saved_update)
            opened.callback(sink.close)
            return found

        def keep(chunk: Chunk) -> None:
            nonlocal saved_at, saved_update
            kept.save(chunk.done, chunk.state, float(chunk.metrics["reward"].mean()))
            saved_at, saved_update = time.monotonic(), chunk.done

        def on_chunk(chunk: Chunk) -> None:
            sink.chunk(chunk)
            progress.chunk(chunk)
            by_count = 0 < saving.every_updates <= chunk.done - saved_update
            asked = stop is not None and stop.number
            if asked or by_count or chunk.done == chunk.total or time.monotonic() - saved_at >= saving.every_s:
                keep(chunk)
            if stop is not None:
                stop.check()

        try:
            fitted = fit(
                learner, params, [config.hyper] * len(seeds), [jax.random.key(seed) for seed in seeds],
                resume=begin, on_compiled=progress.compiled, on_chunk=on_chunk,
            )  # fmt: skip
        except NotFiniteError as error:
            with Checkpoints(out / "last-finite", 1) as last:  # not to go on from: it would meet the same number again
                last.save(0, error.state)
            print(f"eco-jax train: stopped: {error}", file=sys.stderr)
            raise SystemExit(3) from None

    names = {"reward": "reward", "energy_j": "energy", "latency_s": "latency", "qoe": "qoe"}
    final = last_means(out / "metrics.jsonl", len(seeds), list(names.values()))
    members: list[dict[str, Any]] = [
        {
            "seed": seed,
            "params_sha256": params_sha256(member(fitted.state.params, i)),
            **{name: final[metric][i] for name, metric in names.items()},
        }
        for i, seed in enumerate(seeds)
    ]
    summary = {
        "params_sha256": members[0]["params_sha256"] if len(seeds) == 1 else params_sha256(fitted.state.params),
        "updates": config.train.updates,
        "env_steps": config.train.updates * steps,
        "wall_s": round(time.perf_counter() - started, 3),
        "train_s": round(fitted.wall_s, 3),
        "compile_s": round(fitted.compile_s, 3),
        **{name: sum(m[name] for m in members) / len(members) for name in names},
        "members": members,
    }
    write_whole(out / "summary.json", json.dumps(summary, indent=2) + "\n")
    shown = ", ".join(f"{name} {summary[name]:.3f}" for name in names)
    print(f"{out}: {summary['env_steps']:,} environment steps in {fitted.wall_s:.1f} s; last tenth: {shown}")
    return summary


def write_whole(path: Path, text: str) -> None:
    """A file, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)
