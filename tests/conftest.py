"""What tests of several rooms start from: a bucket behind a server that speaks S3."""

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.s3 import S3Server


@pytest.fixture(scope="session")
def s3_server() -> "Iterator[S3Server]":
    """One server for all tests, with an empty bucket."""
    from tests.support.s3 import S3Server  # noqa: PLC0415 - moto takes a second to import

    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server: "S3Server", monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Server]":
    """The server as it was at first, and named in the environment."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    yield s3_server
    s3_server.behave()


@pytest.fixture
def s3_url(s3: "S3Server") -> str:
    """A place in its bucket that nobody else uses."""
    return f"s3://models/{uuid.uuid4().hex}"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt to reach a bucket, where there would be several, of seconds."""
    from models.bucket import objects  # noqa: PLC0415 - few tests need what it imports

    config = {**objects.OPTIONS["s3"]["config_kwargs"], "retries": {"mode": "standard", "total_max_attempts": 1}}
    monkeypatch.setattr(objects, "OPTIONS", {"s3": {"config_kwargs": config}})
