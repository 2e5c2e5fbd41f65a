"""Who is measured: our service, its peers, and how each is started."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving.errors import BenchmarkFailed
from benchmarks.serving.works import ROOT, Work

DEADLINE_S = 10  # of a request, with every server: the default of request_timeout_s
PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_RAW = {"raw": "/predict"}
_LITSERVE = {"multipart": "/predict"}  # it reads no raw body
_FASTAPI = {**_RAW, "multipart": "/predict/multipart", "batch": "/predict/batch"}
_SERVICE = Path(sys.executable).with_name("whatsit")
# Nobody writes a line for every request: the others are told so too.
OURS = "ours=WHATSIT_LOG_LEVEL=warning"


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to set a server up: variables of the environment, and more arguments; ``name`` is for people.

    ``paths`` are where each form of body goes; an image by itself is sent in the first form: ``raw``, the bytes as the
    body, or ``multipart``. ``batch`` are several in one form.
    """

    name: str
    paths: Mapping[str, str]
    variables: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """The form in which it gets single images."""
        return next(iter(self.paths))


@dataclass(frozen=True, slots=True)
class Server:
    """A server with the settings that are tried for each work; the one of most images a second is measured.

    ``module`` is that of a peer. ``only`` are the loads that it is measured under, all where empty; ``works`` likewise.
    """

    name: str
    title: str
    settings: tuple[Setting, ...]
    module: str | None = None
    only: tuple[str, ...] = ()
    works: tuple[str, ...] = ()

    def start(self, work: Work, setting: Setting, port: int, python: Path) -> tuple[list[str], dict[str, str]]:
        """The command and the environment that start it; ``python`` is that of the peers."""
        if self.module is None:
            command = [str(_SERVICE), "serve", "--port", str(port), "--store", str(work.store), "--model", work.model]
            return [*command, *setting.arguments], dict(setting.variables)
        graph = work.unnormalised_graph if setting.variables.get("BENCH_NORMALISE") else work.graph
        given = {
            "BENCH_PORT": port,
            "BENCH_GRAPH": graph,
            "BENCH_LABELS": work.graph.with_name("manifest.json"),
            "BENCH_SIDE": work.manifest.input.width,
            "BENCH_DEADLINE_S": DEADLINE_S,
            "BENTOML_DO_NOT_TRACK": "true",
        }
        module = f"benchmarks.serving.peers.{self.module}"
        return [str(python), "-m", module], {name: str(value) for name, value in given.items()} | dict(
            setting.variables
        )


def ours(definition: str) -> Server:
    """Our service from ``NAME=WORDS``: words such as WHATSIT_THREADS=1 are settings, the others arguments of serve.

    Raises BenchmarkFailed for a name that does not begin with "ours", by which it is told from the peers.
    """
    name, _, words = definition.partition("=")
    if not name.startswith("ours"):
        raise BenchmarkFailed(f"{definition}: the name of our service has to begin with 'ours'")
    given = shlex.split(words)
    variables = dict(word.split("=", 1) for word in given if word.startswith("WHATSIT_"))
    arguments = tuple(word for word in given if not word.startswith("WHATSIT_"))
    paths = {"raw": "/v1/predict", "multipart": "/v1/predict", "batch": "/v1/predict/batch"}
    works = ("vgg16",) if "int8" in arguments else ()
    return Server(name, "whatsit", (Setting(words or "defaults", paths, variables, arguments),), works=works)


def peers(cores: int) -> tuple[Server, ...]:
    """The peers on ``cores`` cores; the modules in ``benchmarks.serving.peers`` say where the settings come from.

    Two processes of one thread beat one process of two in every test on two cores, so that all have a process a core.
    """

    def setting(name: str, paths: Mapping[str, str] = _RAW, **variables: object) -> Setting:
        given = {"WORKERS": cores, "THREADS": 1, **variables}
        return Setting(name, paths, {f"BENCH_{key}": str(value) for key, value in given.items()})

    each = f"{cores} workers of 1 thread"
    stages = f"{cores} decoding workers, 1 of {cores} threads with batches of up to 16 within 1 ms"
    in_time = "batches of up to 16 within"
    return (
        Server(
            "fastapi",
            "FastAPI",
            (setting(f"{each}, on the loop", _FASTAPI, POOL=0), setting(f"{each}, in a thread pool", _FASTAPI)),
            "fastapi_route",
        ),
        Server(
            "fastapi-latency",
            "FastAPI, 1 worker",
            (setting(f"1 worker of {cores} threads", WORKERS=1, THREADS=cores, POOL=0),),
            "fastapi_route",
            only=("closed-1",),
        ),
        Server(
            "litserve",
            "LitServe",
            (
                setting(each, _LITSERVE),
                setting(f"{each}, fast queue", _LITSERVE, FAST_QUEUE=1),
                setting(f"{each}, fast queue, {in_time} 10 ms", _LITSERVE, FAST_QUEUE=1, BATCH=16, WAIT_MS=10),
            ),
            "litserve_api",
        ),
        Server(
            "bentoml",
            "BentoML",
            (
                setting(each),
                setting(f"{each}, adaptive batches of up to 16", {"multipart": "/predict/batched"}, BATCH=16),
            ),
            "bentoml_service",
        ),
        Server(
            "mosec",
            "mosec",
            (
                setting(each),
                setting(f"{each}, {in_time} 1 ms", BATCH=16, WAIT_MS=1),
                setting(stages, STAGES=2, THREADS=cores, BATCH=16, WAIT_MS=1),
            ),
            "mosec_worker",
        ),
        Server(
            "mosec-numpy",
            "mosec, normalising in NumPy",
            (setting(f"{each}, normalising in NumPy as its example does", NORMALISE=1),),
            "mosec_worker",
            only=("closed-1", "closed-32"),
            works=("mid",),
        ),
    )
