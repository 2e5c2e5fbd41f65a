"""What training does with a version that was not trained here: it is measured and compared like the others."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.golden_folder import read_golden
from models.importing.publish import publish_import
from models.importing.wanted import Preprocessing, Wanted
from models.layout import graph_file
from models.store import Store
from training.compare import compare
from training.errors import NotComparable
from training.evaluate import evaluate
from training.learnt import NOTHING_KNOWN, learnt_by_version
from training.release import publish
from training.run import Run
from training.subject import open_subject


@pytest.fixture(scope="module")
def store(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The run's own graph, imported as if it came from elsewhere, beside the version that it became."""
    store, spec = Store(tmp_path_factory.mktemp("store")), finished.recipe().input
    publish(finished, store, "shapes", who="tests")
    wanted = Wanted(finished.splits().labels, Preprocessing(resize=spec.resize, filter=spec.filter), threshold=0.1)
    path = finished.folder / graph_file("fp32")
    publish_import(store, "imported", path, wanted, read_golden(finished.golden), who="tests")
    return store


def test_it_is_measured_on_all_images_of_a_folder(store: Store, finished: Run, drawings: Path) -> None:
    found = evaluate(open_subject("imported", store), drawings)
    assert found.metrics.accuracy == finished.metrics().accuracy
    assert (found.same_test_split, found.held_out) == (False, None)
    assert (found.metrics.split, found.metrics.uncalibrated_error) == ("not known to be held out", None)
    assert found.warning is not None
    assert found.warning.startswith("what the imported model has learnt from is not known")
    assert (found.promises.accepted.wanted, found.promises.candidates) == (None, None)
    assert found.promises.accepted.share == 1


def test_it_is_compared(store: Store, drawings: Path) -> None:
    imported, trained = open_subject("imported", store), open_subject("shapes", store)
    found = compare(imported, trained, drawings)
    assert (found.first.held_out, found.second.held_out) == (None, True)
    assert (found.first_only, found.second_only) == (0, 0)
    with pytest.raises(NotComparable, match="other classes"):
        compare(replace(imported, labels=("a", "b", "c")), trained, drawings)


def test_what_it_has_learnt_from_is_not_known(store: Store) -> None:
    assert learnt_by_version(store.manifest("imported", 1)) == NOTHING_KNOWN
