"""Settings from TOML presets and files, and the record of a run's."""

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import tomli_w

from eco_jax.env import PRESETS, EnvConfig
from eco_jax.env.config import Knowledge
from eco_jax.env.params import similar
from eco_jax.errors import UserError, quoted, shown
from eco_jax.files import sha256
from eco_jax.run.config import DECIDES, INPUTS, Physics, RunConfig, flat, with_settings
from eco_jax.run.effect import check_effect
from eco_jax.run.toml import read_toml, typed
from eco_jax.train.config import Hyper, TrainConfig, rollout_of

SEEDS = 2**32
"""Seeds are 0 to this less one: what a key is made of."""


def check_seeds(first: int, count: int = 1) -> None:
    """Seeds `first` to `first + count - 1`: whether a run can have them.

    Raises:
        UserError: `count` is below 1, or one of them is no seed.
    """
    if count < 1:
        raise UserError(f"--seeds {count}: must be at least 1")
    if not 0 <= first <= SEEDS - count:
        of_all = f", as {count} seeds begin there" if count > 1 else ""
        raise UserError(f"--seed {first}: must lie in [0, {SEEDS - count}]{of_all}")


def preset_folders() -> list[Path]:
    """Where run presets lie: in the installed package, and in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return [folder for folder in (package / "presets", package.parent / "experiments" / "presets") if folder.is_dir()]


def preset_names() -> list[str]:
    """All presets: worlds (`env.PRESETS`) and whole runs (TOML files)."""
    files = {path.stem for folder in preset_folders() for path in folder.glob("*.toml")}
    return sorted(files | set(PRESETS))


def from_preset(name: str) -> RunConfig:
    """The settings of a preset by name.

    Raises:
        UserError: no such preset.
    """
    return from_mapping(*_preset(name))


def _preset(name: str) -> tuple[dict[str, Any], str]:
    """What a preset says, and what to call it."""
    for folder in preset_folders():
        path = folder / f"{name}.toml"
        if name in preset_names() and path.is_file():
            return read_toml(path), str(path)
    if name in PRESETS:
        return {"preset": name}, f"preset {name}"
    raise UserError(f"preset {quoted(name)}: must be one of {', '.join(preset_names())}")


def from_toml(path: Path) -> RunConfig:
    """The settings of a TOML file.

    Raises:
        UserError: it cannot be read, or holds an unknown field or a bad value.
    """
    data = read_toml(path)
    data.pop("run", None)  # what `config.toml` records beside the settings
    return from_mapping(data, str(path))


def base(
    preset: str | None = None, file: Path | None = None, inputs: Mapping[str, Path | None] | None = None
) -> RunConfig:
    """What flags go over: a preset, a TOML file or the defaults, with the input files that flags give.

    A trace and sites that are given by flags decide what they decide against a preset, and against what a run has
    recorded; not against a file that somebody wrote.

    Args:
        preset: its name.
        file: instead of a preset.
        inputs: `trace` and `sites`, where there is a flag for it; None takes away what preset or file have.

    Raises:
        UserError: settings contradict each other, or one has no effect, besides all that `from_toml` raises.
    """
    data, where = _preset(preset) if preset else (read_toml(file), str(file)) if file else ({}, "settings")
    written = file is not None and data.pop("run", None) is None
    for name, path in (inputs or {}).items():
        if not written or name in data:
            data = _without(data, DECIDES[name])
        data.pop(name, None)
        data |= {} if path is None else {name: str(path)}
    config = from_mapping(data, where)
    if not written:
        return config.resolved()
    names = {f"{s}.{n}" for s, own in data.items() if isinstance(own, Mapping) for n in own}
    try:
        config = config.resolved(names)
        check_effect(flat(config), flat(RunConfig()), names)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    return config


def over(begun: RunConfig, config: RunConfig, fitting: bool = True) -> RunConfig:
    """What flags made of the settings that they went over, as it runs.

    Args:
        begun: what `base` gave.
        config: the same with the flags' values.
        fitting: a rollout that was left to us is fitted to an episode of another length.

    Raises:
        UserError: a flag contradicts an input file, or has no effect.
    """
    now, before = flat(config), flat(begun)
    changed = [name for name in now if now[name] != before[name]]
    config = config.resolved(changed)
    check_effect(flat(config), flat(RunConfig()), changed)
    usual = begun.train.rollout == rollout_of(begun.env.slots)
    if fitting and usual and "train.rollout" not in changed:
        config = with_settings(config, {"train.rollout": rollout_of(config.env.slots)})
    return config


def _without(data: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A nested mapping without some settings."""
    return {
        section: {n: v for n, v in own.items() if f"{section}.{n}" not in names} if isinstance(own, Mapping) else own
        for section, own in data.items()
    }


def from_mapping(data: Mapping[str, Any], where: str) -> RunConfig:
    """The settings of a nested mapping, over those of its `preset` (a world) if it names one."""
    data = dict(data)
    world = data.pop("preset", "repaired")
    if not isinstance(world, str) or world not in PRESETS:
        raise UserError(f"{where}: preset = {quoted(world)}: must be one of {', '.join(PRESETS)}")
    static = {f.name for f in dataclasses.fields(EnvConfig)}
    sections: dict[str, dict[str, Any]] = {
        "env": {k: v for k, v in PRESETS[world].items() if k in static},
        "physics": {k: v for k, v in PRESETS[world].items() if k not in static},
        "train": {},
        "hyper": {},
    }
    for name in INPUTS:
        if name in data:
            sections = _without(sections, DECIDES[name])
    types = {"env": EnvConfig, "physics": Physics, "train": TrainConfig, "hyper": Hyper}
    chosen: dict[str, Any] = {}
    for name, value in data.items():
        if name in sections:
            if not isinstance(value, Mapping):
                raise UserError(f"{where}: {name}: must be a table of settings")
            sections[name] |= value
        elif name == "knowledge":
            chosen[name] = typed(f"{where}: {name}", Knowledge, value)
        elif name in INPUTS:
            chosen[name] = Path(typed(f"{where}: {name}", str, value))
        else:
            known = ["preset", "knowledge", "trace", "sites", *sections]
            raise UserError(f"{where}: {shown(name)}: unknown setting{similar(shown(name), known)}")
    for section, values in sections.items():
        if section == "train":
            values.setdefault("rollout", rollout_of(chosen["env"].slots))
        chosen[section] = _section(types[section], values, where, section)
    return _made(RunConfig, chosen, where)


def _section(kind: Any, values: Mapping[str, Any], where: str, section: str) -> Any:
    known = {f.name: f.type for f in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            name = shown(name)
            raise UserError(f"{where}: {section}.{name}: unknown setting{similar(name, known)}")
    values = {name: typed(f"{where}: {section}.{name}", known[name], value) for name, value in values.items()}
    return _made(kind, values, where)


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    try:
        return kind(**values)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def to_toml(config: RunConfig, run: Mapping[str, Any]) -> str:
    """The resolved settings, with what else is needed to repeat the run under `[run]`."""
    data = {k: v for k, v in dataclasses.asdict(config).items() if v is not None}
    data |= {name: str(data[name]) for name in ("trace", "sites") if name in data}
    return tomli_w.dumps({**data, "run": dict(run)})


def recorded(path: Path) -> dict[str, Any]:
    """What a run's `config.toml` records beside the settings (`[run]`); nothing where it has no such table.

    Raises:
        UserError: it cannot be read, or what it records is not as a run writes it.
    """
    found = read_toml(path).get("run", {})
    if not isinstance(found, dict):
        raise UserError(f"{path}: run = {found!r}: must be a table")
    for name in ("seed", "seeds"):
        if name in found and type(found[name]) is not int:
            raise UserError(f"{path}: [run] {name} = {found[name]!r}: must be an integer")
    for name in ("id", *(f"{name}_sha256" for name in INPUTS)):
        if not isinstance(found.get(name, ""), str):
            raise UserError(f"{path}: [run] {name} = {found[name]!r}: must be a text")
    try:
        check_seeds(found.get("seed", 0), found.get("seeds", 1))
    except UserError as error:
        raise UserError(f"{path}: [run]: {str(error).replace('--', '')}") from None
    return found


def input_hashes(config: RunConfig) -> dict[str, str]:
    """SHA-256 of each file that the run reads: `trace_sha256`, `sites_sha256`."""
    return {f"{name}_sha256": sha256(path) for name in INPUTS if (path := getattr(config, name)) is not None}


def check_inputs(config: RunConfig, noted: Mapping[str, Any], where: Path) -> None:
    """Whether the files that the run reads are those that it was begun with.

    Args:
        config: settings.
        noted: what `input_hashes` said then, among other things.
        where: the file that says so.

    Raises:
        UserError: one has changed, or cannot be read.
    """
    for name, now in input_hashes(config).items():
        if noted.get(name, now) != now:
            path = getattr(config, name.removesuffix("_sha256"))
            raise UserError(
                f"{path}: is not the file that {where} was made with (SHA-256 {now[:12]}, not {noted[name][:12]})"
            )
