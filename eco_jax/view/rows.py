"""An episode as a table: a row for each controller, slot and user."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eco_jax import metrics as m
from eco_jax.env import EnvParams
from eco_jax.view.players import Played
from eco_jax.view.record import age

FIRST = "controller"
MARK = f"{FIRST},slot,time_s,user,x_m,y_m,data_bit,"
"""How a table of ours begins."""


def columns(played: Played, params: EnvParams) -> dict[str, np.ndarray]:
    """Name with unit -> [slots, users] of one controller. Servers and users are counted from 0; -1: none, or local.

    Args:
        played: a controller's episode.
        params: of the world.
    """
    r = played.record
    slots, users = r.server.shape
    t, user = np.indices((slots, users))
    task, d, out = r.task, r.decision, r.outcome
    executing = np.maximum(r.server, 0)

    def at_server(values: np.ndarray) -> np.ndarray:
        """Of the executing server; not a number where the task is local."""
        return np.where(d.offloaded, values[t, executing], np.nan)

    found: dict[str, Any] = {
        "slot": t,
        "time_s": t * float(params.slot),
        "user": user,
        "x_m": r.position[..., 0],
        "y_m": r.position[..., 1],
        "data_bit": task.data,
        "work_cycles": task.cycles,
        "deadline_s": task.deadline,
        "transmit_power_w": task.power,
        "nearest_server": r.candidates[..., 0],
        "executing_server": r.server,
        "sent_to_server": r.radio,
        "offloading_factor": d.beta,
        "tasks_on_server": np.where(d.offloaded, d.load, 0).astype(int),
        "replica_at_server": r.replica,
        "replica_placed": d.placed.astype(int),
        "migrated": d.migrates.astype(int),
        "migration_s": out.migration,
        "synchronised": d.synced.astype(int),
        "rate_up_bit_per_s": np.where(d.offloaded, r.rate_up, np.nan),
        "rate_down_bit_per_s": np.where(d.offloaded, r.rate_down, np.nan),
        m.LATENCY.column: out.latency,
        "expected_latency_s": r.expected_latency,
        "missed": (out.latency > task.deadline).astype(int),
        m.ENERGY.column: out.energy,
        **{m.energy_term(n).column.replace("/", "_"): v for n, v in out.terms._asdict().items()},
        m.QOE.column: out.qoe,
        **{
            f"{term.metric()}_{term.unit}".replace("/", "_"): v for term, v in zip(params.costs, out.costs, strict=True)
        },
        m.REWARD.column: out.reward,
        "device_true_cycles_per_s": r.devices.true,
        "device_believed_cycles_per_s": r.devices.believed,
        "device_measured_slots_ago": age(r.devices.measured),
        "server_true_cycles_per_s": at_server(r.servers.true),
        "server_believed_cycles_per_s": at_server(r.servers.believed),
        "server_measured_slots_ago": np.where(d.offloaded, age(r.servers.measured)[t, executing], -1),
    }
    return {name: np.broadcast_to(values, (slots, users)) for name, values in found.items()}


def table(episodes: Sequence[Played], params: EnvParams) -> str:
    """The episodes as CSV, six digits of every real number; a cell is empty where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for i, played in enumerate(episodes):
        found = columns(played, params)
        if not i:
            writer.writerow([FIRST, *found])
        cells = [list(_cells(values.reshape(-1))) for values in found.values()]
        writer.writerows([played.name, *row] for row in zip(*cells, strict=True))
    return text.getvalue()


def ours(path: Path) -> bool:
    """Whether a file is a table that this module made."""
    try:
        with path.open("rb") as file:
            return file.read(len(MARK)) == MARK.encode()
    except OSError:
        return False


def _cells(values: np.ndarray) -> Iterator[str]:
    if values.dtype.kind == "f":
        return ("" if np.isnan(x) else f"{x:.6g}" for x in values.tolist())
    return map(str, values.tolist())
