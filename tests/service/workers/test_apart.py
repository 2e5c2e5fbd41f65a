"""Work in a process of its own: what it raises comes back, and nothing else."""

import subprocess
import sys

import pytest

_SCRIPT = """
import os, sys, threading, time
from models.errors import ModelNotFound
from service.workers.apart import apart

def succeeds():
    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
    return [1, "two"]

def fails():
    raise ModelNotFound("there is no model pets")

def dies():
    os._exit(7)

try:
    print(apart(globals()[sys.argv[1]]))
except Exception as error:
    print(type(error).__name__, error)
print("threads", threading.active_count())
"""


@pytest.mark.parametrize(
    ("work", "told"),
    [
        ("succeeds", ["[1, 'two']"]),
        ("fails", ["ModelNotFound there is no model pets"]),
        ("dies", ["RuntimeError a process that was started apart ended with exit code 7"]),
    ],
)
def test_what_happens_apart(work: str, told: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT, work], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [*told, "threads 1"]
