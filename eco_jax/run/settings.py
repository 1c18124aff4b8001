"""Settings from TOML presets and files, and the record of a run's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from eco_jax import plugins
from eco_jax.env import PRESETS, EnvParams
from eco_jax.env.config import STATIC
from eco_jax.env.parts import COST
from eco_jax.env.parts import DEFAULTS as WORLD
from eco_jax.errors import UserError, quoted
from eco_jax.files import sha256
from eco_jax.run.config import CHOSEN, FIXED, INPUTS, PLAIN, RunConfig, Values, listed, resolve, sections
from eco_jax.run.toml import add, read_toml
from eco_jax.settings import SEEDS, specs

OLD = {"hyper": None, "train": "algorithm", "env": "mobility"}
"""Tables, and settings of tables, that only files of eco_jax 0.1 have."""


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
    return resolve({}, preset(name))


def preset(name: str) -> dict[str, Any]:
    """What a preset says: settings by their flags' names.

    Raises:
        UserError: no such preset.
    """
    for folder in preset_folders():
        path = folder / f"{name}.toml"
        if name in preset_names() and path.is_file():
            return flat(read_toml(path), str(path))
    if name in PRESETS:
        return world(name)
    raise UserError(f"preset {quoted(name)}: must be one of {', '.join(preset_names())}")


def world(name: Any, where: str = "") -> dict[str, Any]:
    """What a world by name (`env.PRESETS`) says, by the names of flags.

    Raises:
        UserError: no such world.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise UserError(f"{where}preset = {quoted(name)}: must be one of {', '.join(PRESETS)}")
    return by_flags(PRESETS[name])


def by_flags(values: Values, usual: Values | None = None) -> dict[str, Any]:
    """Settings by the names that `eco_jax.make` takes, by those of their flags.

    Args:
        values: they may name a part's own setting without the part, where only one has it.
        usual: what they go over: it says which parts are chosen where they do not.
    """
    chosen = sections({**(usual or {}), **{name: value for name, value in values.items() if name in CHOSEN}})

    def named(name: str) -> str:
        if "." in name or name in CHOSEN or name in PLAIN:
            return name
        if name in STATIC or name in EnvParams.specs():
            return f"env.{name}" if name in STATIC else f"physics.{name}"
        owners = [kind for kind in WORLD if name in specs(chosen[kind])]
        return f"{owners[0]}.{name}" if len(owners) == 1 else name

    return {named(name): value for name, value in values.items()}


def from_toml(path: Path) -> RunConfig:
    """The settings of a TOML file.

    Raises:
        UserError: it cannot be read, or holds an unknown setting or a bad value.
    """
    data = read_toml(path)
    data.pop("run", None)  # what `config.toml` records beside the settings
    return from_mapping(data, str(path))


def from_mapping(data: Mapping[str, Any], where: str) -> RunConfig:
    """The settings of a nested mapping, over those of its `preset` (a world) if it names one.

    Raises:
        UserError: an unknown setting, or a bad value; `where` begins the message.
    """
    data = dict(data)
    usual = world(data.pop("preset"), f"{where}: ") if "preset" in data else {}
    given = flat(data, where)
    try:
        return resolve(given, usual)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def flat(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A nested mapping, as TOML has it, as settings by their flags' names.

    A kind of part is a word (`mobility = "waypoint"`), or a table with the word as its `kind`.

    Raises:
        UserError: what should be a table is none, or the other way round, one is there twice, or of an older version.
    """
    found, usual = dict[str, Any](), dict[str, Any]()
    for table, old in OLD.items():
        if isinstance(data.get(table), Mapping) and (old is None or old in data[table]):
            name = f"[{table}]" if old is None else f"{table}.{old}"
            raise UserError(f"{where}: {name}: a file of eco_jax 0.1, whose settings have other names: 0.1.0 reads it")
    for section, value in data.items():
        more: dict[str, Any] = {}
        if section == "preset":
            usual = world(value, f"{where}: ")
        elif section == COST and isinstance(value, Mapping):
            more[COST] = tuple(value)
            for name, own in value.items():
                if not isinstance(own, Mapping):
                    raise UserError(f"{where}: {COST}.{name}: must be a table of settings")
                more |= {f"{COST}.{name}.{n}": v for n, v in own.items()}
        elif section in FIXED and not isinstance(value, Mapping):
            raise UserError(f"{where}: {section}: must be a table of settings")
        elif isinstance(value, Mapping) and section not in PLAIN:
            own = dict(value)
            if section in CHOSEN and "kind" in own:
                more[section] = own.pop("kind")
            elif not own and section not in (*FIXED, *CHOSEN):
                more[section] = value
            more |= {f"{section}.{name}": v for name, v in own.items()}
        else:
            more[section] = value  # `resolve` says whether there is such a setting, and whether it may be so
        add(found, more, where)
    return usual | found


def nested(config: RunConfig) -> dict[str, Any]:
    """The inverse of `flat`: all settings as TOML has them."""
    data: dict[str, Any] = {}
    for name, value in config.values.items():
        value = [str(v) if isinstance(v, Path) else v for v in value] if isinstance(value, tuple) else value
        if value is None or name == COST or (name == "plugins" and not value):
            continue
        if name in CHOSEN:
            data.setdefault(name, {})["kind"] = value
            continue
        *path, last = name.split(".")
        table = data
        for step in path:
            table = table.setdefault(step, {})
        table[last] = str(value) if isinstance(value, Path) else value
    for name in config.values[COST]:
        data.setdefault(COST, {}).setdefault(name, {})
    return data


def base(preset_name: str | None = None, file: Path | None = None) -> tuple[dict[str, Any], dict[str, Any], str]:
    """What flags go over: a preset, a TOML file or nothing.

    Args:
        preset_name: its name.
        file: instead of a preset.

    Returns:
        (given, usual, where) for `resolve`. What somebody wrote into a file is given, and must agree with itself and
        with flags; a preset, or what a run has recorded, yields.

    Raises:
        UserError: what is named cannot be taken.
    """
    if preset_name:
        return {}, preset(preset_name), ""
    if file is None:
        return {}, {}, ""
    data = read_toml(file)
    if data.pop("run", None) is not None:
        return {}, _with_plugins(flat(data, str(file)), recorded(file), file), str(file)
    usual = world(data.pop("preset"), f"{file}: ") if "preset" in data else {}
    return flat(data, str(file)), usual, str(file)


def _with_plugins(values: dict[str, Any], noted: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """What a run has recorded, its plug-ins where they were loaded from now: what a folder names is never executed.

    Raises:
        UserError: one has not been loaded, or another file of its name; its hash is named.
    """
    try:
        names = listed("plugins", values.get("plugins", ()))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    digests = noted.get("plugins_sha256", "").split()
    if len(digests) != len(names):
        raise UserError(f"{where}: plugins: {len(names)} files, and {len(digests)} hashes in [run] plugins_sha256")
    for name, digest in zip(names, digests, strict=True):
        if digest not in plugins.LOADED:
            for other in (d for d, there in plugins.LOADED.items() if there.name == Path(name).name):
                raise UserError(f"{plugins.LOADED[other]}: {_another(where, other, digest)}")
            raise UserError(f"{where}: needs the plug-in {name} (SHA-256 {digest[:12]}): name it with --plugin")
    return values if not names else {**values, "plugins": tuple(str(plugins.LOADED[digest]) for digest in digests)}


def _another(where: Path, new: str, old: str) -> str:
    return f"is not the file that {where} was made with (SHA-256 {new[:12]}, not {old[:12]})"


def to_toml(config: RunConfig, run: Mapping[str, Any]) -> str:
    """The resolved settings, with what else is needed to repeat the run under `[run]`."""
    return tomli_w.dumps({**nested(config), "run": dict(run)})


def recorded(path: Path) -> dict[str, Any]:
    """What a run's `config.toml` records beside the settings (`[run]`); nothing where it has no such table.

    Raises:
        UserError: it cannot be read, or what it records is not as a run writes it.
    """
    found = read_toml(path).get("run", {})
    if not isinstance(found, dict):
        raise UserError(f"{path}: run = {quoted(found)}: must be a table")
    for name in ("seed", "seeds"):
        if name in found and type(found[name]) is not int:
            raise UserError(f"{path}: [run] {name} = {quoted(found[name])}: must be an integer")
    for name in ("id", *(f"{name}_sha256" for name in (*INPUTS, "plugins"))):
        if not isinstance(found.get(name, ""), str):
            raise UserError(f"{path}: [run] {name} = {quoted(found[name])}: must be a text")
    try:
        check_seeds(found.get("seed", 0), found.get("seeds", 1))
    except UserError as error:
        raise UserError(f"{path}: [run]: {str(error).replace('--', '')}") from None
    return found


def input_hashes(config: RunConfig) -> dict[str, str]:
    """SHA-256 of each file that the run reads: `trace_sha256`, `sites_sha256`; of its plug-ins as they were loaded."""
    found = {f"{name}_sha256": sha256(path) for name in INPUTS if (path := config.values[name]) is not None}
    files = config.values["plugins"]
    return found | ({"plugins_sha256": " ".join(map(plugins.digest_of, files))} if files else {})


def check_inputs(config: RunConfig, noted: Mapping[str, Any], where: Path) -> None:
    """Whether the files that the run reads are those that it was begun with.

    Args:
        config: settings.
        noted: what `input_hashes` said then, among other things.
        where: the file that says so.

    Raises:
        UserError: one has changed, or cannot be read.
    """
    here = input_hashes(config)
    for name in INPUTS:
        now = here.get(f"{name}_sha256", "")
        then = noted.get(f"{name}_sha256", now)
        if now and then != now:
            raise UserError(f"{config.values[name]}: {_another(where, now, then)}")


def check_plugins(config: RunConfig, noted: Mapping[str, Any], where: Path) -> None:
    """Whether a run has the plug-ins that it was begun with, and no other; a `UserError` says which it has not."""
    then, now = noted.get("plugins_sha256", "").split(), map(plugins.digest_of, config.values["plugins"])
    for path, digest in zip(config.values["plugins"], now, strict=True):
        if digest not in then:
            gone = [old for old in then if old not in map(plugins.digest_of, config.values["plugins"])]
            new = f"a plug-in that {where} was made without: leave it out"
            raise UserError(f"{path}: {_another(where, digest, gone[0]) if gone else new}")
