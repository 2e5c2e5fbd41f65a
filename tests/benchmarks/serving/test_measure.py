"""The harness against our own service, with the least of everything."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.serving import measure as module
from benchmarks.serving.ledger import Ledger
from benchmarks.serving.limits import Limit, Loop
from benchmarks.serving.measure import Plan, measure
from benchmarks.serving.records import Cell, read
from benchmarks.serving.report import page
from benchmarks.serving.targets import OURS, ours
from benchmarks.serving.works import Work
from tests.benchmarks.serving.support import run
from tests.support.bundles import publish_tiny
from tests.support.images import encode, solid

pytestmark = pytest.mark.skipif(
    shutil.which("wrk") is None or not sys.platform.startswith("linux"), reason="needs Linux and wrk"
)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for name in ("_LOGS", "_MESSAGES"):
        monkeypatch.setattr(module, name, tmp_path / name)
    monkeypatch.setenv("WHATSIT_NO_SUCH_SETTING", "1")  # would end the service, and is kept from it
    publish_tiny(tmp_path / "store")
    image = tmp_path / "image.png"
    image.write_bytes(encode(solid("red", (8, 8)), "PNG"))
    (tmp_path / "likely.json").write_text('["red"]')
    work = Work("mid", "Colours", tmp_path / "store", "tiny", image)
    server = replace(ours(OURS), only=("closed-1", "steady"))
    limit = Limit("limit-decode", "decode, resize, run", decodes=True, settings=(Loop(1, 1, 1),))
    return Plan(0.3, 1, [work], [limit, server], Path(sys.executable))


def test_a_round_is_measured_once_and_told(plan: Plan, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    measure(plan, Ledger(results, run()))
    lines = read(results)
    cells = {(line.target, line.load): line for line in lines if isinstance(line, Cell)}
    assert [cell.failed for cell in cells.values() if cell.failed] == []
    assert set(cells) == {("limit-decode", "loop"), ("ours", "start"), ("ours", "closed-1"), ("ours", "steady")}
    assert cells["ours", "closed-1"].values["rate"] > 0
    assert cells["ours", "steady"].values["accepted"] == cells["ours", "steady"].values["sent"] > 0
    assert cells["ours", "start"].values["memory"] > 10
    assert "| ours | " in page(lines, "first")
    measure(plan, Ledger(results, run()))
    assert read(results) == lines


def test_a_server_that_answers_something_else_is_noted_as_failed(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "likely.json").write_text('["blue"]')
    measure(replace(plan, targets=plan.targets[1:]), Ledger(tmp_path / "results.jsonl", run()))
    cells = [line for line in read(tmp_path / "results.jsonl") if isinstance(line, Cell)]
    assert {cell.load for cell in cells} == {"start", "closed-1", "steady"}
    assert {cell.failed for cell in cells} == {"the answer is red, and should be one of blue"}
