"""Kernels and bytes of the programs on an H100, without one: they stay below their bars."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "benchmarks" / "gpu"
PYTHON = Path(os.environ.get("ECO_JAX_GPU_PYTHON", ROOT / ".gpu" / "bin" / "python"))
BARS = json.loads((FOLDER / "bars.json").read_text())


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("rehearse_gpu", FOLDER / "rehearse.py")
    module = importlib.util.module_from_spec(spec)
    before = os.environ.get("JAX_PLATFORMS")
    try:
        spec.loader.exec_module(module)
    finally:
        os.environ.pop("JAX_PLATFORMS") if before is None else os.environ.update(JAX_PLATFORMS=before)
    return module


def test_a_count_may_rise_by_five_percent(script):
    bar = {"what": "training", "envs": 4, "members": 16, "kernels_per_slot": 100.0, "bytes_per_step": 1000}
    name = "training 16 x 4"
    assert script.risen([bar], [bar | {"kernels_per_slot": 105.0, "bytes_per_step": 1050}]) == []
    assert script.risen([bar], [bar | {"kernels_per_slot": 105.1}]) == [
        f"{name}: kernels_per_slot 105.1 is more than 5 % above the bar, 100.0"
    ]
    assert script.risen([bar], [bar | {"bytes_per_step": 1051}]) == [
        f"{name}: bytes_per_step 1,051 is more than 5 % above the bar, 1,000"
    ]
    assert script.risen([bar], []) == [f"{name}: not counted"]


def test_every_small_program_has_bars(script):
    assert [(row["what"], row["envs"], row["members"]) for row in BARS["rows"]] == list(script.SIZES["smoke"])


def test_the_committed_table_is_that_of_its_counts(script):
    found = json.loads((FOLDER / "rehearsal.json").read_text())
    assert (FOLDER / "rehearsal.md").read_text() == script.table(found)
    assert [(row["what"], row["envs"], row["members"]) for row in found["rows"]] == list(script.SIZES["full"])


@pytest.mark.rehearse
def test_kernels_and_bytes_stay_below_their_bars(script, tmp_path):
    if not PYTHON.is_file():
        pytest.skip(f"no {PYTHON}: make rehearse-gpu")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
    command = [str(PYTHON), str(FOLDER / "rehearse.py"), "--size", "smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "rehearsal.json").read_text())
    print((tmp_path / "rehearsal.md").read_text(), file=sys.stderr)
    assert found["versions"] == BARS["versions"], "of other versions: bars belong to those that they were counted with"
    assert script.risen(BARS["rows"], found["rows"]) == []
