"""A run's settings, typed and documented, and the world that they make."""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro

from eco_jax.env import EcoEnv, EnvConfig, EnvParams, make
from eco_jax.env.config import Knowledge
from eco_jax.env.topology import check_sites
from eco_jax.errors import UserError, quoted
from eco_jax.run.sites import read_sites
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
    check = {"__post_init__": lambda self: EnvParams.checked(vars(self))}
    return dataclasses.make_dataclass("Physics", made, frozen=True, namespace=check)


Physics: Any = _physics()


INPUTS = ("trace", "sites")
"""Settings that name files which a run reads. A path is relative to the current folder, and recorded absolute."""
DECIDES = {"trace": ("env.mobility", "physics.slot", "physics.side"), "sites": ("env.servers",)}
"""Input file -> the settings that it decides."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run but its seed."""

    knowledge: Knowledge = "twin"
    """What the agent knows of the CPUs' slowdowns: none, telemetry, twin or truth."""
    trace: Path | None = None
    """Prepared trace (`eco-jax data prepare`) to replay as the users' mobility."""
    sites: Path | None = None
    """Own server coordinates: a text file of `x,y` rows, m."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """The training's static settings."""
    hyper: Hyper = field(default_factory=Hyper)
    """The training's hyperparameters."""
    env: EnvConfig = field(default_factory=EnvConfig)
    """The environment's static settings."""
    physics: Annotated[Physics, tyro.conf.Suppress] = field(default_factory=Physics)
    """The model's numbers. Their flags are read by `cli.main.parse`: there are too many to list among the others."""

    def __post_init__(self) -> None:
        for name in INPUTS:  # what is recorded must mean the same file wherever it is read
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, _absolute(name, path))

    def resolved(self, given: Collection[str] = ()) -> "RunConfig":
        """The same, with what the trace (mobility, slot, side) and the sites (servers) decide.

        Args:
            given: settings by their flags' names that somebody gave: these must agree even where they are the default.

        Raises:
            UserError: a setting says otherwise, or a file cannot be read.
        """
        decided: dict[str, tuple[Any, Path]] = {}
        if self.trace is not None:
            trace = _loaded(self.trace, *_stamp(self.trace))
            values = ("trace", float(trace["slot_s"]), float(trace["side_m"]))
            decided |= {name: (value, self.trace) for name, value in zip(DECIDES["trace"], values, strict=True)}
        if self.sites is not None:
            decided["env.servers"] = len(read_sites(self.sites)), self.sites
        now, default = flat(self), flat(RunConfig())
        for name, (value, path) in decided.items():
            if now[name] != value and (name in given or now[name] != default[name]):
                raise UserError(f"{name} = {quoted(now[name])}: {path} has {quoted(value)}, and decides it")
        return with_settings(self, {name: value for name, (value, _) in decided.items()})

    def make(self) -> tuple[EcoEnv, EnvParams]:
        """The environment and its parameters."""
        config = self.resolved()
        trace = None if self.trace is None else _loaded(self.trace, *_stamp(self.trace))
        sites = None if self.sites is None else read_sites(self.sites)
        if sites is not None:
            try:
                check_sites(sites, float(config.physics.side))
            except UserError as error:
                raise UserError(f"{self.sites}: {error}") from None
        static, numbers = dataclasses.asdict(config.env), dataclasses.asdict(config.physics)
        return make(knowledge=self.knowledge, sites=sites, trace=trace, **static, **numbers)


def _absolute(name: str, path: Path) -> Path:
    text = str(path)
    try:
        text.encode()
        if "\0" in text:
            raise ValueError("a path holds no NUL")
        return Path(path).expanduser().absolute()
    except (ValueError, RuntimeError) as error:  # RuntimeError: the home of a user whom there is not
        raise UserError(f"{name} = {quoted(text)}: is no path that can be recorded: {error}") from error


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0  # reading it will say more
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, changed: int, size: int) -> dict[str, Any]:
    """The arrays of a prepared trace; the last one is kept, as every member of a sweep asks for it."""
    from eco_jax.data import load

    return load(path)._asdict()


def with_settings(config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """The same with other values of settings by their flags' names (`env.users`)."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, field_ = name.partition(".")
        sections.setdefault(section, {})[field_] = value
    changed = {name: dataclasses.replace(getattr(config, name), **own) for name, own in sections.items()}
    return dataclasses.replace(config, **changed)


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
