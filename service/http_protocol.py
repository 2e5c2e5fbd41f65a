"""uvicorn's HTTP protocol with the limits that it lacks: on the time and bytes of headers, and on unwanted bodies.

They cannot live in ASGI: an app is called only when all headers are there, and is done when it has answered. A header
line that never ends would be kept in memory, and a connection that never sends one would be kept for ever.
"""

import asyncio
import logging
import socket
import uuid
from typing import Any, cast

from starlette.types import Receive, Scope
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.direct import Direct, Reply
from service.errors import Problem
from service.middleware.drain import InFlight
from service.observability.metrics import Metrics
from service.responses import shaped
from service.settings import Settings
from service.waiting import ON_LEAVING

log = logging.getLogger("whatsit.request")

_TOO_LARGE = Problem(431, "headers-too-large", "Headers too large", "the request's headers are larger than accepted")
_TOO_SLOW = Problem(408, "headers-timeout", "The headers took too long", "the headers did not arrive in time")
_BROKEN = Problem(400, "malformed-request", "Malformed request", "what arrived is not an HTTP request")
# Requests that one connection may send before it is answered; thousands fit in one packet, and each costs 2 kB.
_MAX_AHEAD = 64


class LimitedProtocol(HttpToolsProtocol):
    """One connection; ends it when the headers of a request are too slow or too large.

    What frames the chunks of a body counts like headers: its extensions and trailers may be as endless.
    What comes of a body after its answer, a 413 say, is read and dropped for the time that a body may take: closing at
    once would reset the connection, and the client would never read why. As long may a client take over its answer.
    """

    def __init__(
        self, *args: Any, settings: Settings, metrics: Metrics, in_flight: InFlight, direct: Direct, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.url = b""  # which uvicorn does not say before the first request
        self._metrics = metrics
        self._in_flight = in_flight
        self._direct = direct
        self._max_bytes = settings.max_header_bytes
        self._timeout = settings.header_timeout_s
        self._linger = settings.body_timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._keeper: asyncio.TimerHandle | None = None
        self._idle_since: float | None = None
        self._in_headers = False
        self._problem = _BROKEN
        self._in_body = False
        self._refused = False
        self._seen = 0  # bytes since the last that were of a body: headers and framing, unfinished lines included

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first request."""
        super().connection_made(transport)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux: the kernel ends a connection whose client reads nothing
            own = transport.get_extra_info("socket")
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._linger * 1000))
        self._await_headers()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and say so to whoever works for the client that is gone."""
        self._stop_timer()
        if self._keeper is not None:
            self._keeper.cancel()
        super().connection_lost(exc)
        if self._inside() and (leave := self.cycle.scope["state"].get(ON_LEAVING)):
            leave()

    @override
    def data_received(self, data: bytes) -> None:
        """Count what arrives, and parse it."""
        if self._refused:
            return  # what follows is not listened to
        self._seen += len(data)
        self._idle_since = None
        super().data_received(data)
        if self._seen > self._max_bytes:
            self._refuse(_TOO_LARGE)
        elif self._timer is None and (self._in_headers or not (self._inside() or self._in_body)):
            self._await_headers()  # they are not whole, or only the empty lines before them are there

    @override
    def on_message_begin(self) -> None:
        """The headers of a request begin; most often they come whole, and need no timer."""
        super().on_message_begin()
        self.scope["state"][ON_LEAVING] = None
        self._in_headers = True
        self._problem = _BROKEN

    @override
    def on_headers_complete(self) -> None:
        """Hand the request over, unless its headers came whole but too large."""
        self._stop_timer()
        self._in_headers = False
        if len(self.pipeline) >= _MAX_AHEAD:
            raise ValueError("too many requests ahead of their answers")  # those before it are answered
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._max_bytes:
            self._problem = _TOO_LARGE
            raise ValueError("headers too large")  # stops the parser, which has send_400_response called
        super().on_headers_complete()
        self._seen, self._in_body = 0, True

    @override
    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body over; how much of it there may be is counted elsewhere."""
        self._seen = 0
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        """The body is over: the next request may come."""
        self._stop_timer()
        self._in_body = False
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        """Let what is left of an unwanted body come, but not for ever; then keep the connection for a while."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._keep()
        if self._in_body:
            self._timer = self.loop.call_later(self._linger, self.transport.close)

    def _keep(self) -> None:
        """Close the connection when it has been idle for as long as one is kept.

        uvicorn has a timer for each request, which costs as much as its parsing; here one looks after many.
        """
        self._idle_since = self.loop.time()
        if self._keeper is None:
            self._keeper = self.loop.call_later(self.timeout_keep_alive, self._look_whether_idle)

    def _look_whether_idle(self) -> None:
        since, self._keeper = self._idle_since, None
        if since is None:
            return  # a request is under way; its end begins to wait anew
        left = since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._keeper = self.loop.call_later(left, self._look_whether_idle)
        elif not self.transport.is_closing():
            self.transport.close()

    @override
    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed in the shape of every error."""
        self._refuse(self._problem)

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered; when the task begins, all is there that came with the headers."""
        if self._in_flight.leaving:
            cycle.keep_alive = False
        task = self.loop.create_task(self._answered(cycle, app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answered(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope = cast(Scope, cycle.scope)
        if not self._direct.takes(scope):
            await cycle.run_asgi(app)
            return
        body = None if cycle.more_body else bytes(cycle.body)
        reply = await self._direct.answer(scope, cast(Receive, cycle.receive), body)
        if self.flow.write_paused and not cycle.disconnected:
            await self.flow.drain()
        if not cycle.disconnected:
            self._write(cycle, reply)

    def _write(self, cycle: RequestResponseCycle, reply: Reply) -> None:
        """Write a whole answer at once."""
        cycle.response_started = cycle.response_complete = True
        end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[reply.status], reply.headers, end, reply.body)))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _inside(self) -> bool:
        """Whether a request is inside that is not answered yet."""
        return bool(self.cycle) and not self.cycle.response_complete

    def _await_headers(self) -> None:
        self._stop_timer()
        self._problem = _BROKEN
        self._timer = self.loop.call_later(self._timeout, self._too_slow)

    def _too_slow(self) -> None:
        """Refuse what has begun; on a connection opened ahead of need, a word would answer what comes next."""
        if self._seen:
            self._refuse(_TOO_SLOW)
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, problem: Problem) -> None:
        """Take nothing more from this connection, and say why where no other answer is due."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._stop_timer()
        if self._inside() and not self.cycle.more_body:
            self.cycle.keep_alive = False  # what came whole is still answered
        elif self._in_body and (self.pipeline or self.cycle.response_started):
            self.transport.close()  # anything written here would be taken for another request's answer
        else:
            self._answer(problem)

    def _answer(self, problem: Problem) -> None:
        request_id = uuid.uuid4().hex
        path = self.url.partition(b"?")[0].decode("latin-1")  # as much of it as came, of the last request
        body, content_type = shaped(problem, path, request_id)
        head = f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[problem.status] + head.encode() + body)
        self.transport.close()
        self._metrics.errors.add(problem.type)
        log.info("request", extra={"id": request_id, "status": problem.status, "problem": problem.type})
