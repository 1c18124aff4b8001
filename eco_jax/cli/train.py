"""`eco-jax train`: train agents and keep the run in a folder."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from eco_jax.cli.main import parse, peek, settings_of
from eco_jax.errors import UserError
from eco_jax.run import processes, settings, setup, summary
from eco_jax.run.folder import Saving, run
from eco_jax.track.follower import PROJECT, checked, following
from eco_jax.train.interrupt import Interrupted, interruptible


@dataclass(frozen=True)
class Arguments:
    """Train agents; every setting can be given by a flag, over a preset or a TOML file."""

    out: Path
    """Folder for the run (made here)."""
    preset: str | None = None
    """A world or a whole run by name; `eco-jax info` lists them. `printed` has the paper's equations as printed, and
    learns as usual; `paper-printed` learns as printed, too."""
    config: Path | None = None
    """A TOML file of settings instead of a preset (a run's `config.toml` repeats it)."""
    seed: int = 0
    """Seed of the first agent, - (0 to 4294967295)."""
    seeds: int = 1
    """Agents trained side by side in one program, with consecutive seeds, - (at least 1)."""
    resume: bool = False
    """Go on with the run in the folder, from its newest intact checkpoint; begin one where there is none. Flags may
    repeat its settings, not change them."""
    force: bool = False
    """Replace a run that the folder holds already."""
    save_s: float = 30.0
    """Seconds between two checkpoints, s (at least 0)."""
    save_updates: int = 0
    """Updates between two checkpoints, - (at least 0; 0: by seconds alone)."""
    keep: int = 2
    """Newest checkpoints to keep, beside the best, - (at least 1)."""
    devices: int = 1
    """Devices that share the environments of a run, - (at least 1; 0: all there are)."""
    distributed: bool = False
    """Several processes train one run (`srun eco-jax train --distributed ...`), on all their devices."""
    tracker: str | None = None
    """Show the run in tensorboard, wandb or mlflow too, or in a tracker of one's own: it never stops or changes it."""
    tracker_dir: str | None = None
    """Folder of the tracker's files (`tracker/` in the run's folder, by default), or an address that MLflow takes."""
    tracker_project: str = PROJECT
    """Project, or experiment, of the tracker."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    there = Path(peek(argv, "out").get("out") or "") / "config.toml"
    going_on = "--resume" in argv and there.is_file()
    given = settings_of(argv, there if going_on else None)
    kept = settings.recorded(there) if going_on else {}
    default = Arguments(tyro.MISSING, seed=kept.get("seed", 0), seeds=kept.get("seeds", 1))
    a: Any = parse(Arguments, given.rest, "eco-jax train", Arguments.__doc__ or "", default, settings=True)
    settings.check_seeds(a.seed, a.seeds)
    config = given.config()
    if not 0 <= a.save_s < math.inf:
        raise UserError(f"--save-s {a.save_s:g}: must be at least 0, and finite")
    for flag, value, least in (("--save-updates", a.save_updates, 0), ("--keep", a.keep, 1)):
        if value < least:
            raise UserError(f"{flag} {value}: must be at least {least}")
    if a.resume and a.force:
        raise UserError("--resume and --force: give one of them, not both")
    wanted = checked(a.tracker, a.tracker_dir, a.tracker_project, a.out)
    setup.configure(look=not a.distributed)
    if a.distributed:
        processes.join_in()
        setup.devices()
    devices = 0 if a.distributed else a.devices
    saving = Saving(a.save_s, a.save_updates, a.keep)
    seeds = range(a.seed, a.seed + a.seeds)
    try:
        with following(a.out, None if wanted is None else wanted(config.values["plugins"])) as begun:
            made = interruptible(
                lambda stop: run(config, a.out, seeds, a.force, a.resume, saving, stop, devices, begun),
                lambda name: print(f"eco-jax train: {name}: saving, then ending", file=sys.stderr, flush=True),
            )
    except Interrupted as signal:
        print(f"eco-jax train: {signal}: saved; --resume goes on from there", file=sys.stderr)
        return signal.code
    if made:  # by the first of several processes
        shown = ", ".join(f"{name} {made[name]:.3f}" for name in summary.means_of(config))
        print(f"{a.out}: {made['env_steps']:,} environment steps in {made['train_s']:.1f} s; last tenth: {shown}")
        summary.check_failed(made)
    return 0
