"""The EcoEdgeTwin environment under the protocol of the training loop, and the way to make one."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from eco_jax.env import core, topology
from eco_jax.env.config import STATIC, TWIN, EnvConfig
from eco_jax.env.observe import inputs, view
from eco_jax.env.params import EnvParams, Knowledge
from eco_jax.env.parts import COST, DEFAULTS, Cost, Replay, Rows
from eco_jax.env.parts.mobility.replay import as_trace, check
from eco_jax.env.parts.tasks import as_workload, decided, table_of
from eco_jax.env.protocol import Inputs
from eco_jax.env.sites import OWN, as_sites
from eco_jax.env.state import Observation, State, View
from eco_jax.errors import UserError
from eco_jax.parts import Part, registered, variant
from eco_jax.settings import similar, specs

PRESETS: dict[str, dict[str, Any]] = {
    "repaired": {},
    "printed": {"equations": "printed"},
    "hard-coverage": {"coverage": "hard"},
    "umi": {"pathloss": "umi"},
    "shared-spectrum": {"spectrum": "shared"},
    "cmos": {"energy": "cmos"},
    "city": {"users": 188, "replica_slots": 8},
    "sparse": {"users": 10, "servers": 100},
    "tiny": {"users": 3, "servers": 6, "slots": 12, "side": 1000},
}
"""Worlds by name: what differs from the default."""


# Traced once for each configuration, whatever programs they are in; called outside of one, compiled.
_reset = jax.jit(core.reset, static_argnums=0, inline=True)
_step = jax.jit(core.step, static_argnums=0, inline=True)


@dataclass(frozen=True)
class EcoEnv:
    """45 edge servers and moving users with a digital twin: one environment, to be vmapped."""

    config: EnvConfig = field(default_factory=EnvConfig)

    @property
    def heads(self) -> tuple[int, ...]:
        """Target (0 = local, then the candidates), offloading factor, cache, sync."""
        return self.config.heads

    @property
    def gated(self) -> tuple[bool, ...]:
        """Factor and cache have no effect on a local task."""
        return (False, True, True, False)

    @property
    def inputs(self) -> Inputs:
        """The user's own features, then of each candidate those of it, then its gains."""
        return inputs(self.config)

    @property
    def agents(self) -> int:
        """The users."""
        return self.config.users

    @property
    def fixed_horizon(self) -> int | None:
        """T_max."""
        return self.config.slots

    def reset(self, key: PRNGKeyArray, params: EnvParams) -> tuple[Observation, State]:
        """See `core.reset`."""
        return _reset(self.config, key, params)

    def step(
        self, key: PRNGKeyArray, state: State, action: Int[Array, "users 4"], params: EnvParams
    ) -> tuple[Observation, State, Float[Array, " users"], Array, Array, dict[str, Any]]:
        """See `core.step`."""
        return _step(self.config, key, state, action, params)

    def view(self, state: State, params: EnvParams) -> View:
        """What a controller may see, in SI units: see `observe.view`."""
        return view(state, params)


def make(
    preset: str = "repaired",
    *,
    knowledge: str = TWIN,
    sites: str | os.PathLike[str] | Mapping[str, Any] | Any = None,
    trace: str | os.PathLike[str] | Mapping[str, Any] | Any = None,
    workload: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    costs: Sequence[Cost | str] = (),
    **overrides: Any,
) -> tuple[EcoEnv, EnvParams]:
    """An environment and its parameters.

    Args:
        preset: a key of `PRESETS`.
        knowledge: none, telemetry, forecast, twin or truth.
        sites: own servers: coordinates, m, [servers, 2]; or columns by name, `x` and `y` (m) or `lat` and `lon`
            (degrees), and what each server has of its own, `cpu_ghz`, `coverage_m`, `cache_slots`; or a file of
            these. They say how many `servers` there are. See `env.sites.as_sites`.
        trace: a prepared trace: its file, what `eco_jax.data.load` gives, or its arrays by name. It decides
            `mobility`, `slot` and `side`; how it is replayed may be said all the same, as in
            `mobility=Replay(start="together")`.
        workload: tasks to draw from: columns `data_kb`, `deadline_ms`, and `cycles_per_byte`, `cycles_per_bit` or
            `cycles_per_kilobyte`; or a file of these. It decides `tasks`, and the ranges of all three.
        costs: own cost terms, as objects or by name.
        overrides: any field of `EnvConfig`; any number of `EnvParams`; a part by its kind, as an object
            (`mobility=GaussMarkov(speed=20)`) or by name; a part's own settings by dotted names. All in their units.

    Raises:
        UserError: an unknown name, a value out of range, or one that `sites`, `trace`, `workload` or the equations
            decide otherwise.
    """
    if preset not in PRESETS:
        raise UserError(f"preset {preset!r}: must be one of {', '.join(PRESETS)}")
    chosen = {**PRESETS[preset], **overrides}
    if trace is not None:
        trace = _trace_arrays(trace)
        _decide(chosen, overrides, "trace", of_trace(trace))
    if sites is not None:
        sites = as_sites(_columns(sites, "read_sites"), trace)
        if "servers" in overrides and overrides["servers"] != len(sites.position):
            raise UserError(f"servers = {overrides['servers']}: there are {len(sites.position)} sites")
        _decide(chosen, overrides, "table of sites", sites.decided())
    rows = None if workload is None else as_workload(_columns(workload, "read_workload"))
    if rows is not None:
        _decide(chosen, overrides, "workload", decided(rows, split(chosen)[2]["equations"].density_unit))
    static, numbers, parts = split(chosen)
    config = EnvConfig(**static)
    if isinstance(parts["mobility"], Replay):
        if trace is None:
            raise UserError("mobility = 'trace': needs a prepared trace file")
        together = config.users if parts["mobility"].start == "together" else None
        parts["mobility"] = parts["mobility"].having("trace", as_trace(trace, config.slots, together))
    if isinstance(parts["tasks"], Rows):
        if rows is None:
            raise UserError(f"tasks = {Rows.name!r}: needs a workload file")
        parts["tasks"] = parts["tasks"].having("table", table_of(rows))
    terms = tuple(variant(COST, cost)() if isinstance(cost, str) else cost for cost in costs)
    if len({cost.name for cost in terms}) < len(terms):
        raise UserError(f"costs: {', '.join(cost.name for cost in terms)}: each at most once")
    params = EnvParams.of(**numbers, **parts, costs=terms, knowledge=Knowledge.level(knowledge))
    if sites is None:
        return EcoEnv(config), params
    topology.check_sites(sites.position, float(params.side))
    for column, (*_, name) in OWN.items():
        if column in sites.own and f"physics.{name}" in params.equations.ignores:
            raise UserError(f"sites: {column}: has no effect with equations = {params.equations.name!r}")
    params = params.set(**{name: sites.own[column] for column in sites.own for name in OWN[column]})
    return EcoEnv(config), dataclasses.replace(params, sites=jnp.asarray(sites.position))


def of_trace(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Setting -> what a trace makes of it."""
    return {"mobility": Replay.name, "slot": float(trace["slot_s"]), "side": float(trace["side_m"])}


def _decide(chosen: dict[str, Any], overrides: Mapping[str, Any], what: str, decided: Mapping[str, Any]) -> None:
    """Take over what an input decides.

    Raises:
        UserError: a setting was given, and is another.
    """
    for name, value in decided.items():
        own = name.rpartition(".")[2]
        given = overrides.get(name, overrides.get(own, value))
        if isinstance(given, Part) and isinstance(given, registered(name).get(value, ())):
            value = given  # which may have settings of its own
        elif isinstance(given, int | float) and isinstance(value, int | float):
            given = value if np.float32(given) == np.float32(value) else given  # an input's own numbers are fp32
        if given is not value and given != value:
            raise UserError(f"{name} = {given!r}: the {what} decides it, and has {value!r}; leave it out")
        chosen.pop(own, None)
        chosen[name] = value


def _columns(given: Any, read: str) -> Any:
    """What a file holds, by the reader of this name in `eco_jax.data`; else what is given."""
    if not isinstance(given, str | os.PathLike):
        return given
    from eco_jax import data

    return getattr(data, read)(Path(given))


def split(chosen: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Settings by name as (fields of `EnvConfig`, numbers of `EnvParams`, kind -> part).

    Raises:
        UserError: an unknown name, or a part that the equations do not allow.
    """
    physics = EnvParams.specs()
    own: dict[str, dict[str, Any]] = {kind: {} for kind in DEFAULTS}
    static, numbers, unknown = {}, {}, {}
    for name, value in chosen.items():
        kind, _, field_ = name.partition(".")
        if name in STATIC:
            static[name] = value
        elif name in physics:
            numbers[name] = value
        elif field_ and kind in DEFAULTS:
            own[kind][field_] = value
        elif name not in DEFAULTS:
            unknown[name] = value
    given = {kind: chosen[kind] for kind in DEFAULTS if kind in chosen}
    equations = given.get("equations", DEFAULTS["equations"].name)
    reading = variant("equations", equations) if isinstance(equations, str) else type(equations)
    for kind, name in reading.decides.items():
        there = given.setdefault(kind, name)
        if (there if isinstance(there, str) else there.name) not in (name, DEFAULTS[kind].name):
            raise UserError(f"{kind} = {there!r:.60}: equations = {reading.name!r} has {name!r}")
        if isinstance(there, str):
            given[kind] = name
    types = {kind: _type(kind, given.get(kind, default.name)) for kind, default in DEFAULTS.items()}
    for name, value in unknown.items():  # a part's own setting by its plain name, where only one part has it
        owners = [kind for kind, made in types.items() if name in specs(made)]
        if len(owners) != 1:
            known = [*STATIC, *physics, *DEFAULTS, *(f"{k}.{n}" for k, made in types.items() for n in specs(made))]
            raise UserError(f"{name}: unknown setting{similar(name, known)}")
        own[owners[0]][name] = value
    parts = {}
    for kind, made in types.items():
        there = given.get(kind)
        if isinstance(there, Part):
            parts[kind] = there.set(**own[kind]) if own[kind] else there
        else:
            parts[kind] = made(**own[kind])
    return static, numbers, parts


def _type(kind: str, given: Any) -> Any:
    if isinstance(given, Part):
        if given.kind != kind:
            raise UserError(f"{kind}: must be a part of this kind, not {given!r:.80}")
        return type(given)
    return variant(kind, given)


def _trace_arrays(trace: Any) -> Mapping[str, Any]:
    """The arrays of a prepared trace, by name."""
    if isinstance(trace, str | os.PathLike):
        from eco_jax.data import load

        trace = load(os.fspath(trace))
    if hasattr(trace, "_asdict"):
        trace = trace._asdict()
    if not isinstance(trace, Mapping):
        raise UserError(
            f"trace: must be a prepared file, what `eco_jax.data.load` gives, or its arrays by name, "
            f"not {type(trace).__name__}"
        )
    return check(trace)
