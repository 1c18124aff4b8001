"""Sweeps to be damaged."""

import shutil

import pytest
from damaged_sweep import PLAN
from made_up_sweep import launch, sweep


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A sweep of four trials in two batches, finished."""
    folder = tmp_path_factory.mktemp("done") / "sweep"
    sweep(folder, PLAN).run(launch)
    return folder


@pytest.fixture
def out(done, tmp_path):
    return shutil.copytree(done, tmp_path / "sweep")


@pytest.fixture
def half(out):
    """The same with its second batch unfinished."""
    for name in ("finished.json", "results.parquet"):
        (out / "batches" / "0001" / name).unlink()
    return out
