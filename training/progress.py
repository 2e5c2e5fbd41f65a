"""What training tells people while it works, on standard error, so that standard output stays for results."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

_console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line for people."""
    _console.print(text, markup=False, soft_wrap=True)


def bar(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Pass ``items`` on under a progress bar, which is shown on a terminal only and vanishes at its end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console, transient=True, disable=not _console.is_terminal) as progress:
        yield from progress.track(items, total=total, description=what)
