from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from models.store import Store
from tests.training.support import tiny_recipe, write_classes
from training.compare import Comparison, Side, compare, verdict
from training.data import dataset
from training.data.folder import FolderSource
from training.errors import InvalidData, NotComparable
from training.run import Run
from training.subject import Subject, open_subject
from training.tables import class_comparison_table, comparison_table
from training.train import Request, train


@pytest.fixture(scope="module")
def good(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return open_subject(str(finished.folder), Store(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def halved(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    return open_subject(str(finished.folder), Store(tmp_path_factory.mktemp("store")), "fp16")


@pytest.fixture(scope="module")
def small(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Trained shortly, on the same drawings in another size."""
    folder = tmp_path_factory.mktemp("small")
    recipe = tiny_recipe(folder, "fit.epochs=1", "input.height=12", "input.width=12", "optimizer.learning_rate=0.01")
    return open_subject(str(train(Request("small", recipe, drawings, folder / "run")).folder), Store(folder))


def accuracy(subject: Subject) -> float:
    return Run(Path(subject.name)).metrics().accuracy


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    read: list[int] = []

    def note(source: FolderSource, index: int) -> bytes:
        read.append(index)
        return (source.root / source.samples[index].key).read_bytes()

    monkeypatch.setattr(FolderSource, "read", note)
    return read


def test_two_sizes_are_compared_on_the_same_images(
    good: Subject, small: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = count_reads(monkeypatch)
    found = compare(good, small, None)
    assert (found.images, len(read)) == (30, 60)  # once for each size
    assert (found.first.accuracy, found.second.accuracy) == (accuracy(good), accuracy(small))
    assert (found.first.held_out, found.second.held_out) == (True, True)
    assert found.first.correct - found.second.correct == found.first_only - found.second_only != 0
    assert found.difference == pytest.approx(accuracy(good) - accuracy(small))
    assert found.interval[0] < found.difference < found.interval[1]
    shown = StringIO()
    Console(file=shown, width=100).print(comparison_table(found), class_comparison_table(found))
    assert f"{accuracy(good):.2%}" in shown.getvalue()
    assert f"p = {found.p_value:.4f}" in shown.getvalue()
    assert found.better == ("first" if found.p_value < 0.05 else None)
    assert [row.label for row in found.per_class] == ["across", "disc", "down"]
    assert sum(row.first_correct for row in found.per_class) == found.first.correct
    assert sum(row.second_only for row in found.per_class) == found.second_only
    mirrored = compare(small, good, None)
    assert (mirrored.difference, mirrored.p_value) == (-found.difference, found.p_value)


def test_two_precisions_of_one_run_are_compared(
    good: Subject, halved: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = count_reads(monkeypatch)
    found = compare(good, halved, None)
    assert len(read) == 30  # once, for they see the same
    assert (found.first.subject, found.first.precision) == (good.name, "fp32")
    assert (found.second.subject, found.second.precision) == (good.name, "fp16")
    run = Run(Path(good.name))
    assert (found.first.correct, found.second.correct) == (run.metrics().correct, run.metrics("fp16").correct)
    assert (found.first_only, found.second_only, found.p_value, found.better) == (0, 0, 1, None)
    assert verdict(found).startswith("No difference: ")
    shown = StringIO()
    side = found.second.model_copy(update={"subject": "cifar10@12"})
    Console(file=shown, width=80).print(comparison_table(found.model_copy(update={"second": side})))
    assert "fp32" in shown.getvalue()
    assert "│ cifar10@12 " in shown.getvalue()
    assert "│ fp16 " in shown.getvalue()


def test_the_same_graph_twice_is_refused(good: Subject, halved: Subject) -> None:
    for subject in (good, halved):
        with pytest.raises(NotComparable, match=r"are the same graph, byte by byte: .*--precision fp32 --precision"):
            compare(subject, replace(subject, name="under another name"), None)


def test_labels_are_matched_by_name(good: Subject) -> None:
    """The same graph with its labels the other way round is right where the graph took one stripe for the other."""
    mirrored = replace(good, labels=good.labels[::-1], test_images=frozenset())
    found = compare(good, mirrored, None)
    confused = np.array(Run(Path(good.name)).metrics().confusion_matrix)
    assert found.second.correct == np.trace(confused[:, ::-1])
    assert (found.first.held_out, found.second.held_out) == (True, None)
    assert "Mind that" in verdict(found)


def test_other_labels_are_refused(good: Subject) -> None:
    with pytest.raises(NotComparable, match="only one of them has cat, down"):
        compare(good, replace(good, labels=("across", "disc", "cat")), None)


def test_another_kind_of_data_is_refused(good: Subject) -> None:
    data = good.recipe.data.model_copy(update={"kind": "idx"})
    with pytest.raises(NotComparable, match="read data in other ways"):
        compare(good, replace(good, recipe=good.recipe.model_copy(update={"data": data})), None)


def split_by(subject: Subject, folder: Path, seed: int, share: float = 0.5) -> tuple[Subject, set[int]]:
    """The subject as if ``seed`` had drawn the test split of its training from ``folder``, and that split."""
    data = subject.recipe.data.model_copy(update={"test": share})
    recipe = subject.recipe.model_copy(update={"data": data, "seed": seed})
    drawn = dataset.load_dataset(FolderSource(folder), recipe)
    known = frozenset(map(bytes.fromhex, drawn.record.test_images))
    as_if = replace(subject, recipe=recipe, test_sha256=drawn.record.fingerprints["test"], test_images=known)
    return as_if, set(drawn.splits.test.tolist())


def test_of_a_folder_only_what_both_held_out_is_taken(good: Subject, small: Subject, tmp_path: Path) -> None:
    write_classes(tmp_path, 8, first=5000)
    (first, ours), (second, theirs) = split_by(good, tmp_path, 1), split_by(small, tmp_path, 2)
    found = compare(first, second, tmp_path)
    assert 0 < found.images == len(ours & theirs) < len(ours)
    assert found.first.held_out
    assert found.second.held_out


def test_where_only_one_held_something_out_it_is_taken(good: Subject, small: Subject, tmp_path: Path) -> None:
    write_classes(tmp_path, 8, first=5000)
    first, ours = split_by(good, tmp_path, 1)
    found = compare(first, small, tmp_path)
    assert (found.images, found.first.held_out, found.second.held_out) == (len(ours), True, None)
    assert f"{small.name} may have learnt" in verdict(found)


def test_a_run_knows_what_it_held_out_of_data_that_has_changed(good: Subject, small: Subject, tmp_path: Path) -> None:
    write_classes(tmp_path, 8, first=5000)
    (first, ours), (second, theirs) = split_by(good, tmp_path, 1), split_by(small, tmp_path, 2)
    key = FolderSource(tmp_path).samples[min(ours & theirs)].key
    (tmp_path / key).write_bytes(b"no image any more")
    found = compare(first, second, tmp_path)
    assert (found.images, found.unreadable) == (len(ours & theirs) - 1, 1)
    assert (found.first.held_out, found.second.held_out) == (True, True)


def test_nothing_held_out_by_both_is_refused(good: Subject, small: Subject, tmp_path: Path) -> None:
    write_classes(tmp_path, 4, first=5000)
    first, ours = split_by(good, tmp_path, 0, share=0.25)
    others = (split_by(small, tmp_path, seed, share=0.25) for seed in range(100))
    second = next(subject for subject, theirs in others if not ours & theirs)
    with pytest.raises(NotComparable, match="no image was held out by both"):
        compare(first, second, tmp_path)


def test_what_one_cannot_have_is_left_out_of_both(
    good: Subject, small: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_classes(tmp_path, 4, first=5000)
    (tmp_path / "disc" / "broken.png").write_bytes(b"x")
    reads: dict[str, int] = {}

    def read(source: FolderSource, index: int) -> bytes:
        key = source.samples[index].key
        reads[key] = reads.get(key, 0) + 1
        return b"x" if key == "down/5001.png" and reads[key] == 2 else (source.root / key).read_bytes()

    monkeypatch.setattr(FolderSource, "read", read)
    found = compare(good, small, tmp_path)
    assert (found.images, found.unreadable) == (11, 2)
    assert [row.images for row in found.per_class] == [4, 4, 3]
    lines = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["skipped disc/broken.png", "skipped down/5001.png"]  # each is named once


def test_an_unknown_class_is_refused(good: Subject, small: Subject, tmp_path: Path) -> None:
    write_classes(tmp_path, 2)
    (tmp_path / "disc").rename(tmp_path / "cat")
    with pytest.raises(InvalidData, match="does not know: cat"):
        compare(good, small, tmp_path)


def made(first_only: int, second_only: int, p_value: float, better: str | None) -> Comparison:
    side = Side(subject="a@1", precision="fp32", held_out=True, correct=900, accuracy=0.9, interval=(0.88, 0.92))
    return Comparison.model_validate(
        {
            "data": "data",
            "images": 1000,
            "unreadable": 0,
            "first": side,
            "second": side.model_copy(update={"subject": "b@2"}),
            "first_only": first_only,
            "second_only": second_only,
            "difference": (first_only - second_only) / 1000,
            "interval": (-0.05, -0.01) if second_only > first_only else (0.01, 0.05),
            "p_value": p_value,
            "detectable": 0.02,
            "better": better,
            "per_class": (),
        }
    )


def test_the_verdict_is_plain() -> None:
    shown = "So many images show a difference of 2.00 points four times out of five."
    assert verdict(made(10, 40, 0.00001, "second")) == (
        "b@2 is better by 3.00 points (1.00 to 5.00 at 95 % confidence), which is more than noise (p < 0.0001). "
        + shown
    )
    assert verdict(made(40, 30, 0.234, None)) == (
        f"No difference is shown: a@1 is ahead by 1.00 points, maybe by noise (p = 0.23). {shown}"
    )


def test_the_verdict_names_precisions_unless_both_are_exact() -> None:
    found = made(10, 40, 0.00001, "second")
    second = found.second.model_copy(update={"subject": "a@1", "precision": "int8", "held_out": None})
    said = verdict(found.model_copy(update={"second": second}))
    assert said.startswith("a@1 (int8) is better by 3.00 points ")
    assert said.endswith("Mind that a@1 (int8) may have learnt from some of these images.")
    said = verdict(found.model_copy(update={"second": second, "difference": 0.03, "interval": (0.01, 0.05)}))
    assert said.startswith("a@1 (fp32) is better by 3.00 points ")
