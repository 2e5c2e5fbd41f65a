"""A server that speaks S3 over HTTP (moto's), and does what stores do to those who use them."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

BUCKET = "models"
# What clients take from the environment: where the server is, and who they are.
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}

_Start = Callable[..., Any]


class S3Server:
    """Serves on a port of its own, in a thread; stopped and started again it has what it had.

    ``asked`` notes method and path of each request. ``unconditional`` lets it create what stands, as stores do that do
    not know If-None-Match. ``lose`` has it do what the next so many PUTs ask for, and break the connection instead of
    answering.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.unconditional = False
        self.lose = 0
        self._app = DomainDispatcherApplication(create_backend_app)
        self._one = threading.Lock()  # moto looks and then writes; a real store does both in one step
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = make_server("127.0.0.1", self._port, self._answer, True, request_handler=MotoRequestHandler)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Out of reach for so long."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _answer(self, environ: dict[str, Any], start_response: _Start) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        self.asked.append(f"{method} {environ['PATH_INFO']}")
        if self.unconditional:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        with self._one:
            answer: Iterable[bytes] = list(self._app(environ, start_response))
        if self.lose and method == "PUT":
            self.lose -= 1
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError("as if the network had failed")
        return answer
