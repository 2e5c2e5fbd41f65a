"""What training tells people while it works, on standard error, so that standard output stays for results.

Of several processes that train together, the first one speaks.
"""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from training.processes import is_first

T = TypeVar("T")

_console = Console(stderr=True, highlight=False)


def say(text: str, *, whoever: bool = False) -> None:
    """One line for people; ``whoever`` is for what one process does that need not be the first."""
    if whoever or is_first():
        _console.print(text, markup=False, soft_wrap=True)


def bar(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """Pass ``items`` on under a progress bar, which is shown on a terminal only and vanishes at its end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = _console.is_terminal and is_first()
    with Progress(*columns, console=_console, transient=True, disable=not shown) as progress:
        yield from progress.track(items, total=total, description=what)
