"""Jobs on either database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.jobs import database as databases
from service.jobs.database import Database
from service.jobs.ledger import Ledger
from tests.service.jobs.support import STORE


@pytest.fixture
def database(database_url: str | None, tmp_path: Path) -> Iterator[Database]:
    """An empty one."""
    database = Database(databases.database_url(database_url, tmp_path))
    yield database
    database.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """Its ledger."""
    return Ledger(database, STORE)
