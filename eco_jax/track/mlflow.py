"""MLflow: a database file, or a server."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from eco_jax.parts import register
from eco_jax.track.base import Begun, Row, Tracker, made_folder, plain

AT_ONCE, OF_PARAMS, LETTERS = 1000, 100, 500
"""Metrics and parameters that MLflow takes in one call, and letters of a parameter."""


@register("tracker", "mlflow")
class Mlflow(Tracker):
    """A run of MLflow, in `MLFLOW_TRACKING_URI` where it is set, else in a SQLite file `mlflow.db`."""

    package = "mlflow"

    def begin(self, run: Begun) -> str:
        """Begin a run, or go on with it."""
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        self.uri = os.environ.get("MLFLOW_TRACKING_URI") or self.place
        if "://" not in self.uri:
            self.uri = f"sqlite:///{made_folder(self.uri).absolute() / 'mlflow.db'}"
        self.client = MlflowClient(tracking_uri=self.uri)
        if run.id:
            self.id = run.id
            self.client.update_run(self.id, status="RUNNING")
            return self.id
        there = self.client.get_experiment_by_name(self.project)
        files = None if "://" in self.place else (made_folder(self.place).absolute() / "artifacts").as_uri()
        number = there.experiment_id if there else self.client.create_experiment(self.project, artifact_location=files)
        self.id = str(self.client.create_run(number, run_name=run.name).info.run_id)
        params = [Param(name, str(value)[:LETTERS]) for name, value in plain(run.settings).items()]
        for first in range(0, len(params), OF_PARAMS):
            self.client.log_batch(self.id, params=params[first : first + OF_PARAMS])
        return self.id

    def log(self, rows: Sequence[Row]) -> None:
        """A metric a series and step."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        every = [Metric(name, value, now, step) for step, values in rows for name, value in values.items()]
        for first in range(0, len(every), AT_ONCE):
            self.client.log_batch(self.id, metrics=every[first : first + AT_ONCE])

    def members(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A JSON file among the run's artifacts."""
        self.client.log_dict(
            self.id, {"members": [plain(row) for row in rows]}, f"members-{rows[0].get('trial', '')}.json"
        )

    def end(self) -> None:
        """The run is over."""
        self.client.set_terminated(self.id)

    def told(self) -> str:
        """See `Tracker`."""
        return f"mlflow ui --backend-store-uri {self.uri}"
