"""The formats of results beside NDJSON: CSV and Parquet. A row of them says what a line of JSON says, in columns.

``predictions`` and ``candidates`` are lists; in CSV they are JSON.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import from_json

from service.jobs.records import Format

Row = dict[str, Any]

COLUMNS = ("index", "name", "status", "label", "score", "decision", "candidates", "predictions")
IMAGE = ("format", "width", "height")
ERROR = ("error_type", "error_title", "error_status", "error_detail")
_HEADER = (*COLUMNS, *IMAGE, *ERROR)
# Rows that are in memory together: a row group of Parquet, which is read and compressed as one.
_GROUP = 8192


def convert(parts: Sequence[tuple[str, int, int]], file: BinaryIO, file_format: Format) -> None:
    """Write the lines of JSON in ``parts`` as CSV or Parquet."""
    (write_parquet if file_format == "parquet" else write_csv)(_rows(parts), file)


def write_csv(rows: Iterator[Row], file: BinaryIO) -> None:
    """A header and a line for each row, as RFC 4180 has it."""
    text = io.TextIOWrapper(file, "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    writer.writerows([_cell(row[column]) for column in _HEADER] for row in rows)
    text.detach()  # which leaves the file open


def write_parquet(rows: Iterator[Row], file: BinaryIO) -> None:
    """Row groups of some thousand rows."""
    import pyarrow as pa  # noqa: PLC0415 - an extra, and large
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = _schema(pa)
    with pq.ParquetWriter(file, schema) as writer:
        while group := list(islice(rows, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))


def _schema(pa: Any) -> Any:
    number, text, score = pa.int64(), pa.string(), pa.float64()
    prediction = pa.struct([("label", text), ("index", number), ("score", score)])
    lists = {"candidates": pa.list_(text), "predictions": pa.list_(prediction)}
    numbers = {"index": number, "width": number, "height": number, "error_status": number, "score": score}
    return pa.schema([(column, (lists | numbers).get(column, text)) for column in _HEADER])


def _rows(parts: Sequence[tuple[str, int, int]]) -> Iterator[Row]:
    for part, at, size in parts:
        with Path(part).open("rb") as file:
            file.seek(at)
            for line in file.read(size).splitlines():
                yield _flat(from_json(line))


def _flat(item: Row) -> Row:
    image, error = item.get("image") or {}, item.get("error") or {}
    return (
        {column: item.get(column) for column in COLUMNS}
        | {column: image.get(column) for column in IMAGE}
        | {column: error.get(column.removeprefix("error_")) for column in ERROR}
    )


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
