"""Databases: which there may be, and what is told where there is none."""

from pathlib import Path

import pytest

from service.errors import JobsUnavailable
from service.jobs.database import Database, database_url


@pytest.mark.parametrize("url", ["mysql://a@b/c", "nonsense", "sqlite:///x"])
def test_another_url_is_no_database(url: str, tmp_path: Path) -> None:
    with pytest.raises(JobsUnavailable):
        database_url(url, tmp_path)


def test_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(JobsUnavailable):
        Database(database_url(f"postgresql://a@/b?host={tmp_path}", tmp_path))
