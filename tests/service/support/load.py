"""Clients that ask one image after the other, each on a connection of its own, and what became of their requests."""

import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.service.support.moods import GOOD, SLOW, mood
from tests.service.support.process import Server
from tests.service.support.raw import Connection, RawResponse, connect, request

PREDICT = request("POST", "/v1/predict", mood(GOOD), content_type="image/png")


def predicting(server: Server, which: int = SLOW) -> Callable[[], RawResponse]:
    """Send an image, see it inside, and give what waits for its answer."""
    answers: list[RawResponse] = []

    def ask() -> None:
        with connect(server.running.port) as connection:
            connection.send(request("POST", "/v1/predict", mood(which), content_type="image/png"))
            answers.append(connection.response())

    thread = threading.Thread(target=ask)
    thread.start()
    server.wait_for_metric("whatsit_permits_held", least=1)

    def answer() -> RawResponse:
        thread.join()
        return answers[0]

    return answer


class Load:
    """While it is entered, ``clients`` send ``request`` over and over.

    A connection that ends without an answer is replaced, its request lost.
    """

    def __init__(self, port: int, clients: int, request: bytes = PREDICT) -> None:
        self.clients = clients
        self.answers: Counter[int] = Counter()
        self.lost = 0
        self._port = port
        self._request = request
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if error is None and self._errors:
            raise self._errors[0]

    def _ask(self) -> None:
        try:
            while not self._over.is_set():
                with connect(self._port) as connection:
                    self._ask_on(connection)
        except OSError as error:  # refused, say: nobody who connects is to be
            self._errors.append(error)

    def _ask_on(self, connection: Connection) -> None:
        while not self._over.is_set():
            connection.send(self._request)
            try:
                status = connection.response().status_code
            except (EOFError, ConnectionResetError):
                with self._lock:
                    self.lost += 1
                return
            with self._lock:
                self.answers[status] += 1
