"""`eco-jax reproduce`: train all levels of knowledge, compare, draw Fig. 3."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from eco_jax.cli import settings, setup
from eco_jax.cli.main import parse
from eco_jax.cli.screen import show_table


@dataclass(frozen=True)
class Arguments:
    """Train the agents with twin, telemetry and none side by side, evaluate them and the rules on the same episodes,
    print the table, and write results.json, table.md and Fig. 3a/3b."""  # noqa: D209

    profile: Literal["smoke", "quick"] = "quick"
    """How much to spend: smoke (a check, at most 90 s on 2 cores) or quick (at most 8 minutes on 2 cores)."""
    out: Path = Path("runs/reproduce")
    """Folder for the results (earlier results there are replaced)."""
    seed: int = 0
    """First seed, - (0 or above)."""
    trace: Path | None = None
    """Prepared trace to replay instead of the synthetic mobility."""


def main(argv: Sequence[str]) -> int:
    """See the module."""
    a: Any = parse(Arguments, argv, "eco-jax reproduce", Arguments.__doc__ or "")
    setup.configure()
    from eco_jax.report import reproduce as study
    from eco_jax.train.loop import Learner

    started = time.perf_counter()
    a.out.mkdir(parents=True, exist_ok=True)
    config = dataclasses.replace(settings.RunConfig(), trace=a.trace)
    env, params = config.make()
    profile = study.PROFILES[a.profile]
    fitted, found = study.reproduce(env, params, config.train, config.hyper, profile, a.seed)
    about = {
        "profile": a.profile,
        "seeds": profile.seeds,
        "episodes": profile.episodes,
        "env_steps_per_agent": profile.updates * config.train.envs * config.train.rollout,
        "mobility": "trace" if a.trace else "synthetic (random waypoint)",
        "device": setup.device(),
        "versions": setup.versions(),
        "train_s": round(fitted.wall_s, 1),
        "wall_s": round(time.perf_counter() - started, 1),
    }
    summary = study.write(a.out, Learner(env, config.train), fitted, found, about)
    _show(summary, a.out, time.perf_counter() - started)
    return 0


def _show(summary: Any, out: Path, seconds: float) -> None:
    from eco_jax.report.reproduce import headline

    rows = [
        [name, *(f"{v['mean']:.3f} [{v['lo']:.3f}, {v['hi']:.3f}]" for v in row.values())]
        for name, row in sorted(summary["policies"].items(), key=lambda item: -item[1]["reward"]["mean"])
        if not name.endswith("-sampled")
    ]
    written = f"{out}: results.json, table.md, fig3a.png, fig3b.png ({seconds:.0f} s)"
    columns = ["policy", "reward", "energy J/task", "latency s", "QoE"]
    show_table("Mean [95 % interval], best reward first", columns, rows, [*headline(summary), written])
