"""Real rows, where they are at hand. Nothing of them is kept but in the test's temporary folder."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from eco_jax.data import load, prepare

SOURCE = os.environ.get("ECO_JAX_TDRIVE")


@pytest.mark.tdrive
@pytest.mark.skipif(not SOURCE, reason="ECO_JAX_TDRIVE does not name a file, folder or zip of T-Drive rows")
def test_real_rows_go_through(tmp_path: Path) -> None:
    started = time.perf_counter()
    report = prepare(str(SOURCE), tmp_path / "out.npz")
    assert time.perf_counter() - started < 30 + report.rows / 1e5
    share = {reason: count / report.rows for reason, count in report.dropped.items()}
    assert sum(share.values()) < 0.1
    assert share["garbled"] < 0.001
    assert 60 < report.interval_median_s < 600
    traces = load(tmp_path / "out.npz")
    assert report.segments == traces.length.size > 0
    inside = np.arange(report.longest) < traces.length[:, None]
    assert np.all((traces.position[inside] >= 0) & (traces.position[inside] <= report.side_m))
    assert np.all((traces.last_age[inside] >= 0) & (traces.last_age[inside] <= 300))
    known = traces.fixes == 2
    assert np.all(traces.previous_age[known] > traces.last_age[known])
