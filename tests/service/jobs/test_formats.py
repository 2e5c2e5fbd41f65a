"""CSV and Parquet say what the lines of JSON say."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from service.jobs.formats import convert

ROWS = [
    {
        "index": 0,
        "name": 'a "b", c\n.png',
        "status": "ok",
        "label": "cat",
        "score": 0.75,
        "decision": "accept",
        "candidates": ["cat", "dog"],
        "predictions": [{"label": "cat", "index": 3, "score": 0.75}, {"label": "dog", "index": 5, "score": 0.25}],
        "image": {"format": "PNG", "width": 8, "height": 9},
        "timing_ms": {"decode": 1.0, "queue": 0.0, "inference": 1.0, "total": 2.0},
    },
    {
        "index": 1,
        "name": None,
        "status": "error",
        "error": {"type": "urn:whatsit:problem:x", "title": "X", "status": 422, "detail": "no image"},
    },
]
HEADER = [
    *[
        "index",
        "name",
        "status",
        "label",
        "score",
        "decision",
        "candidates",
        "predictions",
        "format",
        "width",
        "height",
    ],
    *["error_type", "error_title", "error_status", "error_detail"],
]


@pytest.fixture
def parts(tmp_path: Path) -> list[tuple[str, int, int]]:
    """Each row in a file of its own, among rows that nobody noted."""
    found = []
    for row in ROWS:
        line = json.dumps(row).encode() + b"\n"
        path = tmp_path / f"part-{row['index']}"
        path.write_bytes(b"not noted\n" + line + b"nor this\n")
        found.append((str(path), 10, len(line)))
    return found


def test_csv_has_a_header_and_a_line_for_each(parts: list[tuple[str, int, int]]) -> None:
    file = io.BytesIO()
    convert(parts, file, "csv")
    header, ok, failed = csv.reader(io.StringIO(file.getvalue().decode(), newline=""))
    assert header == HEADER
    assert ok[:6] == ["0", 'a "b", c\n.png', "ok", "cat", "0.75", "accept"]
    assert json.loads(ok[6]) == ROWS[0]["candidates"]
    assert json.loads(ok[7]) == ROWS[0]["predictions"]
    assert ok[8:] == ["PNG", "8", "9", "", "", "", ""]
    assert failed == ["1", "", "error", *[""] * 8, "urn:whatsit:problem:x", "X", "422", "no image"]


def test_parquet_has_types_and_nulls(parts: list[tuple[str, int, int]]) -> None:
    file = io.BytesIO()
    convert(parts, file, "parquet")
    table = pq.read_table(io.BytesIO(file.getvalue()))
    assert table.column_names == HEADER
    ok, failed = table.to_pylist()
    assert (ok["predictions"], ok["candidates"]) == (ROWS[0]["predictions"], ROWS[0]["candidates"])
    assert (ok["score"], ok["width"], ok["error_status"]) == (0.75, 8, None)
    assert (failed["label"], failed["candidates"], failed["error_status"]) == (None, None, 422)


def test_nothing_is_a_table_too() -> None:
    file = io.BytesIO()
    convert([], file, "parquet")
    assert pq.read_table(io.BytesIO(file.getvalue())).num_rows == 0


def test_a_process_of_its_own_writes_the_file_and_says_when_the_disk_is_full(
    parts: list[tuple[str, int, int]], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "service.jobs.phases", str(tmp_path / "results"), "csv"]
    subprocess.run(command, input=json.dumps(parts).encode(), check=True, cwd=Path(__file__).parents[3])
    assert (tmp_path / "results").read_text(encoding="utf-8").startswith("index,name")
