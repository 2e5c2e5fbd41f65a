"""What the settings, a file of tuned plans and the rule make of a graph."""

from pathlib import Path

import pytest

from models.manifest import Manifest
from models.store import Store
from service.cores import usable_cores
from service.inference.plan import Plan, keep_plan, key_of, plan_for, read_plans, tuned_file
from service.settings import Settings

CORES = usable_cores()
TUNED = Plan(threads=2, threads_alone=3, lanes=4, max_batch=5)


@pytest.fixture
def manifest(colours_root: Path) -> Manifest:
    return Store(colours_root).manifest("tiny", 1)


def test_by_rule_each_core_has_a_run_and_a_run_alone_has_all(manifest: Manifest, tmp_path: Path) -> None:
    plan = plan_for(manifest, Settings(), tmp_path / "none")
    assert plan == Plan(threads=1, threads_alone=CORES, lanes=CORES, max_batch=0)


def test_what_was_tuned_goes_before_the_rule_and_what_is_set_before_both(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "tuned.json"
    keep_plan(file, key_of(manifest, Settings()), TUNED)
    assert plan_for(manifest, Settings(), file) == TUNED
    assert plan_for(manifest, Settings(max_batch=7), file) == TUNED.model_copy(update={"max_batch": 7})
    assert plan_for(manifest, Settings(lanes=9), file).lanes == 9
    threads = plan_for(manifest, Settings(threads=CORES), file)
    assert (threads.threads, threads.threads_alone, threads.lanes) == (CORES, CORES, 1)


def test_another_graph_was_not_tuned(manifest: Manifest, tmp_path: Path) -> None:
    keep_plan(tmp_path / "tuned.json", key_of(manifest, Settings()), TUNED)
    other = manifest.model_copy(update={"files": dict.fromkeys(manifest.files, "0" * 64)})
    assert plan_for(other, Settings(), tmp_path / "tuned.json").max_batch == 0


def test_plans_are_added_and_replaced(tmp_path: Path) -> None:
    file = tmp_path / "tuned.json"
    better = TUNED.model_copy(update={"lanes": 1})
    for key, plan in (("a", TUNED), ("b", TUNED), ("a", better)):
        keep_plan(file, key, plan)
    assert read_plans(file) == {"a": better, "b": TUNED}
    assert [path.name for path in tmp_path.iterdir()] == ["tuned.json"]


def test_a_broken_file_is_no_obstacle(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "tuned.json").write_text("{")
    assert plan_for(manifest, Settings(), tmp_path / "tuned.json").lanes == CORES


def test_the_file_is_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_CACHE", "/somewhere")
    assert tuned_file() == Path("/somewhere/tuned.json")
