"""`eco-jax reproduce`: the paper's figures and claims, and what lies beyond them, in one report."""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from eco_jax.cli.main import parse
from eco_jax.cli.screen import show_table
from eco_jax.errors import UserError
from eco_jax.run import setup


@dataclass(frozen=True)
class Arguments:
    """Train agents at every level of knowledge, play them, rules and references on the same episodes, put the paper's
    claims to the numbers, and write report.html with everything behind it. Finished parts are kept: started again, it
    goes on where it stopped."""  # noqa: D209

    profile: Literal["smoke", "quick", "paper"] = "quick"
    """How much to spend: smoke (a check, on a toy world), quick (about 13 minutes on 2 cores) or paper (10 seeds and
    every sweep, hours on 2 cores)."""
    out: Path = Path("runs/reproduce")
    """Folder for the report and the parts behind it."""
    preset: str = ""
    """World to study instead of the default one: see `eco-jax info`; `printed` for the equations as printed."""
    seed: int = 0
    """First seed, - (0 or above)."""
    trace: Path | None = None
    """Prepared trace to replay instead of the synthetic mobility."""
    fresh: bool = False
    """Run every part anew."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    a: Any = parse(Arguments, argv, "eco-jax reproduce", Arguments.__doc__ or "")
    from eco_jax.env import PRESETS

    preset = a.preset or ("tiny" if a.profile == "smoke" else "repaired")
    if preset not in PRESETS:
        raise UserError(f"--preset {preset}: must be one of {', '.join(PRESETS)}")
    if a.seed < 0:
        raise UserError(f"--seed {a.seed}: must be at least 0")
    setup.configure()
    import shutil

    from eco_jax.data import load
    from eco_jax.report.reproduce import reproduce
    from eco_jax.report.study.core import Study, maker
    from eco_jax.report.study.profile import PROFILES
    from eco_jax.train.config import Hyper, TrainConfig

    trace = None if a.trace is None else load(a.trace)._asdict()
    made = maker(preset, trace)
    made()  # what is wrong with the world is said before anything is written
    if a.fresh:
        shutil.rmtree(a.out / "parts", ignore_errors=True)
    a.out.mkdir(parents=True, exist_ok=True)
    profile = PROFILES[a.profile]
    train = TrainConfig(envs=4, rollout=6, hidden=16, chunk=6) if a.profile == "smoke" else TrainConfig()
    study = Study(made, train, Hyper(), profile, a.seed)
    versions = setup.versions()
    digest = "" if a.trace is None else hashlib.sha256(a.trace.read_bytes()).hexdigest()
    settings = {
        "preset": preset, "seed": a.seed, "trace": digest, "train": asdict(train), "hyper": asdict(Hyper()),
        "versions": {name: versions[name] for name in ("eco-jax", "jax")}, "platform": setup.device(),
    }  # fmt: skip
    about = {
        "profile": a.profile,
        "world": preset,
        "seed": a.seed,
        "seeds": profile.seeds,
        "episodes": profile.episodes,
        "env_steps_per_agent": profile.updates * train.envs * train.rollout,
        "mobility": "trace" if a.trace else "synthetic (random waypoint)",
        "device": setup.device(),
        "versions": versions,
    }
    command = shlex.join(["eco-jax", "reproduce", *argv])
    results, claims = reproduce(a.out, study, settings, about, command)
    _show(results, claims, a.out)
    return 0


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
