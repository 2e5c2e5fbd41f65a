"""The lines of one run in the file of results: what is there already, and what is added."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from benchmarks.serving.errors import BenchmarkFailed, RunMismatch
from benchmarks.serving.loads import LOADS
from benchmarks.serving.machine import commit
from benchmarks.serving.records import Cell, Choice, Line, Run, append, of_run, read


class Ledger:
    """Opens the run of ``run.run`` in ``path``, or begins it there.

    Raises RunMismatch where it was begun in another way, for its figures could not be compared.
    """

    def __init__(self, path: Path, run: Run) -> None:
        self._path, self._run = path, run.run
        self._commit = commit()
        self._lines: list[Line] = of_run(read(path), run.run)
        before = next((line for line in self._lines if isinstance(line, Run)), None)
        if before is None:
            self._add(run)
            return
        for name in ("seconds", "ours", "hardware", "cores"):
            if getattr(before, name) != getattr(run, name):
                raise RunMismatch(
                    f"the run {run.run} was begun with {name} = {getattr(before, name)!r}, not {getattr(run, name)!r}: "
                    "give this one another name (--run NAME)"
                )

    def has(self, number: int, work: str, target: str, load: str) -> bool:
        """Whether a cell is measured already; one that failed is tried again."""
        return any(cell.load == load and not cell.failed for cell in self._cells(number, work, target))

    def choice(self, work: str, target: str) -> str | None:
        """The setting that was chosen, None before that."""
        lines = (line for line in self._lines if isinstance(line, Choice))
        return next((line.setting for line in lines if (line.work, line.target) == (work, target)), None)

    def choose(self, work: str, target: str, tried: Mapping[str, float]) -> str:
        """Note and return the setting of most images a second; raises BenchmarkFailed where there were none."""
        setting = max(tried, key=lambda name: tried[name])
        if not tried[setting]:
            raise BenchmarkFailed(f"none of its settings gave an answer: {', '.join(tried)}")
        self._add(Choice(run=self._run, work=work, target=target, setting=setting, tried=dict(tried)))
        _tell(work, target, f"chosen: {setting}")
        return setting

    def note(
        self, number: int, work: str, target: str, load: str, values: Mapping[str, float], failed: str = ""
    ) -> None:
        """Add a cell."""
        self._add(
            Cell(
                run=self._run,
                round=number,
                work=work,
                target=target,
                load=load,
                commit=self._commit,
                values={name: float(f"{value:.6g}") for name, value in values.items()},
                failed=failed,
            )
        )
        told = failed or ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        _tell(f"round {number + 1}, {work}", target, f"{load}: {told}")

    def peak(self, number: int, work: str, target: str) -> float:
        """The most images a second of a round in a closed loop; raises BenchmarkFailed where nothing was answered."""
        loads = {load.name for load in LOADS if load.counts_for_peak}
        rates = [cell.values.get("rate", 0) for cell in self._cells(number, work, target) if cell.load in loads]
        if not any(rates):
            raise BenchmarkFailed("no closed loop was answered: there is no peak to go by")
        return max(rates)

    def _cells(self, number: int, work: str, target: str) -> list[Cell]:
        cells = (line for line in self._lines if isinstance(line, Cell))
        return [cell for cell in cells if (cell.round, cell.work, cell.target) == (number, work, target)]

    def _add(self, line: Line) -> None:
        append(self._path, line)
        self._lines.append(line)


def _tell(where: str, target: str, what: str) -> None:
    print(f"{datetime.now().astimezone():%H:%M:%S} {where}, {target}: {what}", flush=True)
