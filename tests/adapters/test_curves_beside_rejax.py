"""`experiments/benchmarks/curves.py` run small, rejax in the environment of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "experiments" / "benchmarks" / "curves.py"


@pytest.mark.trainers
def test_curves_of_ours_and_of_rejax(tmp_path):
    python = ROOT / ".peers" / "rejax" / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"no environment {python.parents[1]}: make test-trainers")
    pytest.importorskip("gymnax")
    small = ["--seeds", "2", "--steps", "8192", "--looks", "2", "--episodes", "4"]
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *small, "--rejax", str(python), "--out", str(tmp_path)],
        capture_output=True, text=True, timeout=900,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JAX_COMPILATION_CACHE_DIR": os.environ["ECO_JAX_CACHE"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "curves.json").read_text())
    assert found["steps"] == [4096, 8192]
    curves = {**found["eco_jax"], **{f"rejax {name}": values for name, values in found["rejax"].items()}}
    assert set(curves) == {
        *(f"{name}{how}" for name in ("PPO", "PQN") for how in ("", ", as rejax has it")),
        "rejax PPO", "rejax PQN", "rejax PQN, the paper's targets",
    }  # fmt: skip
    for values in curves.values():
        assert np.shape(values) == (2, 2)
        assert 8 <= np.min(values) <= np.max(values) <= 500  # slots that a pole stays up
    assert "at 2 of 2 looks" in (tmp_path / "curves.md").read_text()
    assert (tmp_path / "curves.png").stat().st_size > 10_000
