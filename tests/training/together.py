"""Several processes that train together, as torchrun starts them, without the seconds that it takes.

A server that has imported training is forked for each of them.
"""

import multiprocessing
import os
import socket
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

_SECONDS = 100
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["training.train"])


def together(work: Callable[..., Any], *arguments: Any, processes: int = 2) -> list[Any]:
    """What ``work``, a function of a module, returns in each of the processes, or the error that it raises."""
    pipes = [_context.Pipe(duplex=False) for _ in range(processes)]
    port = _free_port()
    started = [
        _context.Process(target=_run, args=(rank, processes, port, sender, work, arguments), daemon=True)
        for rank, (_, sender) in enumerate(pipes)
    ]
    for process in started:
        process.start()
    try:
        for receiver, _ in pipes:
            assert receiver.poll(_SECONDS), "it does not come to an end"
        return [receiver.recv() for receiver, _ in pipes]
    finally:
        for process in started:
            process.kill()
            process.join()


def _run(
    rank: int, processes: int, port: int, sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    count = str(processes)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {"GROUP_WORLD_SIZE": "1", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "tests"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    try:
        sender.send(work(*arguments))
    except Exception as error:  # noqa: BLE001 - the test judges it
        sender.send(error)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
