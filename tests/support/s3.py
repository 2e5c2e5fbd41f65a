"""A server that speaks S3 over HTTP (moto's), and does to its clients what stores and networks do."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from typing_extensions import override
from werkzeug.serving import make_server

BUCKET = "models"

_Start = Callable[..., Any]


class _Silent(MotoRequestHandler):
    @override
    def log(self, type: str, message: str, *args: object) -> None:
        """Not a line for each request."""


class S3Server:
    """Serves an empty bucket on a port of its own, in a thread; stopped and started again it has what it had.

    ``asked`` notes method and path of each request. ``unconditional`` lets it create what stands, as stores do that do
    not know If-None-Match. ``lose`` has it do what the next so many PUTs ask for, and break the connection instead of
    answering.
    """

    def __init__(self) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._one = threading.Lock()  # moto looks and then writes; a real store does both in one step
        self._port = 0
        self.behave()
        self.start()
        with urlopen(Request(f"http://127.0.0.1:{self._port}/{BUCKET}", method="PUT")):
            pass

    def behave(self) -> None:
        """Do nothing out of the ordinary any more."""
        self.asked: list[str] = []
        self.unconditional = False
        self.lose = 0

    @property
    def environment(self) -> Mapping[str, str]:
        """What clients take from the environment: where the server is, and who they are."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = make_server("127.0.0.1", self._port, self._answer, True, request_handler=_Silent)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on, and answer nothing on those that are open."""
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
