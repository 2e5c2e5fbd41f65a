"""What training keeps of its variants, what it refuses, and what it says."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from models.layout import graph_file
from models.manifest import Measured
from models.postprocess import Probabilities
from models.preprocess import Pixels
from models.runtime import Session, open_session
from tests.training.support import tiny_recipe
from training.answers import run_graph
from training.data.dataset import Dataset, load_dataset
from training.data.folder import FolderSource
from training.data.splits import Indices
from training.environment import processor
from training.errors import VariantFailed
from training.run import Run
from training.scores import score
from training.variants import make
from training.variants.make import Exported, check_loss, make_variants


@pytest.fixture
def data(drawings: Path, tmp_path: Path) -> Dataset:
    return load_dataset(FolderSource(drawings), tiny_recipe(tmp_path))


@pytest.fixture
def before(finished: Run, data: Dataset, tmp_path: Path) -> Exported:
    """A copy of the finished run, as it was before its variants were made."""
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    run.variants_file.unlink()
    return Exported(run.recipe(), data, run, run.calibration(), run.metrics())


def test_each_graph_is_stated_with_numbers_of_its_own(finished: Run, data: Dataset) -> None:
    variants = finished.variants()
    assert (list(variants.graphs), variants.refused) == (["fp16", "int8"], {})
    for precision, facts in variants.graphs.items():
        session = open_session(finished.folder / graph_file(precision))
        answers = run_graph(session, data.pixels, data.splits.test)
        temperature = finished.calibration().temperature
        metrics = score(answers, data.targets[data.splits.test], data.labels, "test", temperature)
        assert facts.metrics == metrics
        assert facts.measured == Measured(
            accuracy=metrics.accuracy,
            expected_calibration_error=metrics.expected_calibration_error,
            bytes=(finished.folder / graph_file(precision)).stat().st_size,
            speed_up=facts.measured.speed_up,
            hardware=facts.measured.hardware,
        )
        assert facts.calibration.temperature == temperature
    assert variants.measured_on == processor()
    assert variants.graphs["fp16"].measured.speed_up is None, "processors do not compute in it"
    assert variants.graphs["int8"].measured.speed_up is not None


def spoiled(graph: Path, pixels: Pixels) -> bytes:
    """A graph whose last layer has forgotten all: every image gets the same answer."""
    model = onnx.load(graph)
    weight = next(node for node in reversed(model.graph.node) if node.op_type == "Gemm").input[1]
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == weight)
    tensor.CopyFrom(numpy_helper.from_array(np.zeros_like(numpy_helper.to_array(tensor)), weight))
    return bytes(model.SerializeToString())


def test_one_that_loses_more_than_a_point_is_refused_with_its_figures(
    before: Exported, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(make, "quantise", spoiled)
    assert before.metrics.accuracy > 0.5
    make_variants(before)
    variants = before.run.variants()
    assert list(variants.publishable) == ["fp16"]
    assert variants.graphs["int8"].metrics.accuracy == pytest.approx(1 / 3)
    assert "33.33% of the test images" in variants.refused["int8"]
    assert "points are lost, and at most 1 may be" in variants.refused["int8"]
    assert "int8: NOT to be published: it is right in 33.33%" in capsys.readouterr().err
    assert not (before.run.folder / "model.int8.onnx").exists(), "nor one of an earlier try"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"junk", "not a readable ONNX file"),
        (VariantFailed("no layer lies between the first and the last"), "between the first and the last"),
        (RuntimeError("an operator of tomorrow"), "an operator of tomorrow"),
    ],
)
def test_one_that_cannot_be_made_stops_nothing(
    before: Exported, monkeypatch: pytest.MonkeyPatch, content: bytes | Exception, reason: str
) -> None:
    def broken(graph: Path, pixels: Pixels) -> bytes:
        if isinstance(content, Exception):
            raise content
        return content

    monkeypatch.setattr(make, "quantise", broken)
    make_variants(before)
    variants = before.run.variants()
    assert list(variants.graphs) == ["fp16"]
    assert reason in variants.refused["int8"]


def test_losing_a_point_is_allowed_and_more_is_not(before: Exported) -> None:
    exact = before.metrics.model_copy(update={"accuracy": 0.9})
    check_loss(exact.model_copy(update={"accuracy": 0.8901}), exact, 0.001)
    with pytest.raises(VariantFailed, match=r"1\.01 points are lost, and at most 1 may be$"):
        check_loss(exact.model_copy(update={"accuracy": 0.8899}), exact, 0.049)


def test_a_loss_among_few_images_is_refused_and_said_to_be_maybe_chance(
    before: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same graph, with one answer of all spoiled: more than a point of 30 images."""
    real = make.run_graph

    def one_wrong(session: Session, pixels: Pixels, rows: Indices) -> Probabilities:
        answers = real(session, pixels, rows)
        right = answers.argmax(axis=1) == before.data.targets[rows]
        answers[right.argmax()] = np.roll(answers[right.argmax()], 1)
        return answers

    monkeypatch.setattr(make, "run_graph", one_wrong)
    make_variants(before)
    said = "3.33 points are lost, and at most 1 may be; of 30 images that may be chance (p = 0.50): a larger test split"
    assert said in before.run.variants().refused["fp16"]
