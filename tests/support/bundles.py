"""Published versions for tests: small, real, quick to make, and sure of themselves."""

from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from models.golden import GoldenImage
from models.manifest import ClassMetrics, Decision, Imported, InputSpec, Manifest, Measured, Metrics, Provenance
from models.publish import GraphFile, Release, publish
from models.store import Store
from tests.support.graphs import COLOURS, colour_graph
from tests.support.images import encode, solid

LABELS = ("red", "green", "blue")


def publish_tiny(
    store_root: Path,
    name: str = "tiny",
    labels: tuple[str, ...] = LABELS,
    size: int = 8,
    **changes: object,
) -> Manifest:
    """Publish a version that knows colours (see ``graphs.COLOURS``); ``changes`` are those of ``release``."""
    with TemporaryDirectory() as folder:
        made = release(Path(folder) / "model.onnx", labels, size, **changes)
        return publish(Store(store_root), name, made, who="tests", why="a test needs it")


def release(graph: Path, labels: tuple[str, ...] = LABELS, size: int = 8, **changes: object) -> Release:
    """Everything that makes a version; writes the graph to ``graph``, which is ``model`` where that is given.

    ``variants`` are graphs of other precisions, for which it is said that they answer three times as fast. Other
    ``changes`` replace fields of the release.
    """
    variants = changes.pop("variants", {})
    assert isinstance(variants, dict)
    graphs = {"fp32": GraphFile(graph), **{p: _variant(graph.with_name(p), made) for p, made in variants.items()}}
    spec = changes.pop("input", None) or InputSpec(height=size, width=size)
    assert isinstance(spec, InputSpec)
    model = changes.pop("model", None) or colour_graph(
        labels, height=spec.height, width=spec.width, channels=spec.channels
    )
    graph.write_bytes(model.SerializeToString() if isinstance(model, onnx.ModelProto) else model)
    fields = {
        "labels": labels,
        "input": spec,
        "graphs": graphs,
        "decision": Decision(threshold=0.6, accuracy=1.0, coverage=0.9),
        "metrics": metrics(labels),
        "provenance": provenance(),
        "golden": golden_images(labels),
        "documents": {"MODEL_CARD.md": "# Colours\n", "report.html": "<!doctype html><title>Colours</title>\n"},
        "description": "Says which colour an image has",
    }
    return Release(**(fields | changes))


def _variant(path: Path, model: onnx.ModelProto) -> GraphFile:
    content = model.SerializeToString()
    path.write_bytes(content)
    facts = {"accuracy": 0.9, "expected_calibration_error": 0.1, "bytes": len(content), "hardware": "none"}
    return GraphFile(path, Measured(**facts, speed_up=3.0))


def golden_images(labels: tuple[str, ...] = LABELS) -> list[GoldenImage]:
    """One plain PNG for each label."""
    plain = [solid(COLOURS.get(label, "grey"), (8, 8)) for label in labels]
    return [GoldenImage(f"{i}.png", encode(image, "PNG"), "made by the tests") for i, image in enumerate(plain)]


def metrics(labels: tuple[str, ...] = LABELS, **changes: object) -> Metrics:
    """One right answer for each label; ``changes`` replace what they say, in whatever contradiction."""
    right = Metrics(
        split="test",
        images=len(labels),
        correct=len(labels),
        accuracy=1.0,
        top5_accuracy=1.0,
        loss=0.01,
        macro_f1=1.0,
        expected_calibration_error=0.0,
        per_class=tuple(ClassMetrics(label=label, precision=1, recall=1, f1=1, support=1) for label in labels),
        confusion_matrix=tuple(tuple(int(i == j) for j in range(len(labels))) for i in range(len(labels))),
    )
    return right.model_copy(update=changes)


def imported() -> Imported:
    """Not made here at all."""
    return Imported(
        files={"classifier.onnx": "0" * 64},
        producer="tests",
        source="tests",
        colour="rgb",
        layout="nchw",
        mean=(0, 0, 0),
        std=(1, 1, 1),
        activation="none",
        freed_batch=False,
        difference=0,
        compared=1,
        packages={},
    )


def provenance() -> Provenance:
    """Not trained: made."""
    return Provenance(
        recipe={"architecture": "colours"},
        data={"images": 0},
        data_fingerprint="none",
        git_commit=None,
        packages={"onnx": onnx.__version__},
        hardware="none",
        training_seconds=0.0,
        epochs=0,
        temperature=1.0,
    )
