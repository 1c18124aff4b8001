"""The largest kernels of a program by the time that the device spent in them, from JAX's own profile."""

import gzip
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

MOST = 25


class Event(NamedTuple):
    """One execution of a kernel."""

    name: str
    us: float


def profile(run: Callable[[], object]) -> dict[str, Any]:
    """Run something under the profiler: its largest kernels, or what went wrong.

    Returns:
        `device_us`, `launches`, and `kernels`: rows of name, count, us and share; or `error`.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with jax.profiler.trace(folder):
                run()
            events = read(Path(folder))
        except Exception as error:  # whatever a profiler does, the measurements go on
            return {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no word'}"}
    return summary(events) if events else {"error": "the trace holds no kernels"}


def read(folder: Path) -> list[Event]:
    """All kernels of a profile, from the trace for viewers, else from its protocol buffer."""
    for path in folder.rglob("*.trace.json.gz"):
        with gzip.open(path, "rt") as file:
            found = list(of_trace(json.load(file)["traceEvents"]))
        if found:
            return found
    return [event for path in folder.rglob("*.xplane.pb") for event in _of_planes(path)]


def of_trace(events: Iterable[Mapping[str, Any]]) -> Iterable[Event]:
    """Kernels among the events of a trace: what a device's streams ran; on a CPU, operations of compiled programs."""
    events = list(events)
    named = {(e["name"], e["pid"], e.get("tid")): e["args"].get("name", "") for e in events if e.get("ph") == "M"}
    devices = {pid for (kind, pid, _), name in named.items() if kind == "process_name" and "/device:" in name}
    streams = {(p, t) for (kind, p, t), name in named.items() if kind == "thread_name" and name.startswith("Stream")}
    for event in events:
        if event.get("ph") != "X":
            continue
        place = event.get("pid"), event.get("tid")
        operation = event.get("args", {}).get("hlo_op")
        on_device = place in streams if devices else operation is not None and not str(operation).startswith("while")
        if on_device and (not devices or place[0] in devices):
            yield Event(str(event.get("name") or operation), float(event.get("dur", 0.0)))


def _of_planes(path: Path) -> Iterable[Event]:
    if not hasattr(jax.profiler, "ProfileData"):
        return
    for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
        for line in plane.lines:
            if plane.name.startswith("/device:") and line.name.startswith("Stream"):
                yield from (Event(event.name, event.duration_ns / 1e3) for event in line.events)


def summary(events: Iterable[Event]) -> dict[str, Any]:
    """Kernels by their time, those of one name together."""
    spent: Counter[str] = Counter()
    launches: Counter[str] = Counter()
    for event in events:
        spent[event.name] += event.us  # type: ignore[assignment]  # a Counter of floats
        launches[event.name] += 1
    total = sum(spent.values())
    rows = [
        {"name": name, "count": launches[name], "us": round(us, 1), "share": us / total if total else 0.0}
        for name, us in spent.most_common(MOST)
    ]
    return {"device_us": round(total, 1), "launches": sum(launches.values()), "kernels": rows}
