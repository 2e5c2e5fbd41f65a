"""Golden images prove the whole path from bytes to probabilities; whatever spoils it is a GoldenMismatch."""

import json
from pathlib import Path

import pytest

from models import golden
from models.errors import (
    GoldenMismatch,
    ImageError,
    ImageTooLarge,
    InvalidManifest,
    UndecodableImage,
    UnsupportedFormat,
)
from models.golden import GoldenImage
from models.manifest import InputSpec
from models.runtime import Session
from tests.support.bad_graphs import secretly_fixed_graph
from tests.support.bundles import golden_images
from tests.support.graphs import colour_graph, constant_graph
from tests.support.images import encode, gradient, photo, solid

SPEC = InputSpec(height=8, width=8)
SESSION = Session(colour_graph().SerializeToString())


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The golden part of a bundle."""
    folder = tmp_path / "golden"
    folder.mkdir()
    images = golden_images()
    for image in images:
        (folder / image.name).write_bytes(image.data)
    (folder / "golden.json").write_text(golden.record(SESSION, SPEC, images).model_dump_json())
    return tmp_path


def replay(bundle: Path, session: Session = SESSION, spec: InputSpec = SPEC) -> None:
    recorded = golden.read(bundle)
    golden.replay(session, recorded, golden.load(bundle, recorded, spec))


def change(bundle: Path, **changes: object) -> None:
    """Change the first entry of golden.json."""
    path = bundle / "golden" / "golden.json"
    content = json.loads(path.read_text())
    content["images"][0].update(changes)
    path.write_text(json.dumps(content))


def test_what_rounding_does_to_an_answer_is_allowed_and_no_more() -> None:
    """Between red and blue a sharp network changes its mind for a grey level."""
    between = GoldenImage("0.png", encode(solid((128, 0, 127)), "PNG"), "made by the tests")
    sharp = Session(colour_graph(sharpness=200).SerializeToString())
    tolerance = golden.record(sharp, SPEC, [between]).tolerance
    assert 2 * golden.TOLERANCE < tolerance < 0.1
    assert golden.record(SESSION, SPEC, golden_images()).tolerance == golden.TOLERANCE
    assert golden.record(Session(constant_graph([0.5, 0.5]).SerializeToString()), SPEC, [between]).tolerance == 0.005


def test_what_was_recorded_comes_back(bundle: Path) -> None:
    replay(bundle)
    recorded = golden.read(bundle)
    assert [entry.file for entry in recorded.images] == ["0.png", "1.png", "2.png"]
    assert [entry.source for entry in recorded.images] == ["made by the tests"] * 3
    assert recorded.images[0].probabilities[0] > 0.99


def test_an_image_that_cannot_be_recorded_is_named() -> None:
    broken = encode(solid("red"), "PNG")[:40]
    for data, kind in ((broken, UndecodableImage), (b"text", UnsupportedFormat), (b"x" * 10_000_001, ImageTooLarge)):
        with pytest.raises(kind, match=r"^the golden image bad\.png: the "):
            golden.record(SESSION, SPEC, [*golden_images(), GoldenImage("bad.png", data, "made")])


def test_another_picture_is_noticed(bundle: Path) -> None:
    (bundle / "golden" / "1.png").write_bytes(encode(solid("blue"), "PNG"))
    with pytest.raises(GoldenMismatch, match=r"1\.png: a probability differs by 1 from the recorded one"):
        replay(bundle)


def test_other_probabilities_are_noticed(bundle: Path) -> None:
    change(bundle, probabilities=[0.99, 0.01, 0.0])
    with pytest.raises(GoldenMismatch, match=r"0\.png"):
        replay(bundle)


def test_the_tolerance_is_the_edge() -> None:
    images = [GoldenImage("x.png", encode(gradient(), "PNG"), "made")]
    recorded = golden.record(SESSION, SPEC, images)
    entry = recorded.images[0]
    pixels = golden.np.stack([golden.load_pixels(images[0].data, SPEC)])
    for off, passes in ((0.004, True), (0.006, False), (-0.004, True), (-0.006, False)):
        moved = (entry.probabilities[0] + off, *entry.probabilities[1:])
        shifted = recorded.model_copy(update={"images": (entry.model_copy(update={"probabilities": moved}),)})
        if passes:
            golden.replay(SESSION, shifted, pixels)
        else:
            with pytest.raises(GoldenMismatch):
                golden.replay(SESSION, shifted, pixels)


@pytest.mark.parametrize(
    "spec",
    [
        InputSpec(height=8, width=8, resize="crop"),
        InputSpec(height=8, width=8, resize="pad"),
        InputSpec(height=8, width=8, filter="nearest"),
    ],
)
def test_another_way_of_resizing_is_noticed(tmp_path: Path, spec: InputSpec) -> None:
    (tmp_path / "golden").mkdir()
    images = [
        GoldenImage("thin.png", encode(photo(size=(200, 30)), "PNG"), "CC0"),
        GoldenImage("lines.png", encode(gradient((400, 10)).resize((31, 7), 0), "PNG"), "made"),
    ]
    for image in images:
        (tmp_path / "golden" / image.name).write_bytes(image.data)
    recorded = golden.record(SESSION, SPEC, images)
    with pytest.raises(GoldenMismatch):
        golden.replay(SESSION, recorded, golden.load(tmp_path, recorded, spec))


def test_other_channels_are_noticed(bundle: Path) -> None:
    swapped = Session(colour_graph(("blue", "green", "red")).SerializeToString())
    with pytest.raises(GoldenMismatch):
        replay(bundle, swapped)


def test_not_a_number_is_noticed(bundle: Path) -> None:
    nothing = Session(constant_graph([float("nan"), 0.5, 0.5]).SerializeToString())
    with pytest.raises(GoldenMismatch, match="differs by nan"):
        replay(bundle, nothing)
    change(bundle, probabilities=[float("nan"), 0.0, 0.0])
    with pytest.raises(InvalidManifest, match=r"probabilities\.0: Input should be a finite number"):
        replay(bundle)


@pytest.mark.parametrize("probabilities", [[1.0, 0.0], [1.0, 0.0, 0.0, 0.0], []])
def test_another_number_of_classes_is_noticed(bundle: Path, probabilities: list[float]) -> None:
    path = bundle / "golden" / "golden.json"
    content = json.loads(path.read_text())
    for entry in content["images"]:
        entry["probabilities"] = probabilities
    path.write_text(json.dumps(content))
    with pytest.raises(GoldenMismatch, match="recorded were"):
        replay(bundle)


def test_a_graph_that_fails_on_several_images_is_noticed(bundle: Path) -> None:
    session = Session(secretly_fixed_graph().SerializeToString())
    session.check_signature(SPEC, 3)  # onnxruntime cannot see it
    session.run(golden.load(bundle, golden.read(bundle), SPEC)[:1])
    with pytest.raises(GoldenMismatch, match="the graph fails on 3 golden images"):
        replay(bundle, session)


def test_a_missing_picture_is_noticed(bundle: Path) -> None:
    (bundle / "golden" / "2.png").unlink()
    with pytest.raises(GoldenMismatch, match=r"2\.png"):
        replay(bundle)


def test_a_broken_picture_is_noticed(bundle: Path) -> None:
    (bundle / "golden" / "2.png").write_bytes(b"not a picture")
    with pytest.raises(GoldenMismatch, match=r"2\.png"):
        replay(bundle)


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../secret.png"},
        {"file": "/etc/passwd"},
        {"file": "folder/0.png"},
        {"file": "1.png"},  # twice
        {"file": "golden.json"},
        {"file": ""},
        {"licence": "CC0"},  # an unknown key
        {"probabilities": [1.0, 0.0]},  # fewer than the others
        {"probabilities": ["a", "b", "c"]},
        {"probabilities": None},
    ],
)
def test_what_golden_json_must_not_say(bundle: Path, changes: dict[str, object]) -> None:
    change(bundle, **changes)
    with pytest.raises(InvalidManifest, match=r"golden/golden\.json"):
        golden.read(bundle)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"tolerance": 0.1, "images": []}', '{"tolerance": 0.5, "images": []}', "[]"]
)
def test_what_is_no_golden_json(bundle: Path, content: str) -> None:
    (bundle / "golden" / "golden.json").write_text(content)
    with pytest.raises(InvalidManifest, match=r"golden/golden\.json"):
        golden.read(bundle)


@pytest.mark.parametrize("tolerance", [0, -1, 0.5, 1e9])
def test_no_tolerance_that_lets_everything_pass(tolerance: float) -> None:
    with pytest.raises(InvalidManifest):
        golden.record(SESSION, SPEC, golden_images(), tolerance)


def test_golden_json_must_be_there(bundle: Path) -> None:
    (bundle / "golden" / "golden.json").unlink()
    with pytest.raises(InvalidManifest, match="missing"):
        golden.read(bundle)


@pytest.mark.parametrize(
    "row", [[float("nan")] * 3, [float("inf"), 0, 0], [3.0, -2.0, 0.0], [0.1, 0.1, 0.1], [5, 4, 3]]
)
def test_what_is_no_probability_is_not_recorded(row: list[float]) -> None:
    session = Session(constant_graph(row).SerializeToString())
    with pytest.raises(GoldenMismatch, match="no probabilities"):
        golden.record(session, SPEC, golden_images())


@pytest.mark.parametrize(
    "names", [("../x.png",), ("a/b.png",), ("",), ("golden.json",), ("a.png", "a.png"), ("x\0.png",), ()]
)
def test_names_that_are_not_recorded(names: tuple[str, ...]) -> None:
    data = encode(solid("red"), "PNG")
    with pytest.raises(InvalidManifest, match="golden images"):
        golden.record(SESSION, SPEC, [GoldenImage(name, data, "made") for name in names])


def test_a_picture_that_cannot_be_used_is_not_recorded() -> None:
    with pytest.raises(ImageError):
        golden.record(SESSION, SPEC, [GoldenImage("x.tiff", encode(gradient(), "TIFF"), "made")])
