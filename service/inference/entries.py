"""What goes through a batcher, and what comes out of it."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from service.errors import InferenceFailed

Item = TypeVar("Item")
Row = TypeVar("Row")


class Delivered(NamedTuple, Generic[Row]):
    """The row of one item, the seconds that it waited and those that its batch ran, and that batch's size."""

    row: Row
    queue_s: float
    run_s: float
    batch: int


class Entry(NamedTuple, Generic[Item, Row]):
    """One item on its way, with the times when it is too late and when it came, and who waits for its row."""

    item: Item
    deadline: float
    entered: float
    future: "asyncio.Future[Delivered[Row]]"


def deliver(entries: Sequence[Entry[Item, Row]], rows: Sequence[Row | Exception], began: float, ran: float) -> None:
    """Give each entry its row of a batch that began at ``began`` and took ``ran`` seconds."""
    for entry, row in zip(entries, rows, strict=True):
        if entry.future.done():  # its caller left meanwhile
            continue
        if isinstance(row, Exception):
            entry.future.set_exception(row)
        else:
            entry.future.set_result(Delivered(row, began - entry.entered, ran, len(entries)))


def fail(
    entries: Iterable[Entry[Item, Row]], error: type[Exception] = InferenceFailed, why: str = "the engine stopped"
) -> None:
    """Tell those who still wait that there will be no row."""
    for entry in entries:
        if not entry.future.done():
            entry.future.set_exception(error(why))
