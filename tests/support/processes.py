"""Other processes that do what they are told: for locks, races and kill -9."""

import subprocess
import sys


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run ``script``, Python code that finds ``arguments`` in sys.argv[1:]; its output can be read line by line."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    """Return when the process has said ``line``; fail when it ends without."""
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    raise AssertionError(f"the process ended with {process.wait()} and never said {line!r}")


def kill(process: subprocess.Popen[str]) -> None:
    """kill -9: nothing is cleaned up."""
    with process:
        process.kill()


def go_together(*processes: subprocess.Popen[str]) -> list[list[str]]:
    """Let processes that wait for a line on their standard input go at the same moment; returns what each said."""
    for process in processes:
        wait_for(process, "ready")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return said
