"""Traces from rows to padded segments inside a small window; sites of servers, and workloads.

`prepare` turns a file, folder or zip of traces, in any format that is registered (`formats`), into one `.npz`; `load`
reads that back; `from_tracks` does without files; `read_sites` and `read_workload` read tables; `synthesize` makes up
taxi rows in the format of T-Drive, for tests and for anyone without the data. T-Drive itself is licensed for
non-commercial use and may not be passed on: neither rows of it nor files prepared from it belong in a
repository.

Everything here is NumPy; Polars is imported when rows are parsed, and not before.
"""

from eco_jax.data.formats import Format
from eco_jax.data.prepare import prepare
from eco_jax.data.report import Report
from eco_jax.data.sites import read_sites
from eco_jax.data.store import Traces, load, save
from eco_jax.data.synthetic import Synthetic, synthesize
from eco_jax.data.tracks import from_tracks
from eco_jax.data.workload import read_workload

__all__ = [
    "Format", "Report", "Synthetic", "Traces", "from_tracks", "load", "prepare", "read_sites", "read_workload", "save",
    "synthesize",
]  # fmt: skip
