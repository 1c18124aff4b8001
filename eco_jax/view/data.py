"""What the page is given: the episodes in plain units, rounded, as compact JSON."""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eco_jax import metrics as m
from eco_jax.env import EcoEnv, EnvParams, topology
from eco_jax.env.config import SIGHT, Sight
from eco_jax.view.players import Played
from eco_jax.view.record import Speeds, age

FORMAT = 1
"""Of the data; the page's program reads this one."""
STEPS = 2000
"""Steps between 0 and the largest value of a field, at least."""


class Shown(NamedTuple):
    """A metric over the slots of an episode, in a unit that reads well."""

    metric: m.Metric
    unit: str
    scale: float
    """units in one of the metric's"""


SERIES = (
    Shown(m.LATENCY, "ms", 1e3),
    Shown(m.ENERGY, "mJ", 1e3),
    Shown(m.QOE, "", 1.0),
    Shown(m.REWARD, "", 1.0),
)
"""What is drawn over time."""
MISSED = Shown(m.MISS, "%", 100.0)
"""What is told as a number beside them."""
MILLI, GIGA, MEGA = 1e3, 1e-9, 1e-6
KB = 1.0 / 8000.0
"""KB in a bit."""


def series_of(params: EnvParams) -> tuple[Shown, ...]:
    """What is drawn over time in a world: the main metrics, and its own cost terms."""
    own = (term.metric() for term in params.costs)
    return (*SERIES, *(Shown(metric, "" if metric.unit == "-" else metric.unit, 1.0) for metric in own))


def field(values: Any) -> dict[str, Any]:
    """An array as integers and the step that they count: at least `STEPS` of them up to the largest value.

    What is not finite is null. Integers and truth values are kept as they are.
    """
    values = np.asarray(values)
    step = 1.0
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        largest = float(np.abs(finite).max()) if finite.size else 0.0
        step = 10.0 ** math.floor(math.log10(largest / STEPS)) if largest > 0.0 else 1.0
    counts = np.asarray(values, np.float64) / step
    flat = [round(x) if math.isfinite(x) else None for x in counts.reshape(-1).tolist()]
    return {"step": step, "shape": list(values.shape), "values": flat}


def knows(sight: Sight, informed: bool = True) -> str:
    """What a level of knowledge has, in a sentence or two.

    Args:
        sight: of the level.
        informed: whether it changes what the controller does.
    """
    if not informed:
        return "A fixed rule: what is known of the CPUs changes nothing that it does."
    if sight.truth:
        return "Sees the true speed of every CPU, which nobody can: a reference."
    if not sight.telemetry:
        return "Has no twin and measures nothing: it takes every CPU to run at its average speed."
    said = "Remembers the speed that it measured wherever a task ran"
    if sight.foresees:
        said += ", and forecasts who will run where"
    if sight.sync:
        return f"{said}. Its digital twin can be synchronised with a device and its candidate servers, at a price."
    return f"{said}. Has no twin: what it has not used lately it knows little about."


def brief(sight: Sight, informed: bool = True) -> str:
    """The same in a few words."""
    if not informed:
        return "a fixed rule, whatever is known"
    if sight.truth:
        return "sees the true speed of every CPU"
    if not sight.telemetry:
        return "no twin: knows nothing of slow CPUs"
    if sight.sync:
        return "with a digital twin of the CPUs"
    return "no twin: remembers and forecasts" if sight.foresees else "no twin: remembers what it measured"


def _speeds(speeds: Speeds) -> dict[str, Any]:
    """What a controller believes of CPUs, GHz, and since when."""
    return {
        "believed": field(GIGA * speeds.believed),
        "low": field(GIGA * speeds.low),
        "high": field(GIGA * speeds.high),
        "age": field(age(np.asarray(speeds.measured))),
    }


def _player(played: Played, params: EnvParams) -> dict[str, Any]:
    r, sight = played.record, SIGHT[played.level]
    d, out = r.decision, r.outcome
    every = (*series_of(params), MISSED)
    return {
        "name": played.name,
        "level": played.level,
        "knows": knows(sight, played.informed),
        "synchronises": sight.sync,
        "exact": sight.truth,
        "server": field(r.server),
        "radio": field(r.radio),
        "last": field(r.last_server),
        "replica": field(r.replica),
        "factor": field(d.beta),
        "sharing": field(np.where(d.offloaded, d.load, 0.0).astype(int)),
        "migrates": field(d.migrates),
        "placed": field(d.placed),
        "synced": field(d.synced),
        "up": field(MEGA * np.where(d.offloaded, r.rate_up, np.nan)),
        "outcome": {
            str(m.LATENCY): field(MILLI * out.latency),
            "expected": field(MILLI * r.expected_latency),
            "migration": field(MILLI * out.migration),
            str(m.ENERGY): field(MILLI * out.energy),
            "terms": field(MILLI * np.stack(out.terms, axis=-1)),
            str(m.QOE): field(out.qoe),
            str(m.REWARD): field(out.reward),
            "costs": field(np.stack(out.costs, axis=-1)) if out.costs else None,
        },
        "load": field(r.load),
        "refreshed": field(r.synced),
        "devices": _speeds(r.devices),
        "servers": _speeds(r.servers),
        "series": {str(s.metric): field(s.scale * r.metrics[s.metric]) for s in every},
    }


def page_data(episodes: Sequence[Played], env: EcoEnv, params: EnvParams, episode: str) -> dict[str, Any]:
    """All that the page shows.

    Args:
        episodes: one or two controllers on the same episode, in the same world.
        env: the world.
        params: of it.
        episode: which one it is, in words.
    """
    r, config = episodes[0].record, env.config
    sites = np.asarray(topology.sites(config, params), np.float64)
    radius = getattr(params.coverage, "radius", None)
    terms = r.outcome.terms._fields
    return {
        "format": FORMAT,
        "episode": episode,
        "world": {
            "side": float(params.side),
            "slot": float(params.slot),
            "slots": config.slots,
            "users": config.users,
            "servers": config.servers,
            "radius": None if radius is None else float(radius),
            "capacity": min(float(params.equations.capacity(params)), 1e6),
            "sites": [[round(float(x), 1), round(float(y), 1)] for x, y in sites],
        },
        "series": [
            {"key": str(s.metric), "label": s.metric.label, "unit": s.unit, "better": s.metric.better}
            for s in (*series_of(params), MISSED)
        ],
        "terms": list(terms),
        "costs": [{"label": c.metric().label, "unit": c.unit} for c in params.costs],
        "shared": {
            "x": field(r.position[..., 0]),
            "y": field(r.position[..., 1]),
            "data": field(KB * r.task.data),
            "cycles": field(MEGA * r.task.cycles),
            "deadline": field(MILLI * r.task.deadline),
            "candidates": field(r.candidates),
            "device": {"nominal": field(GIGA * r.hardware.device[0]), "true": field(GIGA * r.devices.true)},
            "server": {"nominal": field(GIGA * r.hardware.server[0]), "true": field(GIGA * r.servers.true)},
        },
        "players": [_player(played, params) for played in episodes],
    }


def to_json(data: dict[str, Any]) -> str:
    """The data as a script element may hold it: no text in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
