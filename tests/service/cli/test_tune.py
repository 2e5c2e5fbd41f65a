"""``whatsit tune``: what was measured is shown and kept."""

import json
import re

from models.store import Store
from service.inference.plan import Plan, read_plans, tuned_file
from tests.service.cli.conftest import Whatsit, assert_failed


def test_what_was_measured_is_told_and_kept(whatsit: Whatsit, store: Store) -> None:
    told = json.loads(whatsit("tune", "tiny", "--store", store.location, "--seconds", "0.01", "--json").out)
    assert list(read_plans(tuned_file()).values()) == [Plan(**told["plan"])]
    assert {trial["size"] for trial in told["measured"]} >= {1, 2}
    assert told["plan"]["max_batch"] >= 1


def test_a_table_for_people(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("tune", "tiny", "--store", store.location, "--seconds", "0.01")
    assert (result.code, result.err) == (0, "")
    assert "images at once" in result.out
    assert f"kept in {tuned_file()}" in result.out
    assert "with 1 thread\n" in result.out
    assert not re.search(r"\b1 (thread|run|image)s\b", result.out)


def test_a_model_that_is_not_there(whatsit: Whatsit, store: Store) -> None:
    assert_failed(whatsit("tune", "nobody", "--store", store.location), 1, "nobody")
