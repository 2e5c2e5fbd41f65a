"""What tests of buckets need beside what all tests of stores do."""

import pytest

from models.bucket import objects


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt, where there would be several seconds of them."""
    config = {**objects.OPTIONS["s3"]["config_kwargs"], "retries": {"mode": "standard", "total_max_attempts": 1}}
    monkeypatch.setattr(objects, "OPTIONS", {"s3": {"config_kwargs": config}})
