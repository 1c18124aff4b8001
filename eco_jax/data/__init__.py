"""Taxi traces in the format of T-Drive: from raw rows to padded segments inside a small window.

`prepare` turns a file, folder or zip of rows into one `.npz`; `load` reads that back; `synthesize` makes up
rows in the same format, for tests and for anyone without the data. T-Drive itself is licensed for
non-commercial use and may not be passed on: neither rows of it nor files prepared from it belong in a
repository.

Everything here is NumPy; Polars is imported when rows are parsed, and not before.
"""

from eco_jax.data.prepare import prepare
from eco_jax.data.report import Report
from eco_jax.data.store import Traces, load
from eco_jax.data.synthetic import Synthetic, synthesize

__all__ = ["Report", "Synthetic", "Traces", "load", "prepare", "synthesize"]
