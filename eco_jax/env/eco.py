"""The EcoEdgeTwin environment under the protocol of the training loop, and the way to make one."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from eco_jax.env import core, topology
from eco_jax.env.config import EnvConfig
from eco_jax.env.mobility.trace import as_trace, check
from eco_jax.env.observe import view
from eco_jax.env.params import EnvParams, Knowledge, similar
from eco_jax.env.state import Observation, State, View
from eco_jax.errors import UserError

PRESETS: dict[str, dict[str, Any]] = {
    "repaired": {},
    "printed": {"equations": "printed"},
    "hard-coverage": {"coverage": "hard"},
    "umi": {"pathloss": "umi"},
    "shared-spectrum": {"spectrum": "shared"},
    "cmos": {"cpu_energy": "cmos"},
    "city": {"users": 188, "replica_slots": 8},
    "sparse": {"users": 10, "servers": 100},
    "tiny": {"users": 3, "servers": 6, "slots": 12, "side": 1000},
}
"""Worlds by name: what differs from the default."""


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
    def agents(self) -> int:
        """The users."""
        return self.config.users

    @property
    def fixed_horizon(self) -> int | None:
        """T_max."""
        return self.config.slots

    def reset(self, key: PRNGKeyArray, params: EnvParams) -> tuple[Observation, State]:
        """See `core.reset`."""
        return core.reset(self.config, key, params)

    def step(
        self, key: PRNGKeyArray, state: State, action: Int[Array, "users 4"], params: EnvParams
    ) -> tuple[Observation, State, Float[Array, " users"], Array, Array, dict[str, Any]]:
        """See `core.step`."""
        return core.step(self.config, key, state, action, params)

    def view(self, state: State, params: EnvParams) -> View:
        """What a controller may see, in SI units: see `observe.view`."""
        return view(self.config, state, params)


def make(
    preset: str = "repaired",
    *,
    knowledge: str = "twin",
    sites: np.ndarray | None = None,
    trace: str | os.PathLike[str] | Mapping[str, Any] | Any = None,
    **overrides: Any,
) -> tuple[EcoEnv, EnvParams]:
    """An environment and its parameters.

    Args:
        preset: a key of `PRESETS`.
        knowledge: none, telemetry, twin or truth.
        sites: own server coordinates, m, [servers, 2]; they say how many `servers` there are.
        trace: a prepared trace: its file, what `eco_jax.data.load` gives, or its arrays by name. It decides
            `mobility`, `slot` and `side`.
        overrides: any field of `EnvConfig`, or of `EnvParams` in the units of `EnvParams.specs()`.

    Raises:
        UserError: an unknown name, a value out of range, or one that `sites` or `trace` decides otherwise.
    """
    if preset not in PRESETS:
        raise UserError(f"preset {preset!r}: must be one of {', '.join(PRESETS)}")
    chosen = {**PRESETS[preset], **overrides}
    if sites is not None:
        try:
            sites = np.asarray(sites, np.float32)
        except (ValueError, TypeError):
            raise UserError("sites: must be numbers, rows of x, y in m") from None
        if sites.ndim != 2 or sites.shape[1] != 2 or not np.isfinite(sites).all():
            raise UserError(f"sites: must be finite coordinates in m of shape [servers, 2], not {sites.shape}")
        if chosen.get("servers", len(sites)) != len(sites) and "servers" in overrides:
            raise UserError(f"servers = {chosen['servers']}: there are {len(sites)} sites")
        chosen["servers"] = len(sites)
    if trace is not None:
        trace = _trace_arrays(trace)
        decided: dict[str, Any] = {"mobility": "trace", "slot": float(trace["slot_s"]), "side": float(trace["side_m"])}
        for name, value in decided.items():
            given = overrides.get(name, value)
            if isinstance(given, int | float):
                given = float(np.float32(given))  # as the trace's own numbers are
            if given != value:
                raise UserError(f"{name} = {overrides[name]!r}: the trace decides it, and has {value!r}; leave it out")
        chosen |= decided
    static = {f.name for f in dataclasses.fields(EnvConfig)}
    numeric = EnvParams.specs()
    unknown = [name for name in chosen if name not in static and name not in numeric]
    if unknown:
        raise UserError(f"{unknown[0]}: unknown setting{similar(unknown[0], [*static, *numeric])}")
    config = EnvConfig(**{name: value for name, value in chosen.items() if name in static})
    if config.mobility == "trace" and trace is None:
        raise UserError("env.mobility = 'trace': needs a prepared trace file")
    params = EnvParams.of(**{name: value for name, value in chosen.items() if name in numeric})
    if sites is not None:
        topology.check_sites(sites, float(params.side))
    return EcoEnv(config), dataclasses.replace(
        params,
        knowledge=Knowledge.level(knowledge),
        sites=None if sites is None else jnp.asarray(sites),
        trace=None if trace is None else as_trace(trace, config.slots),
    )


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
