"""A run's folder: begun, gone on with, finished; and nothing lost on the way."""

import contextlib
import fcntl
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.run import processes, settings, setup
from eco_jax.run.settings import RunConfig
from eco_jax.train.interrupt import Stop

LOCK = ".lock"
MEANS = {"reward": "reward", "energy_j": "energy", "latency_s": "latency", "qoe": "qoe"}
"""Name in the summary -> metric."""


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


class Keeper:
    """What is done with each chunk of a run: its metrics written, the state kept when it is time.

    Of several processes the first one writes, and all end together.
    """

    def __init__(
        self, out: Path, seeds: Sequence[int], saving: Saving, stop: Stop, opened: contextlib.ExitStack
    ) -> None:
        """`opened`: closes what this opens."""
        from eco_jax.train.checkpoint import Checkpoints

        self.out, self.saving, self.stop, self.opened = out, saving, stop, opened
        self.labels = [{"seed": seed} for seed in seeds]
        self.writes = processes.first()
        self.checkpoints: Any = None
        if self.writes:
            self.checkpoints = opened.enter_context(Checkpoints(out / "checkpoint", saving.keep))
        self.saved_s, self.saved_update = time.monotonic(), 0
        self.sink: Any = None

    def begin(self, like: Any) -> Any:
        """(updates done, state after them) of the newest intact checkpoint; None to start from nothing."""
        from eco_jax.train.checkpoint import restore
        from eco_jax.train.sinks import MetricsFile

        found = restore(self.out / "checkpoint", like, setup.warn)
        processes.wait("restored")  # before the first one writes anew
        self.saved_update = found[0] if found else 0
        if self.writes:
            if self.saved_update:
                print(f"{self.out}: going on after update {self.saved_update}", file=sys.stderr)
            self.sink = MetricsFile(self.out / "metrics.jsonl", self.labels, self.saved_update)
            self.opened.callback(self.sink.close)
        return found

    def chunk(self, chunk: Any) -> None:
        """Take in the newest chunk.

        Raises:
            Interrupted: a signal asked to end; the state is kept first.
        """
        if self.writes:
            self.sink.chunk(chunk)
        by_updates = 0 < self.saving.every_updates <= chunk.done - self.saved_update
        by_time = time.monotonic() - self.saved_s >= self.saving.every_s
        numbers = processes.told([self.stop.number, by_updates or by_time or chunk.done == chunk.total])
        self.stop.number = int(numbers[:, 0].max())
        if numbers[0, 1] or self.stop.number:
            state = processes.gathered(chunk.state)
            if self.writes:
                self.checkpoints.save(chunk.done, state, float(np.nanmean(chunk.metrics["reward"])))
            self.saved_s, self.saved_update = time.monotonic(), chunk.done
        self.stop.check()


def run(
    config: RunConfig,
    out: Path,
    seeds: Sequence[int],
    force: bool = False,
    resume: bool = False,
    saving: Saving = Saving(),
    stop: Stop | None = None,
    devices: int = 1,
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
        devices: share the environments, each as many; 0 for all there are, of all processes.

    Raises:
        Interrupted: `stop` said so; what was learnt is kept.
    """
    import jax

    from eco_jax.train.checkpoint import Checkpoints
    from eco_jax.train.fit import NotFiniteError, fit
    from eco_jax.train.loop import Learner
    from eco_jax.train.program import mesh_of
    from eco_jax.train.sinks import Progress

    started = time.perf_counter()
    config = config.resolved()
    env, params = config.make()
    learner = Learner(env, config.train)
    there = jax.devices()
    if not 0 <= devices <= len(there):
        raise UserError(f"--devices {devices}: must lie in [0, {len(there)}], the devices that there are")
    mesh = mesh_of(there[: devices or len(there)], config.train.envs)
    with contextlib.ExitStack() as opened:
        if processes.first():
            opened.enter_context(locked(out))
        going_on = resume and (out / "config.toml").exists()
        processes.wait("looked")
        if going_on:
            check_same(config, seeds, out / "config.toml")
            if (out / "summary.json").exists():
                print(f"{out}: finished already")
                return told(json.loads((out / "summary.json").read_text()))
        elif processes.first():
            prepare_folder(out, force)
            about = {"seed": seeds[0], "seeds": len(seeds), "device": setup.device(), "versions": setup.versions()}
            write_whole(out / "config.toml", settings.to_toml(config, about))
        steps = config.train.envs * config.train.rollout * len(seeds)
        title = f"{config.knowledge} x {len(seeds)}" if len(seeds) > 1 else config.knowledge
        progress = opened.enter_context(Progress(steps, title)) if processes.first() else None
        processes.wait("begun")
        keeper = Keeper(out, seeds, saving, stop or Stop(), opened)

        def on_chunk(chunk: Any) -> None:
            if progress:
                progress.chunk(chunk)
            keeper.chunk(chunk)

        try:
            fitted = fit(
                learner, params, [config.hyper] * len(seeds), [jax.random.key(seed) for seed in seeds],
                mesh=mesh, resume=keeper.begin, on_compiled=progress.compiled if progress else None, on_chunk=on_chunk,
                on_failed=lambda which, cause: setup.warn(f"seed {seeds[which]}, {cause}; the others train on"),
            )  # fmt: skip
        except NotFiniteError as error:
            state = processes.gathered(error.state)
            if processes.first():
                with Checkpoints(out / "last-finite", 1) as last:  # not to go on from: it would meet the same again
                    last.save(0, state)
                print(f"eco-jax train: stopped: {error}", file=sys.stderr)
            raise SystemExit(3) from None
    if not processes.first():
        processes.wait("written")
        return {}
    summary = summarise(out, config, seeds, fitted) | {"wall_s": round(time.perf_counter() - started, 3)}
    write_whole(out / "summary.json", json.dumps(summary, indent=2) + "\n")
    processes.wait("written")
    shown = ", ".join(f"{name} {summary[name]:.3f}" for name in MEANS)
    print(f"{out}: {summary['env_steps']:,} environment steps in {fitted.wall_s:.1f} s; last tenth: {shown}")
    return told(summary)


def told(summary: dict[str, Any]) -> dict[str, Any]:
    """The summary, if no seed failed.

    Raises:
        SystemExit: some did (code 3), which and why is said; the others' results stand.
    """
    failed = [f"seed {m['seed']}, {m['failed']}" for m in summary["members"] if "failed" in m]
    if failed:
        print(f"eco-jax train: {len(failed)} of {len(summary['members'])} failed: {'; '.join(failed)}", file=sys.stderr)
        raise SystemExit(3)
    return summary


def summarise(out: Path, config: RunConfig, seeds: Sequence[int], fitted: Any) -> dict[str, Any]:
    """What `summary.json` says of a finished run: the same, in one go or with interruptions."""
    from eco_jax.train.checkpoint import params_sha256
    from eco_jax.train.fit import member
    from eco_jax.train.sinks import first_failures, last_means

    final = last_means(out / "metrics.jsonl", len(seeds), list(MEANS.values()))
    failures = first_failures(out / "metrics.jsonl", len(seeds))
    members: list[dict[str, Any]] = []
    for i, seed in enumerate(seeds):
        known = {"seed": seed, "params_sha256": params_sha256(member(fitted.state.params, i))}
        if i in failures:
            members.append(known | {"failed": failures[i]})
        else:
            members.append(known | {name: final[metric][i] for name, metric in MEANS.items()})
    sound = [m for m in members if "failed" not in m]
    return {
        "params_sha256": members[0]["params_sha256"] if len(seeds) == 1 else params_sha256(fitted.state.params),
        "updates": config.train.updates,
        "env_steps": config.train.updates * config.train.envs * config.train.rollout * len(seeds),
        "train_s": round(fitted.wall_s, 3),
        "compile_s": round(fitted.compile_s, 3),
        **{name: sum(m[name] for m in sound) / len(sound) for name in MEANS},
        "members": members,
    }
