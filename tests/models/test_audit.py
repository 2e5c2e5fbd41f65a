"""The audit log: one line for each change, whatever people write into it, whoever dies while writing it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from models.audit import Entry, append, entries, locked
from models.errors import InvalidManifest
from tests.support.processes import go_together, kill, start, wait_for

HOLDER = """
import sys, time
from pathlib import Path
from models.audit import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""
WRITER = """
import sys
from pathlib import Path
from models.audit import Entry, append, locked
print("ready", flush=True)
input()
for number in range(1, 51):
    with locked(Path(sys.argv[1])):
        append(Path(sys.argv[1]), Entry(action="publish", after=number, who=sys.argv[2], why="to see who waits"))
"""


def entry(**changes: object) -> Entry:
    return Entry(**({"action": "move", "alias": "production", "after": 2, "who": "me", "why": "better"} | changes))


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert entries(tmp_path) == []


def test_what_is_written_comes_back_in_order(tmp_path: Path) -> None:
    written = [
        entry(before=1),
        entry(action="publish", alias=None, after=3),
        entry(action="remove", before=1, after=None),
    ]
    for one in written:
        append(tmp_path, one)
    assert entries(tmp_path) == written


def test_a_line_is_json_for_people_and_programs(tmp_path: Path) -> None:
    append(tmp_path, entry(at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))
    line = (tmp_path / "audit.jsonl").read_text()
    expected = {"action": "move", "alias": "production", "after": 2, "who": "me", "why": "better"}
    assert json.loads(line) == expected | {"at": "2026-01-02T03:04:05Z"}
    assert line.endswith("}\n")


@pytest.mark.parametrize(
    "text", ["two\nlines", "\r\n", "\x1b[31m", "a\u2028b", "a\x85b", "a\x0bb\x0cc", "ü寿司", '"}', "\0"]
)
def test_what_people_write_stays_in_its_line(tmp_path: Path, text: str) -> None:
    append(tmp_path, entry(who=text, why=text))
    append(tmp_path, entry())
    assert [one.why for one in entries(tmp_path)] == [text, "better"]
    assert (tmp_path / "audit.jsonl").read_bytes().count(b"\n") == 2


def test_a_line_whose_writer_died_is_as_if_it_never_was(tmp_path: Path) -> None:
    append(tmp_path, entry(why="first"))
    whole = (tmp_path / "audit.jsonl").read_bytes()
    for length in range(1, len(whole)):
        (tmp_path / "audit.jsonl").write_bytes(whole + whole[:length])
        assert [one.why for one in entries(tmp_path)] == ["first"]
        append(tmp_path, entry(why="second"))
        assert [one.why for one in entries(tmp_path)] == ["first", "second"]


@pytest.mark.parametrize("line", [b"{}", b"junk", b"", b'{"action": "explode", "who": "w", "why": "w"}', b"\xff"])
def test_a_whole_line_that_is_no_entry_is_named(tmp_path: Path, line: bytes) -> None:
    append(tmp_path, entry())
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(InvalidManifest, match=r"audit\.jsonl"):
        entries(tmp_path)


def test_an_entry_says_who_and_why() -> None:
    with pytest.raises(ValidationError):
        Entry(action="move")  # type: ignore[call-arg]
    assert entry().at.tzinfo is not None


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    holder = start(HOLDER, tmp_path)
    wait_for(holder, "locked")
    kill(holder)
    with locked(tmp_path):
        pass


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), locked(tmp_path):
        raise RuntimeError
    with locked(tmp_path):
        pass


def test_the_lock_makes_the_folder(tmp_path: Path) -> None:
    with locked(tmp_path / "store" / "model"):
        assert (tmp_path / "store" / "model").is_dir()


def test_two_processes_never_write_into_each_other(tmp_path: Path) -> None:
    go_together(start(WRITER, tmp_path, "one"), start(WRITER, tmp_path, "two"))
    written = entries(tmp_path)
    for who in ("one", "two"):
        assert [one.after for one in written if one.who == who] == list(range(1, 51))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user without a name")
def test_a_user_without_a_name_is_known_by_number() -> None:
    code = "from models.audit import who; import os; os.setuid(54321); print(who())"
    environment = {name: value for name, value in os.environ.items() if name not in {"USER", "LOGNAME", "USERNAME"}}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "54321\n"
