"""A run's settings: one flat table by the names of their flags, checked as a whole; and the world that they make.

Every setting has a dotted name, as `physics.side` or `mobility.speed_max`. The first part is its section: one of the
fixed ones, or a kind of part, whose plain name (`mobility`) says which variant is chosen. What settings there are
follows from what is chosen, and stands where each thing is declared.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eco_jax.agent.algorithms import DEFAULTS as AGENT
from eco_jax.env import KNOWLEDGE, EcoEnv, EnvConfig, EnvParams, make
from eco_jax.env.config import TWIN
from eco_jax.env.parts import COST, Replay, Rows
from eco_jax.env.parts import DEFAULTS as WORLD
from eco_jax.env.topology import check_sites
from eco_jax.errors import UserError, in_words, quoted, shown
from eco_jax.parts import registered, variant
from eco_jax.plugins import place
from eco_jax.run.inputs import INPUTS, absolute, decided, sites_of, trace_of, workload_of, yield_to
from eco_jax.settings import Spec, check, similar, specs
from eco_jax.train.config import TrainConfig, rollout_of

FIXED: dict[str, Any] = {"train": TrainConfig, "env": EnvConfig, "physics": EnvParams}
"""Section -> the class that declares its settings."""
CHOSEN: dict[str, Any] = {**AGENT, **WORLD}
"""Kind -> its usual variant: a run has one of each."""
PLAIN = ("knowledge", *INPUTS, "plugins", COST)
"""Settings that belong to no section."""
Values = Mapping[str, Any]
"""Setting -> value, in its unit."""


@dataclass(frozen=True)
class RunConfig:
    """Everything that defines a run but its seed: every setting by its flag's name, as checked by `resolve`."""

    values: Values

    def __hash__(self) -> int:
        return hash(tuple(self.values.items()))

    def own(self, section: str) -> dict[str, Any]:
        """The settings of a section by their own names."""
        return {n.removeprefix(f"{section}."): v for n, v in self.values.items() if n.startswith(f"{section}.")}

    def section_of(self, section: str) -> Any:
        """The class that declares a section's settings."""
        return FIXED.get(section) or variant(section, self.values[section])

    @property
    def knowledge(self) -> str:
        """What the agent knows of the CPUs' slowdowns."""
        return str(self.values["knowledge"])

    @property
    def train(self) -> TrainConfig:
        """The training's static settings."""
        return TrainConfig(**self.own("train"))

    @property
    def env(self) -> EnvConfig:
        """The environment's static settings."""
        return EnvConfig(**self.own("env"))

    @property
    def trace(self) -> Path | None:
        """Prepared trace to replay as the users' mobility."""
        return self.values["trace"]

    @property
    def sites(self) -> Path | None:
        """Own servers: a table of coordinates, and of what each of them can do."""
        return self.values["sites"]

    def algorithm(self) -> Any:
        """The learning algorithm with its network."""
        network = self.section_of("network")(**self.own("network"))
        return self.section_of("algorithm")(network=network, **self.own("algorithm"))

    def make(self) -> tuple[EcoEnv, EnvParams]:
        """The environment and its parameters.

        Raises:
            UserError: there is no such world, or a file cannot be read.
        """
        trace = None if self.trace is None else trace_of(self.trace)
        sites, workload = self.sites, self.values["workload"]
        servers = None if sites is None else sites_of(sites, self.trace)
        if servers is not None:
            try:
                check_sites(servers.position, float(self.values["physics.side"]))
            except UserError as error:
                raise UserError(f"{self.sites}: {error}") from None
        parts = {kind: self.section_of(kind)(**self.own(kind)) for kind in WORLD}
        costs = [variant(COST, name)(**self.own(f"{COST}.{name}")) for name in self.values[COST]]
        return make(
            knowledge=self.knowledge, sites=servers, trace=trace, costs=costs,
            workload=None if workload is None else workload_of(workload), **self.own("env"), **self.own("physics"),
            **parts,
        )  # fmt: skip

    def static(self) -> tuple[Any, ...]:
        """What two configurations must share to be trained by one program: all but traced numbers and knowledge."""
        known = specs_of(self.values)
        return tuple((n, v) for n, v in self.values.items() if n != "knowledge" and (n not in known or known[n].static))

    def but(self, **sections: Any) -> "RunConfig":
        """The same with other values, checked: `config.but(train={"updates": 5}, knowledge="none")`."""
        changes: dict[str, Any] = {}
        for name, value in sections.items():
            changes |= {f"{name}.{n}": v for n, v in value.items()} if isinstance(value, Mapping) else {name: value}
        return changed(self, changes)


def sections(values: Values) -> dict[str, Any]:
    """Section -> the class that declares its settings, as the values choose.

    Raises:
        UserError: a part that there is not.
    """
    kinds = {kind: variant(kind, values.get(kind, usual.name)) for kind, usual in CHOSEN.items()}
    costs = {f"{COST}.{name}": variant(COST, name) for name in listed(COST, values.get(COST, ()))}
    return {**FIXED, **kinds, **costs}


def specs_of(values: Values) -> dict[str, Spec]:
    """Setting -> what is known about it, for all sections that the values choose."""
    return {f"{s}.{name}": spec for s, kind in sections(values).items() for name, spec in specs(kind).items()}


def default() -> RunConfig:
    """The settings where nothing is given."""
    return resolve({})


def changed(config: RunConfig, values: Values) -> RunConfig:
    """The same with other values of settings by their flags' names."""
    return resolve(values, config.values)


def resolve(given: Values, usual: Values | None = None) -> RunConfig:
    """All settings of a run, from those that are given.

    Args:
        given: setting -> value. They must agree with each other, with the files among them and with the equations.
        usual: what they go over: of a preset, or what a run has recorded. It yields where they say otherwise, and where
            a file or a part among them leaves it no place.

    Raises:
        UserError: a setting is unknown, not allowed, without effect, or contradicts another one.
    """
    values = {**yielding(given, usual or {}), **given}
    plain = _plain(values)
    values |= plain

    def unit() -> str:
        own = {name: value for name, value in values.items() if name.startswith("equations.")}
        kind = variant("equations", values.get("equations", CHOSEN["equations"].name))
        return str(kind(**{name.partition(".")[2]: value for name, value in own.items()}).density_unit)

    for name, (value, where) in decided(plain, unit).items():
        if name in given and given[name] != value:
            raise UserError(f"{name} = {quoted(given[name])}: {where} has {quoted(value)}, and decides it")
        values[name] = value
    if values.get("mobility") == "trace" and plain["trace"] is None:
        raise UserError("mobility = 'trace': needs a prepared trace file")
    if values.get(Rows.kind) == Rows.name and plain["workload"] is None:
        raise UserError(f"{Rows.kind} = {Rows.name!r}: needs a workload file")
    reading = variant("equations", values.get("equations", CHOSEN["equations"].name))
    for kind, name in reading.decides.items():
        if values.get(kind, name) not in (name, CHOSEN[kind].name):
            raise UserError(f"{kind} = {quoted(values[kind])}: equations = {reading.name!r} has {name!r}")
        values[kind] = name
    chosen = sections(values)
    known = {f"{section}.{name}" for section, kind in chosen.items() for name in specs(kind)}
    for name in values:
        if name not in known and name not in PLAIN and name not in CHOSEN:
            raise UserError(f"{shown(name)}: unknown setting{hint(name, known)}")
    full = dict(plain)
    for section, kind in chosen.items():
        if section in CHOSEN:
            full[section] = kind.name
        own = {n: values[f"{section}.{n}"] for n in specs(kind) if f"{section}.{n}" in values}
        full |= {f"{section}.{name}": value for name, value in check(kind, section, own).items()}
    if "train.rollout" not in values:
        full["train.rollout"] = rollout_of(full["env.slots"])
    for name in reading.ignores:
        if name in given and name in known and full[name] != specs_of(full)[name].default:
            raise UserError(f"{name} = {quoted(given[name])}: has no effect with equations = {reading.name!r}")
    return RunConfig(full)


def yielding(given: Values, usual: Values, files: bool = True) -> dict[str, Any]:
    """Of the usual values those that still have a place beside the given ones (`files`: beside those files, too)."""
    gone = {name for file in INPUTS if files and file in given for name in yield_to(file, given, usual)}
    gone |= {kind for kind in CHOSEN if kind in given}
    if "equations" in given:
        readings = registered("equations")
        for name in (given["equations"], usual.get("equations")):
            gone |= set(readings[name].decides) if isinstance(name, str) and name in readings else set()
    same = {kind for kind in gone if kind in given and given[kind] == usual.get(kind, _usual_name(kind))}
    if given.get("trace") is not None and usual.get(Replay.kind) == Replay.name:
        same.add(Replay.kind)  # one trace for another
    slots = usual.get("env.slots")
    if slots is not None and given.get("env.slots", slots) != slots and usual.get("train.rollout") == rollout_of(slots):
        gone.add("train.rollout")  # it was fitted to an episode of another length
    costs = {f"{COST}.{name}" for name in listed(COST, given.get(COST, usual.get(COST, ())))}

    def stays(name: str) -> bool:
        section = name.rpartition(".")[0]
        if section.startswith(f"{COST}."):
            return section in costs
        return name not in gone and (section not in gone or section in same)

    return {name: value for name, value in usual.items() if stays(name)}


def _usual_name(kind: str) -> str | None:
    return CHOSEN[kind].name if kind in CHOSEN else None


def _plain(values: Values) -> dict[str, Any]:
    """The settings that belong to no section."""
    knowledge = values.get("knowledge", TWIN)
    if knowledge not in KNOWLEDGE:
        raise UserError(f"knowledge = {quoted(knowledge)}: must be one of {', '.join(KNOWLEDGE)}")
    files = {name: None if values.get(name) is None else absolute(name, values[name]) for name in INPUTS}
    costs = listed(COST, values.get(COST, ()))
    if len(set(costs)) < len(costs):
        raise UserError(f"{COST} = {quoted(list(costs))}: each at most once")
    for name in costs:
        variant(COST, name)
    loaded: dict[Path, None] = {}
    for path in (absolute("plugins", path) for path in listed("plugins", values.get("plugins", ()))):
        there = place(path)
        if there is None:
            raise UserError(f"{path}: a plug-in that is not loaded; name it with --plugin")
        loaded[there] = None
    found = {"knowledge": knowledge, **files, "plugins": tuple(loaded), COST: costs}
    return {name: found[name] for name in PLAIN}


def listed(name: str, value: Any) -> tuple[Any, ...]:
    """The value of a setting that is a list of names; one alone may stand without brackets.

    Raises:
        UserError: it is none.
    """
    value = [value] if isinstance(value, str | Path) else value
    if not isinstance(value, list | tuple) or not all(isinstance(v, str | Path) for v in value):
        raise UserError(f"{name} = {quoted(value)}: must be a list of names")
    return tuple(value)


def hint(name: str, known: Collection[str]) -> str:
    """What may have been meant by the name of a setting.

    Args:
        name: which is none of them.
        known: settings that there are.
    """
    section, _, own = name.rpartition(".")
    if section in CHOSEN:
        owners = [repr(v) for v, kind in registered(section).items() if own in specs(kind)]
        if owners:
            return f"; {section} = {in_words(owners)} has it"
    cost = section.removeprefix(f"{COST}.")
    if cost in registered(COST) and f"{section}.weight" not in known:
        return f"; it needs {COST} = {cost!r}"
    if own in CHOSEN or own in PLAIN:
        return f"; did you mean {own}?"
    same = [other for other in known if other.rpartition(".")[2] == own]
    if same:
        return f"; did you mean {' or '.join(same)}?"
    elsewhere = [f"{k}.{own} of {k} = {v!r}" for k in CHOSEN for v, kind in registered(k).items() if own in specs(kind)]
    if elsewhere:
        return f"; did you mean {' or '.join(elsewhere)}?"
    inside = [other.removeprefix(f"{section}.") for other in known if section and other.startswith(f"{section}.")]
    if not inside:
        return similar(shown(name), [*PLAIN, *FIXED, *CHOSEN])
    if difflib.get_close_matches(own, inside) or len(inside) <= 20:
        return similar(shown(own), inside)
    return f"; `eco-jax train --help` and `--help-physics` list those of {section}"
