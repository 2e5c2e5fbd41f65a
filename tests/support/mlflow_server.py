"""A tracking server that speaks as much of MLflow's HTTP interface as a run needs, and keeps what it hears."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


class MlflowServer(ThreadingHTTPServer):
    """``runs`` by their id, each as MLflow's own server gives it; ``files`` by the end of their path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def values(self, key: str) -> list[tuple[int, float]]:
        """All values of one metric of the only run, with their steps; 0 is left out, as protobuf does."""
        (run,) = self.runs.values()
        found = [metric for metric in run["data"]["metrics"] if metric["key"] == key]
        return [(int(metric.get("step", 0)), metric.get("value", 0.0)) for metric in found]

    def params(self) -> dict[str, str]:
        """The parameters of the only run."""
        (run,) = self.runs.values()
        return {param["key"]: param["value"] for param in run["data"]["params"]}

    def status(self) -> str:
        (run,) = self.runs.values()
        return str(run["info"]["status"])

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """What MLflow answers, as far as it is read."""
        match path.rpartition("/mlflow/")[2]:
            case "experiments/search":
                found: dict[str, Any] | None = {"experiments": []}
            case "experiments/get-by-name":
                known = self.experiments.get(body["experiment_name"])
                found = known and {"experiment": {"experiment_id": known, "name": body["experiment_name"]}}
            case "experiments/create":
                self.experiments[body["name"]] = str(len(self.experiments) + 1)
                found = {"experiment_id": self.experiments[body["name"]]}
            case "runs/create":
                found = {"run": self._create(body)}
            case about if body.get("run_id") in self.runs:
                found = _of_run(self.runs[body["run_id"]], about, body)
            case _:
                found = None
        missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"there is no {path}"}
        return (404, missing) if found is None else (200, found)

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        number = f"run{len(self.runs)}"
        info = {
            "run_id": number,
            "run_uuid": number,
            "run_name": body["run_name"],
            "experiment_id": body["experiment_id"],
            "status": "RUNNING",
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/1/{number}/artifacts",
        }
        self.runs[number] = {"info": info, "data": {"metrics": [], "params": [], "tags": body["tags"]}}
        return self.runs[number]


def _of_run(run: dict[str, Any], about: str, body: dict[str, Any]) -> dict[str, Any] | None:
    match about:
        case "runs/get":
            return {"run": run}
        case "runs/update":
            run["info"] |= {key: value for key, value in body.items() if key != "run_id"}
            return {"run_info": run["info"]}
        case "runs/log-batch":
            for kind in ("metrics", "params", "tags"):
                run["data"][kind] += body.get(kind, [])
            return {}
        case "metrics/get-history":
            return {"metrics": [metric for metric in run["data"]["metrics"] if metric["key"] == body["metric_key"]]}
    return None


class _Handler(BaseHTTPRequestHandler):
    server: MlflowServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        self._send(*self.server.answer(urlsplit(self.path).path, query))

    def do_POST(self) -> None:
        self._send(*self.server.answer(self.path, json.loads(self._body())))

    def do_PUT(self) -> None:
        self.server.files[self.path.rpartition("/")[2]] = self._body()
        self._send(200, {})

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def mlflow_server() -> Iterator[MlflowServer]:
    """A server that answers until the end of the block."""
    with MlflowServer() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
