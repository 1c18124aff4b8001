"""Folders of runs, read for figures and comparisons: curves as they were recorded, and agents to be played."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eco_jax.agent.algorithms import DEFAULTS as AGENT
from eco_jax.env import policies
from eco_jax.errors import UserError, quoted, shown, within
from eco_jax.run import settings
from eco_jax.run.config import FIXED, INPUTS, RunConfig, resolve
from eco_jax.run.folder import noted
from eco_jax.run.messages import warn
from eco_jax.settings import similar
from eco_jax.train.config import TrainConfig
from eco_jax.train.sinks import check_readable, curves, first_failures
from eco_jax.train.times import TIMES, times

NOT_OF_THE_WORLD = ("knowledge", "plugins", TrainConfig.section, *AGENT)
"""Settings, and sections of them, in which runs of one world may differ."""
X = {"updates": "update", "steps": "environment steps of an agent", "seconds": "time of training, s"}
"""What a curve may be drawn over -> the label of its axis."""


@dataclass(frozen=True)
class Trained:
    """A run whose agents can be played."""

    path: Path
    config: RunConfig
    seeds: tuple[int, ...]
    agents: Any
    """parameters of the networks, each leaf [seeds, ...]; of the seeds whose numbers stayed finite"""


def is_run(path: Path | str) -> bool:
    """Whether it is the folder of a run."""
    try:
        return (Path(path) / "config.toml").is_file()
    except (OSError, ValueError):  # too long a name, a NUL
        return False


def is_sweep(path: Path) -> bool:
    """Whether a folder holds a sweep."""
    return (path / "sweep.json").is_file()


def check_policy(name: str, where: str = "") -> None:
    """Whether a name is that of a run's folder or of a rule.

    Raises:
        UserError: it is neither.
    """
    known = policies.named()
    if not is_run(Path(name)) and name not in known:
        hint = similar(name, known)
        raise UserError(f"{where}{quoted(name, 200)}: no folder of a run, nor a rule{hint}")


def recorded_curves(path: Path, x: str) -> tuple[NDArray[np.floating], dict[str, NDArray[np.floating]]]:
    """What a run has recorded so far; it may be going on. Its plug-ins are not needed.

    Args:
        path: its folder.
        x: one of `X`.

    Returns:
        x after each update [updates], and metric -> [updates, seeds]. A seed whose numbers were no longer finite is
        left out, with a warning.

    Raises:
        UserError: nothing is recorded there, or nothing that can be read, or no times.
    """
    note = noted(path / "config.toml")
    members = note["seeds"]
    found = curves(path / "metrics.jsonl", members)
    if not found or not len(next(iter(found.values()))):
        check_readable(path / "metrics.jsonl")
        raise UserError(f"{path}: no update is recorded there yet (metrics.jsonl)")
    failed = first_failures(path / "metrics.jsonl", members)
    for which, why in failed.items():
        warn(f"{path}: seed {note['seed'] + which}, {why}; left out")
    if len(failed) == members:
        raise UserError(f"{path}: no seed stayed finite")
    kept = [i for i in range(members) if i not in failed]
    found = {name: value[:, kept] for name, value in found.items()}
    done = np.arange(1, len(next(iter(found.values()))) + 1, dtype=np.float64)
    if x == "updates":
        return done, found
    if x == "steps":
        of_train = settings.flat(settings.read_toml(path / "config.toml"), str(path))
        section = TrainConfig.section
        return done * of_train[f"{section}.envs"] * of_train[f"{section}.rollout"], found
    known = times(path / TIMES)
    done = done[done <= known[-1, 0]]
    return np.interp(done, known[:, 0], known[:, 1]), {name: value[: len(done)] for name, value in found.items()}


def open_run(path: Path) -> Trained:
    """A run's settings and agents, as `sound_agents` gives them.

    Raises:
        UserError: it is no run, is damaged, has no seed that stayed finite, or needs a plug-in that is not loaded.
    """
    file = path / "config.toml"
    if not is_run(path):
        raise UserError(f"{shown(path, 300)}: holds no run (no config.toml)")
    given, usual, where = settings.base(file=file)
    with within(where):
        config = resolve(given, usual)
    settings.check_inputs(config, settings.recorded(file), file)
    return Trained(path, config, *sound_agents(path))


def sound_agents(path: Path) -> tuple[tuple[int, ...], Any]:
    """Agents of a run's newest intact checkpoint: seeds, and parameters with leaves [seeds, ...].

    A seed whose numbers were no longer finite is left out, with a warning.

    Raises:
        UserError: no seed stayed finite, or there is no intact checkpoint.
    """
    import jax

    from eco_jax.train.checkpoint import restore_params

    note = noted(path / "config.toml")
    _, agents = restore_params(path / "checkpoint", warn, note.get("id", ""))
    first, count = note["seed"], note["seeds"]
    failed = first_failures(path / "metrics.jsonl", count)
    kept = [i for i in range(count) if i not in failed]
    if not kept:
        raise UserError(f"{path}: no seed stayed finite")
    for which, why in failed.items():
        warn(f"{path}: seed {first + which}, {why}; left out")
    of_kept = agents if not failed else jax.tree.map(lambda leaf: leaf[np.array(kept)], agents)
    return tuple(first + i for i in kept), of_kept


def check_same_world(runs: Sequence[Trained], flags: Mapping[str, Any], anew: bool) -> None:
    """Whether the world that the first run was trained in, with the flags over it, is one for all of them.

    Args:
        runs: the first one's world is taken.
        flags: settings that flags give: in these the runs may differ.
        anew: whether all of the world is given, by a preset or a file.

    Raises:
        UserError: another run was trained in another world; the setting is named.
    """
    first = _world(runs[0].config) if runs and not anew else {}
    for run in runs[1:] if first else ():
        there = _world(run.config)
        for name in {**first, **there}:
            one, other = (_file(w.get(name)) if name in INPUTS else w.get(name) for w in (first, there))
            if one != other and name not in flags:
                flag = f"--{name.replace('_', '-')}" if name.split(".")[0] in (*FIXED, *INPUTS) else f"--{name}"
                raise UserError(
                    f"{run.path}: trained with {name} = {quoted(there.get(name))}, {runs[0].path} with "
                    f"{quoted(first.get(name))}; give the world in which to play them: {flag}, --preset or --config"
                )


def _world(config: RunConfig) -> dict[str, Any]:
    return {
        n: v for n, v in config.values.items() if n not in NOT_OF_THE_WORLD and n.split(".")[0] not in NOT_OF_THE_WORLD
    }


def _file(path: Path | None) -> str | None:
    from eco_jax.files import sha256

    return None if path is None else sha256(path)
