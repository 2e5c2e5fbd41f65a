"""A run in MLflow, on the tracking server that ``MLFLOW_TRACKING_URI`` names."""

import os
import sys
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from models.manifest import Metrics
from training.errors import TrackingUnavailable
from training.run import EpochMetrics, Run, write_text
from training.tracking import final_numbers, flatten

if TYPE_CHECKING:
    from mlflow import MlflowClient

_EXPERIMENT = "whatsit"
_PARAMETERS_AT_ONCE = 100  # the server takes no more in one request
_SETTINGS = {
    # By default a server that is gone is asked for four minutes, each epoch.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    # Nobody but the user's own server is told of a training.
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def connect() -> "MlflowClient":
    """A client of the server; raises TrackingUnavailable when none is named, or it does not answer."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)  # before the import, which reads them; what people set stays
    import mlflow

    if not mlflow.tracking.is_tracking_uri_set():  # type: ignore[no-untyped-call]
        example = "export MLFLOW_TRACKING_URI=http://127.0.0.1:5000"
        raise TrackingUnavailable(f"--track mlflow needs the address of a tracking server: {example}")
    try:
        client = mlflow.MlflowClient()
        client.search_experiments(max_results=1)
    except Exception as error:  # MLflow's and those of each kind of store have no other base
        raise TrackingUnavailable(f"MLflow at {mlflow.get_tracking_uri()} does not answer: {error}") from error
    return client


class MLflow:
    """Writes one MLflow run, in the experiment ``MLFLOW_EXPERIMENT_NAME`` or ``whatsit``; goes on with it if it can."""

    def __init__(self, run: Run) -> None:
        self._client = connect()
        self._id_file = run.mlflow_file
        self._finished = False
        if self._id_file.exists():
            self._id = self._id_file.read_text(encoding="utf-8").strip()
            self._client.update_run(self._id, status="RUNNING")
            known = self._client.get_metric_history(self._id, "validation_loss")
            self._last = max((metric.step for metric in known), default=0)
        else:
            self._id, self._last = self._begin(run), 0
            write_text(self._id_file, self._id + "\n")

    def epoch(self, row: EpochMetrics) -> None:
        """Every figure of an epoch that the server does not have."""
        if row.epoch > self._last:
            self._log(row.model_dump(exclude={"epoch"}), row.epoch)
            self._last = row.epoch

    def finish(self, metrics: Metrics, run: Run) -> None:
        """The figures of the test split, then the graph and the report."""
        self._log(final_numbers(metrics), self._last)
        self._end("FINISHED")
        self._finished = True
        for path in (run.metrics_file, run.graph, run.folder / "report.html"):
            if path.exists():
                self._client.log_artifact(self._id, str(path))

    def close(self) -> None:
        """Mark a run that was not finished."""
        if not self._finished:
            self._end("KILLED")

    def _begin(self, run: Run) -> str:
        from mlflow.entities import Param

        info, name = run.info(), os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        found = self._client.get_experiment_by_name(name)
        experiment = found.experiment_id if found else self._client.create_experiment(name)
        tags = {
            "recipe": info.recipe_name,
            "hardware": info.hardware(epochs=0),
            "mlflow.source.git.commit": info.first.git_commit or "",
        }
        begun: str = self._client.create_run(experiment, run_name=run.folder.absolute().name, tags=tags).info.run_id
        values = [Param(key, str(value)) for key, value in flatten(run.recipe()).items()]
        for start in range(0, len(values), _PARAMETERS_AT_ONCE):
            self._client.log_batch(begun, params=values[start : start + _PARAMETERS_AT_ONCE])
        return begun

    def _end(self, status: str) -> None:
        with redirect_stdout(sys.stderr):  # it prints where to look, and standard output is for results
            self._client.set_terminated(self._id, status)

    def _log(self, values: dict[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._id, metrics=[Metric(key, value, now, step) for key, value in values.items()])
