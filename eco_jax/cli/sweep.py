"""`eco-jax sweep`: train many configurations of a search space, here or on a cluster."""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from eco_jax import plugins
from eco_jax.cli.main import load_plugins, parse, without_plugins
from eco_jax.cli.screen import show_table
from eco_jax.errors import UserError
from eco_jax.files import write_whole
from eco_jax.metrics import REWARD
from eco_jax.run import settings, setup
from eco_jax.run.folder import Saving, locked
from eco_jax.run.messages import warn
from eco_jax.run.progress import Display, Pace, updates_in_words
from eco_jax.track.follower import PROJECT, checked, following
from eco_jax.train.interrupt import Interrupted, Stop, interruptible


@dataclass(frozen=True)
class Arguments:
    """Train many configurations of a search space. Killed anywhere, it goes on with --resume. --plugin FILE (may be
    repeated) loads parts, rules or algorithms of one's own."""  # noqa: D209

    space: Annotated[Path, tyro.conf.Positional]
    """The search space, a TOML file: [base] holds settings of a run, [space] what varies."""
    out: Path
    """Folder for the sweep (made here)."""
    trials: int | None = None
    """Configurations to train, - (at least 1); with --sampler grid all by default."""
    seeds: int = 1
    """Runs of each configuration, with consecutive seeds, - (at least 1)."""
    seed: int = 0
    """Seed of the sampler, and of the first run of each configuration, - (0 to 4294967295)."""
    sampler: Literal["random", "tpe", "cmaes", "grid"] = "random"
    """Who asks for configurations: at random, Optuna's TPE or CMA-ES, or every point of a grid."""
    objective: str = REWARD
    """What is looked for in the last tenth of training, in whole chunks: the most reward or qoe, the least energy or
    latency, or cost/NAME of a cost term of one's own."""
    strategy: Literal["full", "halving", "pbt"] = "full"
    """All to the end, successive halving, or population-based training."""
    eta: int = 3
    """Halving keeps one of so many configurations at each rung, - (at least 2)."""
    generation: int = 0
    """Configurations that the sampler gives before it is told results, - (0: all for random and grid, else 32)."""
    batch: int = 1024
    """Most members (configurations x seeds) of a batch, which one process or job trains, - (at least --seeds)."""
    launcher: Literal["local", "slurm"] = "local"
    """Train batches in this process one after the other, or each as a job of SLURM."""
    devices: int = 0
    """Devices of this machine that share the members of a batch, - (at least 1; 0: all there are). SLURM gives a job
    its own: `gpus` in --slurm."""
    slurm: Path | None = None
    """What jobs ask of SLURM: a TOML file with a table [slurm]."""
    storage: str | None = None
    """Optuna's storage: a journal file, or the URL of a database; in the folder by default."""
    study: str | None = None
    """Name of the study in the storage; sweeps that give the same one share their trials."""
    resume: bool = False
    """Go on with the sweep that the folder holds; begin one where there is none. --trials may be larger than before."""
    save_s: float = 30.0
    """Seconds between two checkpoints of a batch, s (at least 0)."""
    tracker: str | None = None
    """Show the sweep in tensorboard, wandb or mlflow too, or in a tracker of one's own, batch by batch: it never stops
    or changes it."""
    tracker_dir: str | None = None
    """Folder of the tracker's files (`tracker/` in the sweep's folder, by default), or an address that MLflow takes."""
    tracker_project: str = PROJECT
    """Project, or experiment, of the tracker."""
    tracker_each: bool = False
    """A run of the tracker for each member, instead of one for the sweep with all members inside."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    load_plugins(argv)
    a: Any = parse(Arguments, without_plugins(argv), "eco-jax sweep", Arguments.__doc__ or "")
    if not 0 <= a.save_s < math.inf:
        raise UserError(f"--save-s {a.save_s:g}: must be at least 0, and finite")
    if a.slurm is not None and a.launcher != "slurm":
        raise UserError("--slurm: is for --launcher slurm")
    if a.devices and a.launcher == "slurm":
        raise UserError("--devices: is for --launcher local; `gpus` in --slurm says how many a job has")
    setup.configure()
    try:
        interruptible(
            lambda stop: sweep(a, stop),
            lambda name: print(f"eco-jax sweep: {name}: saving, then ending", file=sys.stderr, flush=True),
        )
    except Interrupted as heard:
        print(f"eco-jax sweep: {heard}: saved; --resume goes on from there", file=sys.stderr)
        return heard.code
    return 0


def sweep(a: Arguments, stop: Stop) -> None:
    """Run a sweep to its end."""
    from eco_jax.report.sweep import draw, leaderboard, write_tables
    from eco_jax.sweep import cluster, plan, search, space, state, study, training
    from eco_jax.sweep.results import best_config
    from eco_jax.train.devices import chosen

    what = space.from_toml(a.space)
    trials = what.points() if a.trials is None and a.sampler == "grid" else a.trials
    if trials is None:
        raise UserError("--trials: say how many configurations to train")
    wanted = plan.Plan(
        trials, a.seeds, a.seed, a.sampler, a.objective, a.strategy, a.eta,
        a.generation, a.batch,
    )  # fmt: skip
    remarks = plan.check(what, wanted)
    there = chosen(a.devices, setup.devices())
    jobs = cluster.from_toml(a.slurm)
    if a.launcher == "slurm":
        cluster.check(jobs)
    state.check_folder(a.out, a.resume, (a.space, a.slurm))
    if a.storage is not None:
        study.check_storage(a.storage)
    if a.tracker_each and a.tracker is None:
        raise UserError("--tracker-each: is for --tracker")
    tracking = checked(a.tracker, a.tracker_dir, a.tracker_project, a.out)
    # Everything is checked; from here on it is written.
    with ExitStack() as opened:
        opened.enter_context(locked(a.out))
        state.check_folder(a.out, a.resume)
        running = search.Sweep(a.out, what, wanted, a.storage, a.study, warn)
        if len(running.asked) > trials:
            remarks = [*remarks, f"--trials {trials}: the sweep that goes on has {len(running.asked)} already"]
        for remark in remarks:
            warn(remark)
        saving = Saving(a.save_s)
        display = opened.enter_context(Display())
        programs: dict[Any, Any] = {}

        def here(folders: Sequence[Path]) -> None:
            for folder in folders:
                said, look = watched(display, f"batch {folder.name}")
                training.train_batch(folder, saving, stop, training.Told(warn, said, look), programs, there)

        launch = here if a.launcher == "local" else cluster.Launcher(a.out, jobs, saving, display.say, stop)
        loaded = plugins.LOADED.values()
        with following(a.out, None if tracking is None else tracking(loaded, a.tracker_each), sweep=True) as begun:
            begun()
            running.run(launch, write_tables)
        found = best_config(running.results(), what, wanted.objective)
        if found is not None:
            config, row = found
            about = {"sweep": str(a.out), "trial": row["trial"], "seed": a.seed, **settings.input_hashes(config)}
            write_whole(a.out / "best.toml", settings.to_toml(config, about))
        drawn = draw(running, warn)
    show_table(*leaderboard(running), plan.easiest(what, a.objective))
    written = [name for name in ("results.parquet", "leaderboard.csv") if (a.out / name).exists()] + drawn
    if found is None:
        print(f"eco-jax sweep: no trial was trained to its end; see {a.out}", file=sys.stderr)
        raise SystemExit(3)
    print(f"{a.out}: {', '.join(written)}; to train the best again:")
    print(f"  eco-jax train --config {a.out / 'best.toml'} --out runs/best")


def watched(
    display: Display, name: str
) -> tuple[Callable[[str], None], Callable[[int, int, Mapping[str, float]], None]]:
    """Begins to show a batch; the two functions are told its remarks, and how far it is (see `training.Told`)."""
    display.begin(name)
    pace = Pace()

    def look(done: int, total: int, means: Mapping[str, float]) -> None:
        display.show(name, done, total, updates_in_words(done, total, means, pace.of(done)), now=done == total)

    return lambda text: display.say(f"{name}: {text}"), look
