"""Starts the service: in this process, or as workers under a supervisor in it."""

import gc
import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from socket import socket

from service import server
from service.keys.start import check_keys
from service.settings import Settings
from service.shared_engine.process import run_engine
from service.shared_engine.share import SharedEngine
from service.workers.board import Board
from service.workers.process import Role
from service.workers.shares import Shares, shares_of
from service.workers.sockets import listen
from service.workers.supervisor import Supervisor
from service.workers.worker import work

_TO_END_S = 5.0

log = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Serve until told to stop; returns 0 when it ended well.

    Raises OSError, with what to do, where the address is not to be had, and KeysError where it must not be listened on
    without keys, or they cannot be read; nothing was started then.
    """
    keys = check_keys(settings)
    shares = shares_of(settings)
    sockets = _listen(settings, shares.workers)
    each = shares.settings.model_dump(include={"lanes", "decode_threads", "queue_capacity"})
    log.info("starting", extra={"workers": shares.workers, "reason": shares.reason, "each": each})
    log.info("listening", extra={"host": settings.host, "port": sockets[0][0].getsockname()[1], "keys": keys})
    if settings.workers != 1 or shares.shared:
        return _supervise(shares, sockets)
    try:
        server.serve(shares.settings, sockets[0])
    except SystemExit as end:  # uvicorn has exit codes of its own; the last lines of the log say why
        return int(bool(end.code))
    return 0


def _listen(settings: Settings, workers: int) -> list[list[socket]]:
    try:
        return listen(settings.host, settings.port, workers)
    except OSError as error:
        reason = f"{error.strerror or error}".lower()
        told = f"cannot listen on {settings.host}, port {settings.port}: {reason}"
        raise OSError(error.errno, f"{told}; take another --port, or 0 for a free one") from error


def _supervise(shares: Shares, sockets: Sequence[Sequence[socket]]) -> int:
    settings, board = shares.settings, Board(["worker"] * shares.workers + ["engine"] * shares.shared)
    roles = list(_roles(shares, board, sockets))
    # What is there before the fork stays shared: a collection would write to the header of each object.
    gc.collect()
    gc.freeze()
    after_grace = settings.run_timeout_s + _TO_END_S  # engines wait for their last run
    return Supervisor(board, roles, settings.worker_timeout_s, settings.shutdown_grace_s, after_grace).run()


def _roles(shares: Shares, board: Board, sockets: Sequence[Sequence[socket]]) -> Iterator[Role]:
    """The workers, and the process that runs the graphs for them where they share one."""
    me, workers = os.getpid(), board.of_kind("worker")
    shared = SharedEngine(len(workers), shares.all.engine_bytes) if shares.shared else None
    for place, (slot, own) in enumerate(zip(workers, sockets, strict=True)):
        opener = partial(shared.opener, place) if shared else None
        yield Role(slot, partial(work, shares.settings, slot, own, me, opener), own)
    if shared:
        for slot in board.of_kind("engine"):
            yield Role(slot, partial(run_engine, shares.all, slot, shared.memory, shared.address, me))
