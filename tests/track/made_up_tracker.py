"""Trackers of one's own, as files: one that keeps what it is given, and others that fail."""

import json

import polars as pl

SOURCE = '''"""A tracker that writes down what it is told, and may fail."""

import json
import os
import time

from eco_jax.parts import register
from eco_jax.track import Tracker


@register("tracker", "{name}")
class Own(Tracker):
    """JSON lines in a file."""

    def begin(self, run):
        {begin}
        self._write(begin=run.name, id=run.id, done=run.done, entropy=run.settings.get("algorithm.entropy"))
        return "own-1"

    def log(self, rows):
        {log}
        self._write(rows=[[step, dict(values)] for step, values in rows])

    def members(self, rows):
        self._write(members=len(rows))

    def end(self):
        {end}
        self._write(end=True)

    def told(self):
        return "look at " + self.place

    def _write(self, **what):
        print("a tracker may print")
        os.makedirs(self.place, exist_ok=True)
        with open(self.place + "/told.jsonl", "a") as file:
            file.write(json.dumps(what) + "\\n")
'''


def write(path, name="made-up", **fails):
    """The file of a tracker; `fails`: method -> what it does instead of working."""
    steps = {"begin": "pass", "log": "pass", "end": "pass"} | fails
    path.write_text(SOURCE.format(name=name, **steps))
    return path


def sweep(out):
    """A sweep with one finished batch of two members, and one that is trained."""
    for name in ("0000", "0001"):
        (out / "batches" / name).mkdir(parents=True)
    plan = {"space": {"base": {"preset": "tiny"}, "axes": {"algorithm.entropy": {"values": [0.1]}}}, "sampler": "grid"}
    (out / "sweep.json").write_text(json.dumps(plan))
    rows = [{"trial": 4, "seed": s, "update": u, "reward": u + s, "energy_j": None} for s in (0, 1) for u in (10, 20)]
    pl.DataFrame(rows).write_parquet(out / "batches" / "0000" / "curves.parquet")
    results = [{"trial": 4, "seed": s, "status": "done", "algorithm.entropy": 0.1} for s in (0, 1)]
    pl.DataFrame(results).write_parquet(out / "batches" / "0000" / "results.parquet")
    (out / "batches" / "0000" / "finished.json").write_text("{}")
    return out
