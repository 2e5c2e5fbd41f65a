"""The manifest is strict: what it does not know, or what contradicts itself, is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from models.errors import InvalidManifest
from models.manifest import InputSpec, Manifest, parse_manifest
from tests.support.bundles import imported, publish_tiny


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> str:
    return publish_tiny(tmp_path_factory.mktemp("manifest") / "store").model_dump_json()


def changed(good: str, path: str, value: object) -> str:
    """The manifest with one value set, or taken out where ``value`` is ``...``."""
    content = json.loads(good)
    *parents, last = path.split("/")
    part: Any = content
    for key in parents:
        part = part[key] if isinstance(part, dict) else part[int(key)]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return json.dumps(content)


def test_a_manifest_comes_back_as_it_was(good: str) -> None:
    manifest = parse_manifest(good)
    assert parse_manifest(manifest.model_dump_json(indent=2)) == manifest
    assert manifest.labels == ("red", "green", "blue")


SETS = {"coverage": 0.95, "threshold": 0.1, "test_coverage": 0.95, "mean_size": 1.2}
IMPORTED = imported().model_dump(mode="json")


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("schema_version", 2, "schema_version"),
        ("name", "Tiny", "name"),
        ("name", "../tiny", "name"),
        ("name", "tiny\n", "name"),
        ("version", 0, "version"),
        ("version", -1, "version"),
        ("version", 1.5, "version"),
        ("created_at", "yesterday", "created_at"),
        ("lables", [], "lables"),  # an unknown key
        ("input/colour", "bgr", "input.colour"),
        ("input/color", "rgb", "input.color"),
        ("input/height", 0, "input.height"),
        ("input/width", 4097, "input.width"),
        ("input/resize", "squash", "input.resize"),
        ("input/filter", "box", "input.filter"),
        ("input/crop_fraction", 0, "input.crop_fraction"),
        ("input/pad_value", 256, "input.pad_value"),
        ("labels", ["red"], "labels"),
        ("labels", ["red", "green", "red"], "labels"),
        ("labels", ["green", "red", "blue"], "metrics.per_class"),
        ("labels", ["red", "green", "blue", "white"], "metrics.per_class"),
        ("graphs", {}, "graphs: there is none"),
        ("graphs/fp64", {"file": "model.onnx", "opset": 20}, "graphs.fp64"),
        ("graphs/fp16", {"file": "model.fp16.onnx", "opset": 20}, "no sha256 for model.fp16.onnx"),
        ("graphs/fp32/file", "../model.onnx", "graphs.fp32.file"),
        ("graphs/fp32/file", "other.onnx", "no sha256 for other.onnx"),
        ("decision/threshold", 1.1, "decision.threshold"),
        ("decision/threshold", float("nan"), "decision.threshold"),
        ("decision/thresholds", [0.5, 0.5], "decision.thresholds: not one for each label"),
        ("decision/thresholds", [0.5, 0.5, 1.1], "decision.thresholds.2"),
        ("conformal", SETS | {"threshold": 1.1}, "conformal.threshold"),
        ("conformal", SETS | {"mean_size": 0.9}, "conformal.mean_size"),
        ("conformal", SETS | {"mean_size": 3.1}, "conformal.mean_size: more than there are labels"),
        ("metrics/loss", float("nan"), "metrics.loss"),
        ("provenance/training_seconds", float("inf"), "provenance.training_seconds"),
        ("metrics/accuracy", -0.1, "metrics.accuracy"),
        ("metrics/images", 0, "metrics.images"),
        ("files", {}, "no sha256 for model.onnx"),
        ("files/model.onnx", "0" * 63, "files.model.onnx"),
        ("files/model.onnx", "G" * 64, "files.model.onnx"),
        ("provenance", ..., "provenance"),
        ("provenance", None, "provenance: a version has that of its training, or what it was imported from"),
        ("metrics", None, "metrics: a version that was trained was evaluated too"),
        ("imported", IMPORTED, "provenance: a version has that of its training, or what it was imported from"),
        ("imported", IMPORTED | {"files": {}}, "imported.files"),
        ("metrics", ..., "metrics"),
        ("files", ..., "files"),
    ],
)
def test_what_is_wrong_is_named(good: str, path: str, value: object, where: str) -> None:
    with pytest.raises(InvalidManifest) as caught:
        parse_manifest(changed(good, path, value))
    assert where in str(caught.value)


@pytest.mark.parametrize(
    "file",
    [
        *("", "/etc/passwd", "../x", "a/../x", "a/..", "..", ".", "./a", "a/", "a//b", ".hidden", "a/.hidden", "-x"),
        *("a\\b", "a\0", "a\n", "a b", "é", "~/x", "$HOME", "C:x", "file:x"),
    ],
)
def test_no_file_lies_outside_the_bundle(good: str, file: str) -> None:
    content = json.loads(good)
    content["files"][file] = "0" * 64
    with pytest.raises(InvalidManifest):
        parse_manifest(json.dumps(content))


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "{", '"x"', b"\xff\xfe", b"\0", "[" * 100_000])
def test_what_is_no_manifest_at_all(text: str | bytes) -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest(text)


def test_a_manifest_cannot_be_changed(good: str) -> None:
    with pytest.raises(ValidationError):
        parse_manifest(good).version = 2  # type: ignore[misc]


def test_the_shape_of_pixels() -> None:
    assert InputSpec(height=2, width=3).shape == (2, 3, 3)
    assert InputSpec(height=2, width=3, colour="grey").shape == (2, 3, 1)


def test_the_schema_is_written_into_the_file(good: str, tmp_path: Path) -> None:
    assert Manifest.model_validate_json(good).schema_version == json.loads(good)["schema_version"] == 1


def test_an_imported_version_may_be_without_numbers(good: str) -> None:
    content = json.loads(good) | {"metrics": None, "provenance": None, "imported": IMPORTED}
    assert parse_manifest(json.dumps(content)).accuracy is None
    assert parse_manifest(good).accuracy == 1
