import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from training.errors import RunBusy
from training.lock import is_busy, sole


def test_there_is_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert not is_busy(folder)
    with sole(folder):
        (folder / "recipe.json").write_text("{}")
        assert is_busy(folder)
        who = rf"another process \({os.getpid()} on {re.escape(socket.gethostname())}\) is training in .*--output"
        with pytest.raises(RunBusy, match=who), sole(folder):
            pass
    assert not is_busy(folder)
    with sole(folder):
        assert is_busy(folder)


def test_a_folder_that_stays_empty_goes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no data"), sole(tmp_path / "runs" / "mine" / "run"):
        raise ValueError("no data")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_above_it_goes_only_when_it_was_made_for_it_and_stays_empty(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with sole(tmp_path / "runs" / "one"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]
    with sole(tmp_path / "runs" / "mine" / "two"):
        (tmp_path / "runs" / "mine" / "three").mkdir()
    assert [path.name for path in (tmp_path / "runs" / "mine").iterdir()] == ["three"]


def test_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with sole(tmp_path):
        pass
    assert (tmp_path / "notes.txt").exists()


def test_a_process_that_dies_frees_the_folder(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from training.lock import is_busy, sole
with sole(Path({str(tmp_path)!r})):
    assert is_busy(Path({str(tmp_path)!r}))
    os._exit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert (tmp_path / ".lock").exists()
    assert not is_busy(tmp_path)


def test_a_full_disk_is_left_to_be_told_by_others(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to("/dev/full")
    with sole(tmp_path):
        assert is_busy(tmp_path)
