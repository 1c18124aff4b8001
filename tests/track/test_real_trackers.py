"""TensorBoard, W&B and MLflow as they are: written by us, read back by their own readers."""

import importlib.util
import json
import os
import struct
import time

import numpy as np
import pytest
from made_up_agents import recorded
from made_up_tracker import sweep

from eco_jax.track import follow

pytestmark = pytest.mark.trackers
STEPS = [1, 2, 3, 4, 5, 6]


def needs(package):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed: make test-trackers")


def fed(tmp_path, tracker, **more):
    """A run of six updates, the tracker begun after the third and gone on with."""
    path = tmp_path / "run" / "metrics.jsonl"
    if not path.exists():
        recorded(tmp_path / "run", algorithm={"entropy": 0.25})
    whole = path.read_bytes().splitlines(keepends=True)
    task = {"folder": str(tmp_path / "run"), "sweep": False, "tracker": tracker, "place": str(tmp_path / "place"),
            "project": "p", "plugins": [], "each": False} | more  # fmt: skip
    for count in (6, 12):
        path.write_bytes(b"".join(whole[:count]))
        follow.follow(task, lambda seconds: True, lambda line: None)
    return json.loads((tmp_path / "run" / "tracker.json").read_text())[tracker]


@needs("tensorboard")
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    state = fed(tmp_path, "tensorboard")
    assert (state["id"], state["done"], state["batches"]) == ("run", 6, [])
    found = EventAccumulator(str(tmp_path / "place" / "run"))
    found.Reload()
    assert {"reward", "reward/seed3", "reward/seed4", "energy"} <= set(found.Tags()["scalars"])
    events = found.Scalars("reward/seed4")
    assert [e.step for e in events] == STEPS
    np.testing.assert_allclose([e.value for e in events], np.arange(6) + 0.5)
    assert "_hparams_/session_start_info" in found.summary_metadata
    assert b"algorithm.entropy" in found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    (text,) = (
        found.Tensors("settings/text_summary")
        if "settings/text_summary" in found.Tags()["tensors"]
        else found.Tensors("settings")
    )
    assert b"| algorithm.entropy | 0.25 |" in text.tensor_proto.string_val[0]


@needs("mlflow")
def test_mlflow(tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    state = fed(tmp_path, "mlflow")
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'place' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("p")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_id, run.info.status, run.info.run_name) == (state["id"], "FINISHED", "run")
    assert run.data.params["algorithm.entropy"] == "0.25"
    history = sorted(client.get_metric_history(run.info.run_id, "reward/seed4"), key=lambda m: m.step)
    assert [m.step for m in history] == STEPS
    np.testing.assert_allclose([m.value for m in history], np.arange(6) + 0.5)


@needs("wandb")
def test_wandb_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    state = fed(tmp_path, "wandb")
    files = sorted((tmp_path / "place" / "wandb").glob("offline-run-*/*.wandb"), key=os.path.getmtime)
    assert len(files) == 2  # of one run: `wandb sync` puts them together
    assert all(state["id"] in file.name for file in files)
    until = time.monotonic() + 20.0
    while len(rows := [row for file in files for row in history(file)]) < 6 and time.monotonic() < until:
        time.sleep(0.2)  # W&B's own process may close its file a little after `finish` returns
    assert [row["updates"] for row in rows] == STEPS
    np.testing.assert_allclose([row["reward/seed4"] for row in rows], np.arange(6) + 0.5)


def history(path):
    """The lines of the history in W&B's own file, as its own messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    found = []
    for data in records(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            found.append({"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item})
    return [row for row in found if "updates" in row]


def records(data, block=32768):
    """Records of a LevelDB log behind W&B's 7 bytes: checksum, length, kind (whole, first, middle, last), data."""
    at, parts = 7, b""
    while at + 7 <= len(data):
        if block - at % block < 7:  # no head fits in: the rest of the block is empty
            at += block - at % block
            continue
        length, kind = struct.unpack("<HB", data[at + 4 : at + 7])
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


@needs("tensorboard")
def test_a_sweep_in_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    task = {"folder": str(sweep(tmp_path / "sweep")), "sweep": True, "tracker": "tensorboard", "plugins": [],
            "place": str(tmp_path / "place"), "project": "p", "each": False}  # fmt: skip
    follow.follow(task, lambda seconds: True, lambda line: None)
    found = EventAccumulator(str(tmp_path / "place" / "sweep"))
    found.Reload()
    assert [e.step for e in found.Scalars("reward/trial0004-seed1")] == [10, 20]


@needs("mlflow")
def test_a_sweep_in_mlflow_a_run_a_member(tmp_path, monkeypatch):
    from mlflow.tracking import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(follow, "PAUSE_S", 0.0)
    task = {"folder": str(sweep(tmp_path / "sweep")), "sweep": True, "tracker": "mlflow", "plugins": [],
            "place": str(tmp_path / "place"), "project": "p", "each": True}  # fmt: skip
    follow.follow(task, lambda seconds: True, lambda line: None)
    client = MlflowClient(tracking_uri=f"sqlite:///{tmp_path / 'place' / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("p").experiment_id])
    assert sorted(run.info.run_name for run in runs) == ["sweep-trial0004-seed0", "sweep-trial0004-seed1"]
