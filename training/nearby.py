"""What to say to somebody who named a run or a version that is not there."""

from difflib import get_close_matches
from pathlib import Path

from training.errors import RunUnusable
from training.run import Run

_NAMED = 5


def check_run(run: Run) -> None:
    """Raise RunUnusable, with the runs that may have been meant, where there is none."""
    if not run.exists:
        raise RunUnusable(f"{run.folder}: there is no run{runs_near(run.folder)}")


def why_neither(name: str, error: Exception) -> str:
    """Why ``name``, which is no run, is no version either, as ``error`` has it, and which runs may have been meant."""
    why = "" if "/" in name else f": {error}"  # whoever writes a path means no model
    return why + runs_near(Path(name))


def runs_near(path: Path) -> str:
    """A clause that names the runs beside ``path``, else those in ``runs``, the likeliest first; empty without any."""
    for folder in (path.parent, Path("runs")):
        names = [place.name for place in sorted(folder.glob("*")) if Run(place).exists]
        if names:
            likely = [str(folder / name) for name in get_close_matches(path.name, names, _NAMED, cutoff=0)]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            return f"; known runs: {', '.join(likely)}{more}"
    return ""
