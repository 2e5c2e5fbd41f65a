import pytest


@pytest.fixture
def seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app looks at its file of keys before every request, not once a second."""
    monkeypatch.setattr("service.keys.ring._LOOK_S", 0)
