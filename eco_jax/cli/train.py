"""`eco-jax train`: train agents and keep the run in a folder."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from eco_jax.cli import settings, setup
from eco_jax.cli.main import parse
from eco_jax.cli.settings import RunConfig
from eco_jax.errors import UserError


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
    force: bool = False
    """Replace a run that the folder holds already."""
    run: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    """Settings of the run."""


def base_config(argv: Sequence[str]) -> RunConfig:
    """The settings that flags go over: those of `--preset` or `--config`."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--preset", nargs="?")
    parser.add_argument("--config", nargs="?")
    found, _ = parser.parse_known_args(list(argv))
    if found.preset and found.config:
        raise UserError("--preset and --config: give one of them, not both")
    if found.preset:
        return settings.from_preset(found.preset)
    return settings.from_toml(Path(found.config)) if found.config else RunConfig()


def prepare_folder(out: Path, force: bool) -> None:
    """An empty folder for a run, or an error if one lies there."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is a file; --out needs a folder")
    if out.is_dir() and any(out.iterdir()):
        if not (out / "config.toml").exists():
            raise UserError(f"{out}: is not empty and holds no run; choose another folder")
        if not force:
            raise UserError(f"{out}: holds a run already; choose another folder, or --force to replace it")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def main(argv: Sequence[str]) -> int:
    """See the module."""
    base = base_config(argv)
    a: Any = parse(Arguments, argv, "eco-jax train", Arguments.__doc__ or "", Arguments(out=tyro.MISSING, run=base))
    if a.seeds < 1 or a.seed < 0:
        raise UserError(f"--seed {a.seed} --seeds {a.seeds}: seed must be at least 0, seeds at least 1")
    setup.configure()
    run(a.run, a.out, range(a.seed, a.seed + a.seeds), a.force)
    return 0


def run(config: RunConfig, out: Path, seeds: Sequence[int], force: bool = False) -> dict[str, Any]:
    """Train one agent a seed, side by side, and write the run's folder. Returns the summary."""
    import jax

    from eco_jax.train.checkpoint import params_sha256, save
    from eco_jax.train.fit import NotFiniteError, final_metrics, fit, member
    from eco_jax.train.loop import Learner
    from eco_jax.train.sinks import MetricsFile, Progress

    started = time.perf_counter()
    env, params = config.make()
    learner = Learner(env, config.train)
    prepare_folder(out, force)
    about = {"seed": seeds[0], "seeds": len(seeds), "device": setup.device(), "versions": setup.versions()}
    (out / "config.toml").write_text(settings.to_toml(config, about))

    sink = MetricsFile(out / "metrics.jsonl", [{"seed": seed} for seed in seeds])
    steps = config.train.envs * config.train.rollout * len(seeds)
    try:
        with Progress(steps, f"{config.knowledge} x {len(seeds)}" if len(seeds) > 1 else config.knowledge) as progress:

            def on_chunk(chunk: Any) -> None:
                sink.chunk(chunk)
                progress.chunk(chunk)

            fitted = fit(
                learner, params, [config.hyper] * len(seeds), [jax.random.key(seed) for seed in seeds],
                on_compiled=progress.compiled, on_chunk=on_chunk,
            )  # fmt: skip
    except NotFiniteError as error:
        save(out / "checkpoint", 0, error.state)
        print(f"eco-jax train: stopped: {error}", file=sys.stderr)
        raise SystemExit(3) from None
    finally:
        sink.close()
    save(out / "checkpoint", config.train.updates, fitted.state)

    final = final_metrics(fitted.metrics)
    names = {"reward": "reward", "energy_j": "energy", "latency_s": "latency", "qoe": "qoe"}
    members: list[dict[str, Any]] = [
        {
            "seed": seed,
            "params_sha256": params_sha256(member(fitted.state.params, i)),
            **{name: float(final[metric][i]) for name, metric in names.items()},
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
    (out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    shown = ", ".join(f"{name} {summary[name]:.3f}" for name in names)
    print(f"{out}: {summary['env_steps']:,} environment steps in {fitted.wall_s:.1f} s; last tenth: {shown}")
    return summary
