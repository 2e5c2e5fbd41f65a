"""Work that is done in a process of its own, because it would leave something behind that does not survive a fork."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar, cast

from models.errors import WhatsitError

T = TypeVar("T")


def apart(work: Callable[[], T]) -> T:
    """Do ``work`` in a forked process; return what it returns, or raise the WhatsitError or OSError that it raises.

    It may start threads, and open CUDA, which no process can use that was forked after it. Raises RuntimeError when
    the process ends in any other way.
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(work, sending))
    process.start()
    sending.close()
    try:
        result, error = receiving.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"a process that was started apart ended with exit code {process.exitcode}") from None
    process.join()
    if error is not None:
        raise error
    return cast(T, result)


def _do(work: Callable[[], object], sending: Connection) -> None:
    try:
        result = work()
    except (WhatsitError, OSError) as error:
        sending.send((None, error))
    else:
        sending.send((result, None))
