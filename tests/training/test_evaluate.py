import shutil
from pathlib import Path

import numpy as np
import pytest

from models.errors import AliasNotFound
from models.manifest import Precision
from models.postprocess import Probabilities
from models.preprocess import Pixels
from models.runtime import Session
from models.store import Store
from tests.training.support import drawing, tiny_recipe, write_classes
from training.answers import run_graph
from training.compare import compare, verdict
from training.data import dataset
from training.data.folder import FolderSource
from training.data.splits import Indices
from training.errors import InvalidData, RunUnusable
from training.evaluate import evaluate
from training.release import publish
from training.run import Run, write_model
from training.subject import open_subject
from training.train import Request, train


@pytest.fixture(scope="module")
def store(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("store"))
    publish(finished, store, "shapes", alias="production", who="tests")
    return store


def test_a_run_is_measured_again_as_training_measured_it(finished: Run, store: Store) -> None:
    found = evaluate(open_subject(str(finished.folder), store), None)
    assert found.same_test_split
    assert found.metrics == finished.metrics()


def test_a_published_version_is_measured_through_the_store(finished: Run, store: Store, drawings: Path) -> None:
    found = evaluate(open_subject("shapes@production", store), drawings)
    assert (found.subject, found.same_test_split) == ("shapes@1", True)
    assert found.metrics == finished.metrics()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_each_graph_is_measured_as_it_was_published(
    finished: Run, store: Store, drawings: Path, precision: Precision
) -> None:
    of_run = evaluate(open_subject(str(finished.folder), store, precision), None)
    of_version = evaluate(open_subject("shapes", store, precision), drawings)
    assert of_run.metrics == of_version.metrics == finished.metrics(precision)
    assert of_version.subject == f"shapes@1 ({precision})"


def test_promises_are_measured_with_what_the_service_decides_by(finished: Run, store: Store, drawings: Path) -> None:
    found = evaluate(open_subject("shapes", store), drawings).promises
    manifest = store.manifest("shapes", 1)
    assert found == evaluate(open_subject(str(finished.folder), store), None).promises
    assert (found.accepted.wanted, found.accepted.share) == (manifest.decision.target, 0)
    assert found.candidates is None  # for so few validation images there are none


def test_other_data_is_measured_whole_and_said_to_be_other(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path, 6, first=3000, classes=["disc", "down"])
    (tmp_path / "disc" / "broken.png").write_bytes(b"x")
    found = evaluate(open_subject("shapes", store), tmp_path)
    assert (found.same_test_split, found.held_out) == (False, None)
    assert (found.metrics.split, found.metrics.images, found.unreadable) == ("not known to be held out", 12, 1)
    assert [entry.support for entry in found.metrics.per_class] == [0, 6, 6]  # by name: across is not there
    assert found.warning is not None
    assert "cannot be recognised as the test split of the training" in found.warning
    assert capsys.readouterr().err.count("broken.png") == 1


def test_a_handful_of_other_images_is_enough(store: Store, tmp_path: Path) -> None:
    found = evaluate(open_subject("shapes", store), write_classes(tmp_path, 1, first=3000))
    assert found.metrics.images == 3


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that drew its splits from a folder without any, in which one file was no image."""
    folder = tmp_path_factory.mktemp("drawn")
    data = write_classes(folder / "data", 20)
    (data / "disc" / "999.png").write_bytes(b"x")
    return train(Request("tiny", tiny_recipe(folder, "fit.epochs=1"), data, folder / "run"))


def own_data(run: Run, folder: Path) -> Path:
    """A copy of the data of a run, to be changed."""
    return shutil.copytree(str(run.info().data_path), folder / "data")


def test_a_split_that_training_drew_is_drawn_again(drawn: Run, tmp_path: Path) -> None:
    data, store = own_data(drawn, tmp_path), Store(tmp_path / "store")
    publish(drawn, store, "shapes", who="tests")
    for name in (str(drawn.folder), "shapes"):
        found = evaluate(open_subject(name, store), data)
        assert (found.same_test_split, found.held_out, found.unreadable, found.warning) == (True, True, 1, None)
        assert found.metrics == drawn.metrics()


def test_a_run_knows_its_test_images_when_others_of_its_data_have_changed(drawn: Run, tmp_path: Path) -> None:
    data, keys = own_data(drawn, tmp_path), drawn.splits().keys
    (data / keys["train"][0]).write_bytes(b"no image any more")
    (data / keys["validation"][0]).unlink()
    write_classes(data, 4, first=500)
    found = evaluate(open_subject(str(drawn.folder), Store(tmp_path)), data)
    assert (found.same_test_split, found.held_out, found.unreadable, found.warning) == (True, True, 2, None)
    assert found.metrics == drawn.metrics()


def test_of_a_test_split_that_has_suffered_the_rest_is_measured(drawn: Run, tmp_path: Path) -> None:
    data, keys = own_data(drawn, tmp_path), drawn.splits().keys["test"]
    (data / keys[0]).write_bytes(b"no image any more")
    (data / keys[1]).unlink()
    (data / keys[2]).rename(data / Path(keys[2]).parent / "renamed.png")
    found = evaluate(open_subject(str(drawn.folder), Store(tmp_path)), data)
    assert (found.same_test_split, found.held_out, found.metrics.split) == (False, True, "test")
    assert found.metrics.images == len(keys) - 2 == 7
    assert found.warning is not None
    assert "these are the 7 images that are there and can be read" in found.warning


def test_where_little_is_left_of_a_test_split_nothing_is_known(drawn: Run, tmp_path: Path) -> None:
    """A few images of it among others do not make these the data of the training."""
    data = own_data(drawn, tmp_path)
    for key in drawn.splits().keys["test"][:5]:
        (data / key).unlink()
    found = evaluate(open_subject(str(drawn.folder), Store(tmp_path)), data)
    assert (found.held_out, found.metrics.images) == (None, 55)
    assert found.warning is not None
    assert "name its folder" not in found.warning


def test_a_version_does_not_know_single_images(drawn: Run, tmp_path: Path) -> None:
    data = own_data(drawn, tmp_path)
    (data / drawn.splits().keys["train"][0]).write_bytes(b"no image any more")
    publish(drawn, Store(tmp_path), "shapes", who="tests")
    found = evaluate(open_subject("shapes", Store(tmp_path)), data)
    assert (found.held_out, found.metrics.images) == (None, 59)
    assert found.warning is not None
    assert "its run still knows the test split: name its folder" in found.warning


@pytest.fixture(scope="module")
def leaky(drawn: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that began with the weights of another, on the same data, and drew other splits."""
    folder = tmp_path_factory.mktemp("leaky")
    recipe = tiny_recipe(folder, "fit.epochs=1", "seed=99", f"transfer.weights={drawn.folder}")
    return train(Request("tiny", recipe, Path(str(drawn.info().data_path)), folder / "run"))


def test_what_the_weights_had_learnt_from_is_not_held_out(drawn: Run, leaky: Run, tmp_path: Path) -> None:
    origin, keys, store = leaky.info().origin, drawn.splits().keys, Store(tmp_path)
    assert origin is not None
    count = len({*keys["train"], *keys["validation"]} & {*leaky.splits().keys["test"]})
    assert origin.learnt_test_images == count > 0
    publish(leaky, store, "shapes", who="tests")
    told = f"the weights that the training began with, the run run, epoch 1, learnt from {count} images of its test"
    for name in (str(leaky.folder), "shapes"):
        found = evaluate(open_subject(name, store), Path(str(leaky.info().data_path)))
        assert (found.same_test_split, found.held_out, found.metrics.split) == (True, False, "test")
        assert found.warning is not None
        assert told in found.warning
    for name in ("report.html", "MODEL_CARD.md"):
        assert f"Mind: {told}" in (store.bundle("shapes", 1) / name).read_text()
    both = compare(open_subject(str(drawn.folder), store), open_subject("shapes", store), None)
    assert (both.first.held_out, both.second.held_out) == (True, False)
    assert "Mind that shapes@1 may have learnt from some of these images" in verdict(both)


def test_of_weights_from_nobody_knows_where_it_is_not_said_that_they_are_held_out(drawn: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(drawn.folder, tmp_path / "run"))
    weights = run.recipe().transfer.model_copy(update={"weights": "somebody.pth"})
    write_model(run.recipe_file, run.recipe().model_copy(update={"transfer": weights}))
    found = evaluate(open_subject(str(run.folder), Store(tmp_path)), None)
    assert (found.same_test_split, found.held_out, found.metrics.split) == (True, None, "test")
    assert found.warning == (
        "whether the weights that the training began with, somebody.pth, learnt from images of its test split is not "
        "known"
    )


@pytest.mark.parametrize("name", ["run", "shapes"])
def test_the_test_folder_alone_is_known_again(finished: Run, store: Store, drawings: Path, name: str) -> None:
    subject = open_subject(str(finished.folder) if name == "run" else name, store)
    found = evaluate(subject, drawings / "test")
    assert (found.same_test_split, found.held_out, found.warning) == (True, True, None)
    assert found.metrics == finished.metrics()


def test_a_test_folder_with_a_broken_image_is_still_the_test_split(
    finished: Run, drawings: Path, tmp_path: Path
) -> None:
    shutil.copytree(drawings / "test", tmp_path / "test")
    next((tmp_path / "test" / "disc").iterdir()).write_bytes(b"no image any more")
    found = evaluate(open_subject(str(finished.folder), Store(tmp_path)), tmp_path)
    assert (found.same_test_split, found.held_out, found.metrics.images, found.unreadable) == (False, True, 29, 1)


def test_every_image_is_decoded_once_into_a_file_that_goes(
    finished: Run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = write_classes(tmp_path / "data", 20)
    read: list[int] = []
    kinds: list[type] = []

    def note(source: FolderSource, index: int) -> bytes:
        read.append(index)
        return (source.root / source.samples[index].key).read_bytes()

    def watched(session: Session, pixels: Pixels, rows: Indices) -> Probabilities:
        kinds.append(type(pixels))
        return run_graph(session, pixels, rows)

    monkeypatch.setattr(FolderSource, "read", note)
    monkeypatch.setattr("training.images.run_graph", watched)
    assert evaluate(open_subject(str(finished.folder), store), data).metrics.images == 60
    assert sorted(read) == list(range(60))
    assert kinds == [np.memmap]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_class_that_the_model_does_not_know_is_refused(store: Store, tmp_path: Path) -> None:
    write_classes(tmp_path, 2)
    (tmp_path / "cat").mkdir()
    drawing("disc", 1).save(tmp_path / "cat" / "1.png")
    with pytest.raises(InvalidData, match="classes that the model does not know: cat"):
        evaluate(open_subject("shapes", store), tmp_path)


def test_a_folder_of_broken_files_has_nothing_to_measure(store: Store, tmp_path: Path) -> None:
    for label in ("disc", "down"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "x.png").write_bytes(b"x")
    with pytest.raises(InvalidData, match="no images to evaluate on"):
        evaluate(open_subject("shapes", store), tmp_path)


def test_an_unfinished_run_is_refused(finished: Run, store: Store, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(RunUnusable, match="the run is not finished"):
        open_subject(str(tmp_path / "run"), store)


def test_what_is_neither_run_nor_version_is_refused(store: Store) -> None:
    with pytest.raises(RunUnusable, match=r"^'nothing' is neither the .* nor a version: there is no model"):
        open_subject("nothing", store)
    with pytest.raises(AliasNotFound, match="no alias 'next'; it has: production"):
        open_subject("shapes@next", store)


def test_of_a_path_without_a_run_the_runs_near_it_are_named(finished: Run, store: Store) -> None:
    run = finished.folder
    with pytest.raises(RunUnusable, match=f"'{run}s' is neither .* nor a version; known runs: {run}$"):
        open_subject(f"{run}s", store)
