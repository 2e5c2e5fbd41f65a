"""How many workers there are when nobody says so."""

from pathlib import Path

import pytest

from models.store import Store
from service.settings import Settings
from service.workers import number
from service.workers.number import for_runs_of, number_of_workers


@pytest.mark.parametrize(
    ("ms", "cores", "workers"),
    [
        pytest.param(0.04, 2, 2, id="what is over at once needs a process a core"),
        pytest.param(0.04, 64, 8, id="but not too many"),
        pytest.param(1, 2, 2, id="a millisecond still does"),
        pytest.param(4, 2, 1, id="one process keeps two cores busy with more"),
        pytest.param(4, 8, 2, id="and two keep eight"),
        pytest.param(4, 64, 8, id="of 64 cores"),
        pytest.param(130, 64, 1, id="of the slowest there is one"),
        pytest.param(0.04, 1, 1, id="on one core"),
    ],
)
def test_as_few_as_keep_all_cores_busy(ms: float, cores: int, workers: int) -> None:
    assert for_runs_of(ms / 1000, cores) == workers


@pytest.fixture
def settings(colours_root: Path) -> Settings:
    return Settings(store=colours_root, default_model="tiny", device="cpu")


def cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(number, "usable_cores", lambda: count)


def test_the_default_model_is_tried_out(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    cores(monkeypatch, 4)
    workers, why = number_of_workers(settings)
    assert workers == 4  # its graph has six nodes
    assert "a default model that runs 0.0" in why


def test_a_large_graph_is_not_opened_for_that(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    cores(monkeypatch, 4)
    monkeypatch.setattr(number, "_LARGE_BYTES", 10)
    monkeypatch.setattr(number, "_READ_A_SECOND", 100)
    assert number_of_workers(settings)[0] == 1


def test_one_core_needs_no_trial(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    cores(monkeypatch, 1)
    assert number_of_workers(settings.model_copy(update={"default_model": "nobody"}))[0] == 1


def test_where_there_is_no_default_model_there_is_one_a_core(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    cores(monkeypatch, 4)
    workers, why = number_of_workers(settings.model_copy(update={"default_model": "nobody"}))
    assert workers == 4
    assert "nobody" in why


def test_what_is_wrong_with_its_files_is_no_reason_not_to_start(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings
) -> None:
    cores(monkeypatch, 4)
    (store.bundle("tiny", 1) / "model.onnx").unlink()
    workers, why = number_of_workers(settings.model_copy(update={"store": store.location}))
    assert workers == 4
    assert "model.onnx" in why


def test_a_graph_that_was_changed_is_not_tried_out(
    monkeypatch: pytest.MonkeyPatch, store: Store, settings: Settings
) -> None:
    cores(monkeypatch, 4)
    with (store.bundle("tiny", 1) / "model.onnx").open("ab") as file:
        file.write(b"\0")
    workers, why = number_of_workers(settings.model_copy(update={"store": store.location}))
    assert workers == 4
    assert "model.onnx is not what was published" in why
