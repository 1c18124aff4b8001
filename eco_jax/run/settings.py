"""A run's settings: typed, documented, from TOML presets and flags."""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import tomli_w
import tyro

from eco_jax.env import PRESETS, EcoEnv, EnvConfig, EnvParams, make
from eco_jax.env.config import Knowledge, check_type
from eco_jax.env.params import similar
from eco_jax.errors import UserError
from eco_jax.files import sha256
from eco_jax.train.config import Hyper, TrainConfig


def _physics() -> type:
    """A dataclass of the model's numbers in the units that users give, made from the table in `env.params`."""
    made = [
        (
            name,
            Annotated[float, tyro.conf.arg(help=f"{s.doc} ({s.symbol + ', ' if s.symbol else ''}{s.source}), "
                                                f"{s.unit}, {s.low:g} to {s.high:g}")],
            s.default,
        )
        for name, s in EnvParams.specs().items()
    ]  # fmt: skip
    return dataclasses.make_dataclass("Physics", made, frozen=True)


Physics: Any = _physics()


INPUTS = ("trace", "sites")
"""Settings that name files which a run reads. A path is relative to the current folder, and recorded absolute."""
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
        of_all = f", with --seeds {count}" if count > 1 else ""
        raise UserError(f"--seed {first}: must lie in [0, {SEEDS - count}]{of_all}")


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run but its seed."""

    knowledge: Knowledge = "twin"
    """What the agent knows of the CPUs' slowdowns: none, telemetry, twin or truth."""
    trace: Path | None = None
    """Prepared trace (`eco-jax data prepare`) to replay as the users' mobility."""
    sites: Path | None = None
    """Own server coordinates: a text file of `x,y` rows, m."""
    env: EnvConfig = field(default_factory=EnvConfig)
    """The environment's static settings."""
    physics: Physics = field(default_factory=Physics)
    """The model's numbers."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """The training's static settings."""
    hyper: Hyper = field(default_factory=Hyper)
    """The training's hyperparameters."""

    def __post_init__(self) -> None:
        for name in INPUTS:  # what is recorded must mean the same file wherever it is read
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path).expanduser().absolute())

    def make(self, read: Mapping[str, Any] | None = None) -> tuple[EcoEnv, EnvParams]:
        """The environment and its parameters; `read`: what `read_inputs` gave before, to read no file again."""
        static, numbers = dataclasses.asdict(self.env), dataclasses.asdict(self.physics)
        inputs = self.read_inputs() if read is None else read
        if inputs["sites"] is not None:
            static["servers"] = len(inputs["sites"])
        return make(knowledge=self.knowledge, **inputs, **static, **numbers)

    def read_inputs(self) -> dict[str, Any]:
        """What the files `trace` and `sites` hold, None where none is given.

        Raises:
            UserError: one cannot be read.
        """
        import numpy as np

        from eco_jax.data import load

        sites = None
        if self.sites is not None:
            try:
                sites = np.loadtxt(self.sites, delimiter=",", ndmin=2)
            except (OSError, ValueError) as error:
                raise UserError(f"{self.sites}: cannot be read as rows of x,y in m: {error}") from error
        return {"sites": sites, "trace": None if self.trace is None else load(self.trace)._asdict()}


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
    for folder in preset_folders():
        path = folder / f"{name}.toml"
        if path.is_file():
            return from_toml(path)
    if name in PRESETS:
        return from_mapping({"preset": name}, f"preset {name}")
    raise UserError(f"preset {name!r}: must be one of {', '.join(preset_names())}")


def from_toml(path: Path) -> RunConfig:
    """The settings of a TOML file.

    Raises:
        UserError: it cannot be read, or holds an unknown field or a bad value.
    """
    data = read_toml(path)
    data.pop("run", None)  # what `config.toml` records beside the settings
    return from_mapping(data, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        UserError: it cannot be read, or is none.
    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from error


def from_mapping(data: Mapping[str, Any], where: str) -> RunConfig:
    """The settings of a nested mapping, over those of its `preset` (a world) if it names one."""
    data = dict(data)
    world = data.pop("preset", "repaired")
    if world not in PRESETS:
        raise UserError(f"{where}: preset = {world!r}: must be one of {', '.join(PRESETS)}")
    static = {f.name for f in dataclasses.fields(EnvConfig)}
    sections: dict[str, dict[str, Any]] = {
        "env": {k: v for k, v in PRESETS[world].items() if k in static},
        "physics": {k: v for k, v in PRESETS[world].items() if k not in static},
        "train": {},
        "hyper": {},
    }
    types = {"env": EnvConfig, "physics": Physics, "train": TrainConfig, "hyper": Hyper}
    chosen: dict[str, Any] = {}
    for name, value in data.items():
        if name in sections:
            if not isinstance(value, Mapping):
                raise UserError(f"{where}: {name}: must be a table of settings")
            sections[name] |= value
        elif name == "knowledge":
            if value not in get_args(Knowledge):
                raise UserError(f"{where}: knowledge = {value!r}: must be one of {', '.join(get_args(Knowledge))}")
            chosen[name] = value
        elif name in ("trace", "sites"):
            chosen[name] = Path(_typed(f"{where}: {name}", str, value))
        else:
            known = ["preset", "knowledge", "trace", "sites", *sections]
            raise UserError(f"{where}: {name}: unknown setting{similar(name, known)}")
    for section, values in sections.items():
        chosen[section] = _section(types[section], values, where, section)
    return RunConfig(**chosen)


def _section(kind: Any, values: Mapping[str, Any], where: str, section: str) -> Any:
    known = {f.name: f.type for f in dataclasses.fields(kind)}
    for name in values:
        if name not in known:
            raise UserError(f"{where}: {section}.{name}: unknown setting{similar(name, known)}")
    typed = {name: _typed(f"{where}: {section}.{name}", known[name], value) for name, value in values.items()}
    try:
        return kind(**typed)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _typed(where: str, kind: Any, value: Any) -> Any:
    """The value as its field's type, or an error that names both."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        check_type(where, kind, value)
        return value
    if get_origin(kind) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
            return tuple(float(v) for v in value)
        raise UserError(f"{where} = {value!r}: must be a list of numbers")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is float and number:
        return float(value)
    if kind is int and number and value == int(value):
        return int(value)
    if kind is float:
        raise UserError(f"{where} = {value!r}: must be a number")
    check_type(where, kind, value)
    return value


def to_toml(config: RunConfig, run: Mapping[str, Any]) -> str:
    """The resolved settings, with what else is needed to repeat the run under `[run]`."""
    data = {k: v for k, v in dataclasses.asdict(config).items() if v is not None}
    data |= {name: str(data[name]) for name in ("trace", "sites") if name in data}
    return tomli_w.dumps({**data, "run": dict(run)})


def recorded(path: Path) -> dict[str, Any]:
    """What a run's `config.toml` records beside the settings (`[run]`); nothing where there is none."""
    try:
        found = tomllib.loads(path.read_text()).get("run", {})
    except (OSError, tomllib.TOMLDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


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


def flat(config: RunConfig) -> dict[str, Any]:
    """All settings by their flags' names: `physics.sync_energy` -> value."""
    found: dict[str, Any] = {}
    for field_ in dataclasses.fields(config):
        value = getattr(config, field_.name)
        if dataclasses.is_dataclass(value):
            found |= {f"{field_.name}.{f.name}": getattr(value, f.name) for f in dataclasses.fields(value)}
        else:
            found[field_.name] = value
    return found
