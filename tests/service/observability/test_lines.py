"""Lines come out whole, in their order, few at a time; none is lost."""

import asyncio
import errno
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typing_extensions import override

from service.observability.lines import LinesHandler


class Pipe(io.StringIO):
    """Remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    @override
    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


class Disk(Pipe):
    full = False

    @override
    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@contextmanager
def logging_to(pipe: Pipe) -> Iterator[logging.Logger]:
    log, handler = logging.getLogger("tests.lines"), LinesHandler(pipe)
    log.propagate = False
    log.setLevel("INFO")
    log.addHandler(handler)
    yield log
    log.removeHandler(handler)


@pytest.fixture
def log(pipe: Pipe) -> Iterator[logging.Logger]:
    with logging_to(pipe) as log:
        yield log


def test_where_no_loop_runs_a_line_is_written_at_once(log: logging.Logger, pipe: Pipe) -> None:
    log.info("one")
    assert pipe.writes == ["one\n"]
    log.info("two")
    assert pipe.writes == ["one\n", "two\n"]


async def test_lines_of_one_turn_of_the_loop_are_written_together(log: logging.Logger, pipe: Pipe) -> None:
    log.info("one")
    log.info("two")
    assert pipe.writes == []
    await asyncio.sleep(0)
    assert pipe.writes == ["one\ntwo\n"]
    log.info("three")
    await asyncio.sleep(0)
    assert pipe.writes == ["one\ntwo\n", "three\n"]


async def test_a_warning_waits_for_nothing_and_keeps_its_place(log: logging.Logger, pipe: Pipe) -> None:
    log.info("one")
    log.warning("two")
    assert pipe.writes == ["one\ntwo\n"]
    log.info("three")
    await asyncio.sleep(0)
    assert pipe.getvalue() == "one\ntwo\nthree\n"


async def test_other_threads_write_at_once_and_in_order(log: logging.Logger, pipe: Pipe) -> None:
    log.info("one")
    await asyncio.to_thread(log.info, "two")
    assert pipe.getvalue() == "one\ntwo\n"


async def test_no_write_is_longer_than_a_pipe_takes_in_one(log: logging.Logger, pipe: Pipe) -> None:
    lines = [f"{number:04} {'x' * 300}" for number in range(100)]
    long = "y" * 5000
    for line in (*lines, long, "last"):
        log.info(line)
    await asyncio.sleep(0)
    assert pipe.getvalue().splitlines() == [*lines, long, "last"]
    assert all(len(text) <= 4096 or text == f"{long}\n" for text in pipe.writes)
    assert len(pipe.writes) < 15


async def test_what_waits_is_written_at_the_end(log: logging.Logger, pipe: Pipe) -> None:
    log.info("one")
    log.handlers[0].flush()  # as logging.shutdown does
    assert pipe.writes == ["one\n"]
    await asyncio.sleep(0)
    assert pipe.writes == ["one\n"]


async def test_a_full_disk_ends_nothing() -> None:
    disk = Disk()
    with logging_to(disk) as log:
        disk.full = True
        log.warning("one")
        disk.full = False
        log.warning("two")
    assert disk.writes == ["two\n"]


def test_a_line_that_cannot_be_made_takes_no_other_with_it(pipe: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    handler = LinesHandler(pipe)
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",)}))
    handler.handle(logging.makeLogRecord({"msg": "two"}))
    assert pipe.writes == ["two\n"]
    assert "Logging error" in capsys.readouterr().err
