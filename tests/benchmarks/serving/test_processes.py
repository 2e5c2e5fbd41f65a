import sys
import time
from pathlib import Path

from benchmarks.serving.processes import started

# A server with a child that ignores the signal to end, and 50 MB in all.
SERVER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = bytearray(b"x" * 50_000_000)
print("ready", flush=True)
sum(range(3_000_000))
time.sleep(60)
'''])
time.sleep(60)
"""


def test_the_children_of_a_server_count_and_end_with_it(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    with started([sys.executable, "-c", SERVER], {}, log) as tree:
        until = time.monotonic() + 20
        while "ready" not in log.read_text() or tree.cpu_seconds() == 0:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert tree.memory_mb() > 50
        assert not tree.ended()
    assert tree.ended()
    assert tree.memory_mb() == 0
    assert tree.cpu_seconds() == 0
