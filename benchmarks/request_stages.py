"""Where the time of one request goes: microseconds of one core by stage, for one PNG of 32 x 32 pixels.

    python -m benchmarks.request_stages STORE REF [--image FILE]

Each stage is run by itself, over and over, in one thread; the least of several means counts. The two ways are the whole
of it but for the protocol, with 16 requests at a time: what is missing to them is what ties the stages together, tasks,
futures, contexts, and that after each run of the graph nothing else is in the caches any more.
"""

import argparse
import asyncio
import contextlib
import io
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from starlette.types import ASGIApp, Message, Scope

from models.decode import Limits, OpenImage
from models.opening import Opened, open_version
from models.postprocess import answer
from models.preprocess import preprocess
from models.refs import parse_ref
from models.store import Store
from service.app import create_app
from service.demo import SAMPLES
from service.direct import Direct
from service.inference.decoding import ImageInfo
from service.inference.pipeline import Outcome, Timing
from service.keys.file import KeyFile
from service.keys.gate import Gate
from service.middleware.request_context import RequestContext
from service.observability.logs import configure_logs
from service.observability.metrics import Metrics
from service.responses import json_response
from service.schemas import members_of
from service.settings import Settings
from service.uploads.multipart import read_multipart
from service.waiting import ON_LEAVING
from service.workers.board import Board

_BOUNDARY = b"------------------------0123456789abcdef"
_REPEATS, _SECONDS = 7, 0.1
_AT_ONCE = 16


def cost(work: Callable[[], object], images: int = 1) -> float:
    """Microseconds of CPU that ``work`` takes for each image."""
    work()
    began, times = time.process_time(), 0
    while time.process_time() - began < _SECONDS:
        work()
        times += 1
    times = max(1, times // _REPEATS)
    return min(_once(work, times) for _ in range(_REPEATS)) / images * 1e6


def _once(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def stages(opened: Opened, data: bytes) -> dict[str, float]:
    """Microseconds of each stage."""
    limits, manifest = Limits(), opened.manifest
    pixels = preprocess(OpenImage(data, limits), manifest.input)
    batch = np.stack([pixels] * _AT_ONCE)
    row = opened.session.run(pixels[None])[0]
    outcome = Outcome(answer(row, manifest, 5), ImageInfo("PNG", 32, 32), Timing(0.001, 0.001, 0.001, 0.003))
    members = {"id": "0" * 32, "model": {}, **members_of(outcome)}
    return {
        "parse multipart (not of a raw body)": cost(lambda: _run(_multipart(data))),
        "check and open the file": cost(lambda: OpenImage(data, limits)),
        "decode and resize": cost(lambda: preprocess(OpenImage(data, limits), manifest.input))
        - cost(lambda: OpenImage(data, limits)),
        "stack a batch": cost(lambda: np.stack([pixels] * _AT_ONCE), _AT_ONCE),
        "run alone": cost(lambda: opened.session.run(pixels[None])),
        f"run in a batch of {_AT_ONCE}": cost(lambda: opened.session.run(batch), _AT_ONCE),
        "top k and decision": cost(lambda: answer(row, manifest, 5)),
        "the answer as JSON": cost(lambda: json_response({**members, **members_of(outcome)})),
    }


def _run(work: Coroutine[Any, Any, object]) -> None:
    with contextlib.suppress(StopIteration):
        work.send(None)


async def _multipart(data: bytes) -> None:
    async def body() -> AsyncIterator[bytes]:
        head = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        yield b"--" + _BOUNDARY + b"\r\n" + head + data + b"\r\n--" + _BOUNDARY + b"--\r\n"

    await read_multipart(f"multipart/form-data; boundary={_BOUNDARY.decode()}", body(), "file", 1, len(data))


async def _nothing(scope: Scope, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
    await receive()
    scope["route"] = parse_ref("x")  # anything with a name will do
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def around(once: Callable[[], Awaitable[object]], seconds: float = 1.0) -> float:
    """Microseconds that each of many requests takes, some of them at once."""
    until, done = time.monotonic() + seconds, 0

    async def client() -> None:
        nonlocal done
        while time.monotonic() < until:
            await once()
            done += 1

    began = time.process_time()
    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
    return (time.process_time() - began) / done * 1e6


async def _request(app: ASGIApp, data: bytes) -> None:
    messages: list[Message] = [{"type": "http.request", "body": data, "more_body": False}]

    async def receive() -> Message:
        return messages.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != HTTPStatus.OK:
            raise SystemExit(f"the app answered {message['status']}")

    await app(_scope(data), receive, send)


async def _direct(direct: Direct, data: bytes) -> None:
    async def nothing() -> Message:
        raise SystemExit("more was asked for than the body")

    reply = await direct.answer(_scope(data), nothing, data)
    if reply.status != HTTPStatus.OK:
        raise SystemExit(f"the direct way answered {reply.status}")


def _scope(data: bytes) -> Scope:
    headers = [(b"host", b"localhost"), (b"content-type", b"image/png"), (b"content-length", str(len(data)).encode())]
    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/predict", "query_string": b"", "headers": headers}
    # As this service's own protocol has it, see service/waiting.py.
    return scope | {"http_version": "1.1", "scheme": "http", "root_path": "", "state": {ON_LEAVING: None}}


def _gate(settings: Settings, rate: str | None = None) -> Callable[[], None]:
    """Has a gate of one of two processes admit a request with a key."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "keys.json"
        _, text = KeyFile(file).create("benchmark", ("predict",), rate)
        gate = Gate(settings.model_copy(update={"keys": file}), Board(["worker"] * 2).slots[0])
        scope = _scope(b"")
        scope["headers"].append((b"authorization", f"Bearer {text}".encode()))
        scope["state"]["noted"] = {}
        gate.admit(scope)
    return partial(gate.admit, scope)


async def whole(settings: Settings, data: bytes) -> dict[str, float]:
    """Microseconds of the outermost layer, and of everything."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        services = app.state.services
        with await services.fleet.lease(services.fleet.default):
            pass
        context, direct = RequestContext(_nothing, Metrics()), Direct(services)
        return {
            "a key": cost(_gate(settings)),
            "a key with a rate, two processes": cost(_gate(settings, "999999999/day")),
            "id, log line and metrics": await around(lambda: _request(context, data)),
            "the direct way": await around(lambda: _direct(direct, data)),
            "the way through ASGI and FastAPI": await around(lambda: _request(app, data)),
        }


def main() -> None:
    """Print one line a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, metavar="STORE")
    parser.add_argument("ref", metavar="REF")
    parser.add_argument("--image", type=Path, default=SAMPLES / "cifar10" / "cat.jpg", help="made 32 x 32 and a PNG")
    given = parser.parse_args()
    file = io.BytesIO()
    Image.open(given.image).convert("RGB").resize((32, 32)).save(file, "PNG")
    resolved = Store(given.store).resolve(parse_ref(given.ref))
    opened = open_version(Store(given.store), resolved.name, resolved.version, threads=1)
    found = stages(opened, file.getvalue())
    stdout, sys.stderr = sys.stdout, io.StringIO()  # the log is written, but not shown
    configure_logs("info")
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    settings = Settings(store=given.store, default_model=given.ref, threads=1)
    found |= asyncio.run(whole(settings, file.getvalue()))
    for stage, micros in found.items():
        print(f"{stage:40} {micros:8.1f} us", file=stdout)


if __name__ == "__main__":
    main()
