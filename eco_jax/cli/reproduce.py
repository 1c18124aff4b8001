"""`eco-jax reproduce`: the paper's figures and claims, and what lies beyond them, in one report."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from eco_jax.cli.main import parse, peek, settings_of
from eco_jax.cli.screen import show_table
from eco_jax.env.parts import GaussMarkov, Replay, Waypoint
from eco_jax.env.parts.cost import objectives
from eco_jax.errors import UserError
from eco_jax.metrics import REWARD
from eco_jax.run import settings, setup
from eco_jax.run.config import RunConfig
from eco_jax.study.core import DECIDED
from eco_jax.study.profile import PAPER, PROFILES, QUICK, SMOKE

PROFILE = (
    f"How much to spend: smoke (a check, on a toy world where no other is given: {SMOKE.takes}), quick ({QUICK.takes}) "
    f"or paper ({PAPER.seeds} seeds and every sweep: {PAPER.takes})."
)
TOY: dict[str, Any] = {"train.envs": 4, "train.rollout": 6, "network.hidden": 16, "train.chunk": 6}
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
    """World to study instead of the default one: see `eco-jax info`; `printed` for the equations as printed,
    `paper-printed` where all agents learn as printed, too."""
    config: Path | None = None
    """A TOML file of settings instead of a preset (a run's `config.toml` is one)."""
    seed: int = 0
    """First seed, - (0 or above)."""
    devices: int = 0
    """Devices that share the agents which are trained, - (at least 1; 0: all there are)."""
    fresh: bool = False
    """Run every part anew."""
    verdicts_only: bool = False
    """Run only what claims are judged by. Started again without it, the command goes on with the sweeps."""
    learners: str | None = None
    """Of the profile's other algorithms and networks (`eco_jax/study/learners.toml`) these, by comma; '' for none.
    Without it all."""
    judge: str | None = None
    """The name of a publication: play episodes that are its own, once, after its claims were written down. Without it
    the report is exploratory and has no verdicts."""
    again: bool = False
    """With --judge, play its episodes although they were played already; the report says so."""


WHY = "is not a setting here: agents of every level of knowledge are trained, for as long as --profile says"


def study_config(argv: Sequence[str]) -> tuple[RunConfig, list[str]]:
    """The settings of the study, and the command's other arguments.

    Raises:
        UserError: a setting is given that the study decides itself, or one that is not allowed.
    """
    found = peek(argv, "profile", "config")
    smoke = found.get("profile") == "smoke"
    given = settings_of(argv, usual="tiny" if smoke else None)
    for name in DECIDED:
        if name in given.given:
            where = f"--{name}" if name in given.flags else f"{found['config']}: {name}"
            raise UserError(f"{where}: {WHY}")
        if name in given.usual and "config" in found:
            print(f"{found['config']}: {name} of that run {WHY}", file=sys.stderr)
    toy = {name: value for name, value in TOY.items() if smoke and name not in given.usual}
    usual = {name: value for name, value in (given.usual | toy).items() if name not in DECIDED}
    return given._replace(usual=usual).config(), given.rest


def main(argv: Sequence[str]) -> int:
    """See the module."""
    run, rest = study_config(argv)
    a: Any = parse(Arguments, rest, "eco-jax reproduce", Arguments.__doc__ or "", None, True, DECIDED)
    profile = PROFILES[a.profile]
    settings.check_seeds(a.seed, profile.keys)
    check_judge(a.judge, a.again, a.profile)
    setup.configure()
    from eco_jax.report import page
    from eco_jax.report.claims import as_written
    from eco_jax.report.reproduce import PARTS, check_folder, in_words, reproduce
    from eco_jax.run.folder import locked
    from eco_jax.study import judging, learners
    from eco_jax.study.core import Study
    from eco_jax.study.run import check
    from eco_jax.study.store import Store
    from eco_jax.train.devices import chosen

    others = None if a.learners is None else tuple(a.learners.split(",") if a.learners else ())
    if others is not None:
        learners.check(others, profile)
    study = Study(run, profile, a.seed, a.judge or "", chosen(a.devices, setup.devices()), a.verdicts_only, others)
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
        "mobility": mobility_of(run),
        "device": setup.device(),
        "versions": versions,
    }
    command = shlex.join(["eco-jax", "reproduce", *argv])
    with locked(a.out):
        if a.fresh:
            if a.judge:  # before anything is lost
                judging.open_or_refuse(a.out, a.judge, as_written(), again=a.again)
            Store(a.out / PARTS).clear()
        results, claims = reproduce(a.out, study, here, about, command, a.again)
    _show(results, claims, a.out)
    return 0


def check_judge(judge: str | None, again: bool, profile: str) -> None:
    """Whether these flags go together.

    Raises:
        UserError: they do not, or the name is none.
    """
    from eco_jax.report.claims import SEEDS
    from eco_jax.study import judging

    if judge is None:
        if again:
            raise UserError("--again: goes with --judge NAME")
        return
    judging.check(judge)
    if (seeds := PROFILES[profile].seeds) < SEEDS:
        raise UserError(f"--judge: profile {profile} has {seeds} seeds, a verdict needs {SEEDS}: --profile paper")


MOBILITY = {
    Waypoint.name: "synthetic (random waypoint)", GaussMarkov.name: "synthetic (Gauss-Markov)",
}  # fmt: skip
"""In words; other models by their names."""
REPLAYED = {
    "drawn": "each user at a time of its own", "together": "all users at one time of it",
    "position": "seen at interpolated positions, which know the next fix", "fix": "seen at their last raw fixes",
}  # fmt: skip
"""Settings of a replayed trace, in words."""


def mobility_of(run: RunConfig) -> str:
    """How users move, in words; of a trace how it is replayed, and what is seen of a position."""
    name = str(run.values[Replay.kind])
    if name != Replay.name:
        return MOBILITY.get(name, name)
    return f"{name}, {REPLAYED[run.values['mobility.start']]}, {REPLAYED[run.values['mobility.observed']]}"


def _show(results: Any, claims: Any, out: Path) -> None:
    from eco_jax.report.tables import headline, heads
    from eco_jax.study import names

    signs = {"holds": "✓", "does not hold": "✗", "not decidable": "?", "exploratory": "○"}
    rows = [
        [f"{signs[c.verdict]} {c.text}", f"{c.measured:+.4g} [{c.lo:+.4g}, {c.hi:+.4g}] {c.unit}".strip(), c.verdict]
        for c in claims
    ]
    there = {column for row in results["policies"].values() for column in row}
    plain = names.plain(results["policies"], (names.SAMPLED,))
    shown = [metric for metric in objectives().values() if metric.column in there]
    show_table("Claims", ["claim", "measured [95 % interval]", "verdict"], rows)
    rows = [
        [name, *(_cell(row[m.column]) if m.column in row else "–" for m in shown)]
        for name, row in sorted(results["policies"].items(), key=lambda item: -item[1][REWARD]["mean"])
        if name in plain
    ]
    written = f"{out / 'report.html'} ({results['wall_s']:.0f} s)"
    show_table("Best reward first", ["policy", *heads(shown)], rows, [*headline(results["comparisons"]), written])


def _cell(found: Any) -> str:
    return f"{found['mean']:.3f} [{found['lo']:.3f}, {found['hi']:.3f}]"
