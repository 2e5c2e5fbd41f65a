"""Every start of a run, noted in ``run.json``: when, with what, and after how many epochs."""

from collections.abc import Iterator
from datetime import UTC, datetime

import torch

from models.manifest import Start
from training import environment, processes
from training.device import choose_precision
from training.progress import say
from training.run import Run
from training.settings import FitSettings

_COMMIT_DIGITS = 10


def this_start(settings: FitSettings, epochs: int = 0) -> Start:
    """A start here and now, after so many ``epochs``."""
    return Start(
        at=datetime.now(UTC),
        git_commit=environment.git_commit(),
        packages=environment.packages(),
        hardware=environment.hardware(),
        precision=choose_precision(settings),
        processes=processes.count(),
        threads=torch.get_num_threads(),
        epochs=epochs,
    )


def go_on(run: Run) -> None:
    """Note that ``run`` is taken up again, and say where this start is not like the one before."""
    info = run.info()
    now = this_start(run.recipe().fit, len(run.history()) if run.metrics_log.exists() else 0)
    run.note(info.model_copy(update={"starts": (*info.starts, now)}))
    changed = list(differences(info.starts[-1], now))
    if changed:
        # Processes draw their own random numbers; of the rest only the last digits of sums are known to depend.
        sure = "is not" if info.starts[-1].processes != now.processes else "may not be"
        say(f"warning: going on with {', '.join(changed)}: the result {sure} the one of an uninterrupted run")


def differences(before: Start, now: Start) -> Iterator[str]:
    """What is different ``now`` and may change the result; what was not noted ``before`` is not compared."""
    pairs = {
        "commit {}": (_short(before.git_commit), _short(now.git_commit)),
        "torch {}": (before.packages.get("torch"), now.packages.get("torch")),
        "precision {}": (before.precision, now.precision),
        "{}": (before.hardware, now.hardware),
        "{} processes": (before.processes, now.processes),
    }
    for text, (old, new) in pairs.items():
        if old is not None and old != new:
            yield f"{text.format('not known' if new is None else new)} in place of {old}"


def _short(commit: str | None) -> str | None:
    if commit is None:
        return None
    digits, dash, dirty = commit.partition("-")
    return digits[:_COMMIT_DIGITS] + dash + dirty
