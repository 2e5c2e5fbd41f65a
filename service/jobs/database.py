"""Transactions, on SQLite in a file or on PostgreSQL."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Connection, Engine, create_engine, event, extract, func, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from service.errors import DiskFull, JobsUnavailable
from service.jobs.tables import METADATA

_BUSY_S = 15.0  # for as long another process may write
_AGAIN_S = 0.01
_LOCK = 7_714_269  # any number, the same for all that make the tables
_DRIVER = "postgresql+psycopg"
_FULL = ("database or disk is full", "No space left on device")


class Moment(NamedTuple):
    """A transaction, and the time when it began by the clock that all processes share: PostgreSQL's, or this host's."""

    connection: Connection
    now: float


class Database:
    """Opens connections as they are needed; to be made after a fork.

    Its methods raise JobsUnavailable when the database does not answer, and DiskFull when it has no room.
    """

    def __init__(self, url: URL) -> None:
        self._sqlite = url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(url) if self._sqlite else create_engine(url, pool_pre_ping=True)
        with self.writes(lasting=True) as (connection, _):
            if not self._sqlite:  # or two that make them at once would meet
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            METADATA.create_all(connection)

    @contextmanager
    def writes(self, *, lasting: bool = False) -> Iterator[Moment]:
        """A transaction that may write. One that is ``lasting`` is on the disk when it ends well.

        Others survive the death of any process, but perhaps not that of the machine; they cost no wait for the disk.
        """
        with self._translated(), self._engine.connect() as connection:
            connection.execution_options(writes=True, lasting=lasting)
            with connection.begin():
                if not self._sqlite and not lasting:
                    connection.execute(text("SET LOCAL synchronous_commit TO off"))
                yield Moment(connection, self._now(connection))

    @contextmanager
    def reads(self) -> Iterator[Moment]:
        """A transaction that only reads."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield Moment(connection, self._now(connection))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _now(self, connection: Connection) -> float:
        if self._sqlite:
            return time.time()
        return float(connection.execute(select(extract("epoch", func.clock_timestamp()))).scalar_one())

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            if any(sign in str(error.orig) for sign in _FULL):
                raise DiskFull("there is no room left for the state of jobs") from error
            raise JobsUnavailable(f"the database of jobs does not answer: {error.orig}") from error


def database_url(given: str | None, folder: Path) -> URL:
    """Where the tables are: what the settings say, else a file in the folder of jobs; raises JobsUnavailable."""
    if given is None:
        return URL.create("sqlite", database=str(folder / "jobs.db"))
    try:
        url = make_url(given)
        if url.get_backend_name() not in {"postgresql", "postgres"}:
            raise JobsUnavailable("database_url must begin with postgresql://; left out, jobs are kept in SQLite")
        url = url.set(drivername=_DRIVER)
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError) as error:
        raise JobsUnavailable("database_url is not a URL such as postgresql://user:password@host/name") from error
    except ImportError as error:
        raise JobsUnavailable("PostgreSQL needs one package more: pip install 'whatsit[postgres]'") from error
    return url


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_S})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # or the driver would begin transactions by its own rules
    connection.execute("PRAGMA foreign_keys = ON")
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:  # two that make the file at once: here SQLite does not wait by itself
            if time.monotonic() > until:
                raise
            time.sleep(_AGAIN_S)
        else:
            return


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("writes"):
        # With NORMAL the log is not waited for. A later transaction with FULL has all before it on the disk as well.
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options.get('lasting') else 'NORMAL'}")
        # At once: one that reads first and then writes may find that another has written, and fail.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("BEGIN")
