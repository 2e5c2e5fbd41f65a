"""What the tests of the service start from: stores, settings, an app in the process and a server outside it."""

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from models.store import Store
from service.background import running
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.service.support.moods import moody_graph
from tests.service.support.process import Server
from tests.support.bundles import publish_tiny

Start = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches them."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WHATSIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def colours_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store to read: ``tiny`` knows red, green and blue; ``moody`` misbehaves on request."""
    root = tmp_path_factory.mktemp("colours") / "store"
    publish_tiny(root)
    publish_tiny(root, "moody", model=moody_graph())
    return root


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of the test's own to change, with ``tiny``."""
    root = tmp_path / "store"
    publish_tiny(root)
    return Store(root)


@pytest.fixture
def settings(colours_root: Path) -> Settings:
    """Those of a service whose default model is ``tiny``."""
    return Settings(store=colours_root, default_model="tiny", threads=1, lanes=1, max_batch=32)


@pytest.fixture
def start(settings: Settings) -> Start:
    """Starts an app in the process, with other settings than the usual where given."""

    def with_settings(**changes: object) -> AbstractAsyncContextManager[App]:
        return running_app(settings.model_copy(update=changes))

    return with_settings


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    """The app in the process."""
    async with running_app(settings) as app:
        yield app


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, colours_root: Path) -> Iterator[Server]:
    """One server for all tests that do it no lasting harm; small limits, so that they are reached soon."""
    log = tmp_path_factory.mktemp("server") / "log"
    settings = {
        "store": colours_root,
        "default_model": "tiny",
        "workers": 1,
        "threads": 1,
        "lanes": 1,
        "max_batch": 32,
        "header_timeout_s": 1,
        "body_timeout_s": 2,
        "keep_alive_s": 2,
    }
    with log.open("wb") as file, running(settings, file.fileno()) as started:
        yield Server(started, log)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL that runs for as long as the tests do."""
    from tests.support.postgres import postgres  # noqa: PLC0415 - few tests need it

    with postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """That of an empty database."""
    from tests.support.postgres import emptied  # noqa: PLC0415 - as above

    return emptied(postgres_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """What the setting of that name would be: None for SQLite."""
    found: str | None = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return found
