"""What is kept of a run: a line of JSON for the run, for each choice of a setting, and for each cell of its tables."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from benchmarks.serving.works import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "serving.jsonl"


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    run: str
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


class Run(_Line):
    """How a run was begun; ``versions`` are those of our environment and of the peers'."""

    kind: Literal["run"] = "run"
    command: str
    seconds: float
    ours: tuple[str, ...]
    hardware: str
    cores: int
    memory_gb: float
    kernel: str
    versions: dict[str, dict[str, str]]
    wrk: str


class Choice(_Line):
    """The setting that a target is measured with in one work, of all that were tried: images a second of each."""

    kind: Literal["choice"] = "choice"
    work: str
    target: str
    setting: str
    tried: dict[str, float]


class Cell(_Line):
    """One measurement: images a second, seconds, megabytes and counts; ``failed`` says why there are none."""

    kind: Literal["cell"] = "cell"
    round: int
    work: str
    target: str
    load: str
    commit: str
    values: dict[str, float] = {}
    failed: str = ""


Line = Run | Choice | Cell
_LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="kind")])


def read(path: Path) -> list[Line]:
    """All lines of a file, none where it is not there; a last line that was cut short by a kill is left out."""
    if not path.exists():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [_LINE.validate_json(line) for line in whole.splitlines()]


def append(path: Path, line: Line) -> None:
    """Add a line, and have it on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(_whole(path))
        file.seek(0, os.SEEK_END)
        file.write(line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def of_run(lines: Iterable[Line], run: str) -> list[Line]:
    """The lines of one run."""
    return [line for line in lines if line.run == run]


def _whole(path: Path) -> int:
    """How many bytes of a file are whole lines."""
    return path.read_bytes().rfind(b"\n") + 1
