"""`eco-jax reproduce`: the paper's figures and claims, and what lies beyond them, in one report."""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from eco_jax.cli.main import begun, parse, peek
from eco_jax.cli.screen import show_table
from eco_jax.errors import UserError
from eco_jax.run import settings, setup
from eco_jax.run.settings import RunConfig
from eco_jax.study.core import DECIDED
from eco_jax.study.profile import PAPER, PROFILES, QUICK, SMOKE
from eco_jax.train.config import TrainConfig, rollout_of

PROFILE = (
    f"How much to spend: smoke (a check, on a toy world where no other is given: {SMOKE.takes}), quick ({QUICK.takes}) "
    f"or paper ({PAPER.seeds} seeds and every sweep: {PAPER.takes})."
)
TOY: dict[str, Any] = {"envs": 4, "rollout": 6, "hidden": 16, "chunk": 6}
"""Training of the profile `smoke`, where nothing else is said."""


@dataclass(frozen=True)
class Arguments:
    """Train agents at every level of knowledge, play them, rules and references on the same episodes, put the paper's
    claims to the numbers, and write report.html with everything behind it. Every setting of the world and of the
    training can be given by a flag, over a preset or a TOML file. Finished parts are kept: started again, it goes on
    where it stopped."""  # noqa: D209

    profile: Annotated[Literal["smoke", "quick", "paper"], tyro.conf.arg(help=PROFILE)] = "quick"
    out: Path = Path("runs/reproduce")
    """Folder for the report and the parts behind it: a new one, or an earlier report's."""
    preset: str | None = None
    """World to study instead of the default one: see `eco-jax info`; `printed` for the equations as printed."""
    config: Path | None = None
    """A TOML file of settings instead of a preset (a run's `config.toml` is one)."""
    seed: int = 0
    """First seed, - (0 or above)."""
    fresh: bool = False
    """Run every part anew."""
    run: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    """Settings of the study; not knowledge and train.updates, which the study and its profile decide."""


def defaults(argv: Sequence[str]) -> Arguments:
    """What flags go over: the settings of `--preset` or `--config`, else the default ones.

    Raises:
        UserError: a setting is given that the study decides itself.
    """
    given = {word.split("=")[0].removeprefix("--").replace("-", "_") for word in argv if word.startswith("--")}
    for name in DECIDED:
        if name in given:
            raise UserError(f"--{name}: {WHY}")
    found = peek(argv, "profile", "config")
    smoke = found.get("profile") == "smoke"
    config = begun(argv, usual="tiny" if smoke else None)
    if "config" in found:
        _decided(Path(found["config"]))
    usual = TrainConfig(rollout=rollout_of(config.env.slots))
    toy = {name: value for name, value in TOY.items() if smoke and getattr(config.train, name) == getattr(usual, name)}
    train = dataclasses.replace(config.train, **toy, updates=usual.updates)
    return Arguments(run=dataclasses.replace(config, knowledge=RunConfig().knowledge, train=train))


WHY = "is not a setting here: agents of every level of knowledge are trained, for as long as --profile says"


def _decided(path: Path) -> None:
    """What a TOML file says of that: refused, but for a run's record of its settings, which says it anyway.

    Raises:
        UserError: the file sets one.
    """
    data = settings.read_toml(path)
    for name in DECIDED:
        section, _, field_ = name.rpartition(".")
        if field_ in (data.get(section, {}) if section else data):
            if "run" not in data:
                raise UserError(f"{path}: {name}: {WHY}")
            print(f"{path}: {name} of that run {WHY}", file=sys.stderr)


def main(argv: Sequence[str]) -> int:
    """See the module."""
    default = defaults(argv)
    a: Any = parse(Arguments, argv, "eco-jax reproduce", Arguments.__doc__ or "", default)
    profile = PROFILES[a.profile]
    settings.check_seeds(a.seed, profile.keys)
    run = settings.over(default.run, a.run, "train.rollout" not in peek(argv, "train.rollout"))
    if run.train.algorithm != "a2c":
        raise UserError(f"train.algorithm = {run.train.algorithm!r}: must be 'a2c', the paper's, in its reproduction")
    setup.configure()
    from eco_jax.report import page
    from eco_jax.report.reproduce import PARTS, check_folder, in_words, reproduce
    from eco_jax.run.folder import locked
    from eco_jax.study.core import Study
    from eco_jax.study.run import check
    from eco_jax.study.store import Store

    study = Study(run, profile, a.seed)
    check_folder(a.out)
    check(study)  # what is wrong with a world is said before anything is written
    versions = setup.versions()
    here = {"versions": {name: versions[name] for name in ("eco-jax", "jax")}, "platform": setup.device()}
    about = {
        "profile": a.profile,
        "world": a.preset or (a.config and a.config.name) or ("tiny" if a.profile == "smoke" else "repaired"),
        page.DIFFERS: in_words(run),
        **settings.input_hashes(run),
        "seed": a.seed,
        "seeds": profile.seeds,
        "episodes": profile.episodes,
        "env_steps_per_agent": profile.updates * run.train.envs * run.train.rollout,
        "mobility": MOBILITY[study.world[0].config.mobility],
        "device": setup.device(),
        "versions": versions,
    }
    command = shlex.join(["eco-jax", "reproduce", *argv])
    with locked(a.out):
        if a.fresh:
            Store(a.out / PARTS).clear()
        results, claims = reproduce(a.out, study, here, about, command)
    _show(results, claims, a.out)
    return 0


MOBILITY = {
    "waypoint": "synthetic (random waypoint)", "gauss-markov": "synthetic (Gauss-Markov)", "trace": "trace",
}  # fmt: skip


def _show(results: Any, claims: Any, out: Path) -> None:
    from eco_jax.report.tables import headline

    signs = {"holds": "✓", "does not hold": "✗", "not decidable": "?"}
    rows = [
        [f"{signs[c.verdict]} {c.text}", f"{c.measured:+.4g} [{c.lo:+.4g}, {c.hi:+.4g}] {c.unit}".strip(), c.verdict]
        for c in claims
    ]
    show_table("Claims", ["claim", "measured [95 % interval]", "verdict"], rows)
    rows = [
        [name, *(f"{v['mean']:.3f} [{v['lo']:.3f}, {v['hi']:.3f}]" for v in row.values())]
        for name, row in sorted(results["policies"].items(), key=lambda item: -item[1]["reward"]["mean"])
        if not name.endswith("-sampled")
    ]
    written = f"{out / 'report.html'} ({results['wall_s']:.0f} s)"
    columns = ["policy", "reward", "energy J/task", "latency s", "QoE"]
    show_table("Best reward first", columns, rows, [*headline(results["comparisons"]), written])
