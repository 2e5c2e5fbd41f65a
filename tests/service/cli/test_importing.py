"""``whatsit models import``, and what the other commands make of a version that was not evaluated."""

import json
import sys
from pathlib import Path

import pytest

from models.documents import REPORT, read_document
from models.errors import DocumentNotFound
from models.store import Store
from tests.service.cli.conftest import Result, Whatsit, assert_failed
from tests.service.cli.test_models import rows
from tests.support.bundles import golden_images, publish_tiny
from tests.support.classifiers import LABELS, classifier
from tests.support.images import encode, solid

NORMAL = ("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225")


@pytest.fixture
def material(tmp_path: Path) -> Path:
    """A classifier, its labels and golden images."""
    (tmp_path / "classifier.onnx").write_bytes(classifier(batch=1, reshape=[1, 3]).SerializeToString())
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (tmp_path / "golden").mkdir()
    for image in golden_images():
        (tmp_path / "golden" / image.name).write_bytes(image.data)
    return tmp_path


@pytest.fixture
def import_(whatsit: Whatsit, store: Store, material: Path) -> Whatsit:
    """Runs ``whatsit models import`` on it."""

    def run(*arguments: object) -> Result:
        wanted = ("--name", "colours", "--labels", material / "labels.txt", "--golden", material / "golden")
        return whatsit(
            "models", "import", material / "classifier.onnx", *wanted, "--store", store.location, *NORMAL, *arguments
        )

    return run


def test_a_classifier_becomes_a_version(import_: Whatsit, whatsit: Whatsit, store: Store, material: Path) -> None:
    result = import_("--size", 8, "--alias", "production", "--threshold", "0.9", "--source", "the tests, CC0")
    assert result.code == 0, result
    assert result.out.startswith("published colours@1, now colours@production: fp32, not evaluated; ")
    assert "differ by at most" in result.out
    assert "it took a fixed number of images at a time, and now takes any" in result.out
    (material / "green.png").write_bytes(encode(solid("green", (20, 30)), "PNG"))
    asked = whatsit("predict", material / "green.png", "--model", "colours", "--store", store.location, "--json")
    (answer,) = json.loads(asked.out)
    assert (answer["label"], answer["decision"]) == ("green", "accept")


def test_what_is_printed_for_programs(import_: Whatsit, store: Store) -> None:
    told = json.loads(import_("--mean", "0", "--std", "1", "--json").out)
    assert (told["name"], told["version"], told["alias"]) == ("colours", 1, None)
    assert told["imported"]["layout"] == "nchw"
    assert "without --mean and --std" in told["warnings"][0]
    assert store.bundle("colours", 1) == Path(told["folder"])


def test_the_photographs_that_come_with_whatsit_are_golden_where_none_are_given(
    whatsit: Whatsit, store: Store, material: Path
) -> None:
    wanted = ("--name", "colours", "--labels", material / "labels.txt", "--store", store.location)
    assert whatsit("models", "import", material / "classifier.onnx", *wanted, *NORMAL).code == 0
    assert (store.bundle("colours", 1) / "golden" / "cat.jpg").exists()


def test_in_place_of_a_version_with_numbers_it_takes_force(import_: Whatsit, whatsit: Whatsit, store: Store) -> None:
    publish_tiny(store.location, "colours")
    assert whatsit("models", "promote", "colours@1", "production", "--store", store.location).code == 0
    assert_failed(
        import_("--alias", "production"), 1, "accuracy (never evaluated) 0.0000, at least 0.9900 is asked for"
    )
    assert store.versions("colours") == [1]
    assert import_("--alias", "production", "--force", "--why", "measured elsewhere").code == 0
    assert store.aliases("colours") == {"production": 2}


def test_wrong_usage(import_: Whatsit) -> None:
    for option, value in (
        ("--size", "big"),
        ("--mean", "a"),
        ("--std", "1/0"),
        ("--layout", "hwc"),
        ("--colour", "red"),
    ):
        assert import_(option, value).code == 2, option


def test_one_line_says_what_does_not_fit(import_: Whatsit, material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_failed(import_("--size", "16"), 1, "takes 8 x 8 pixels, and --size says 16 x 16")
    assert_failed(import_("--golden", material / "nowhere"), 1, "is not a folder of golden images")
    for content, reason in ((b"a\na\n", "repeated: a"), (b"\xff", "labels.txt"), (b'["a"]', "at least two labels")):
        (material / "labels.txt").write_bytes(content)
        assert_failed(import_(), 1, reason)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr("service.cli.importing.find_spec", lambda _: None)
    assert_failed(import_(), 1, "importing needs onnx: pip install")


def test_the_others_say_that_it_was_not_evaluated(import_: Whatsit, whatsit: Whatsit, store: Store) -> None:
    import_("--description", "Says which colour")
    listed = {row[0]: row for row in rows(whatsit("models", "list", "--store", store.location))}
    assert listed["colours"][4] == "not evaluated"
    facts = dict(rows(whatsit("models", "show", "colours", "--store", store.location)))
    assert (facts["accuracy"], facts["macro F1"], facts["commit"], facts["report"]) == ("not evaluated", "-", "-", "-")
    assert facts["imported"] == "classifier.onnx, pytorch 2.0.0, not stated"
    assert facts["threshold"] == "none: every answer is review"
    shown = json.loads(whatsit("models", "show", "colours", "--store", store.location, "--json").out)
    assert (shown["metrics"], shown["provenance"]) == (None, None)
    assert whatsit("models", "verify", "colours", "--store", store.location).out == "colours@1: proved\n"
    assert whatsit("models", "promote", "colours@1", "production", "--store", store.location).code == 0
    with pytest.raises(DocumentNotFound):
        read_document(store, "colours", 1, REPORT)


def test_a_chosen_threshold_is_shown_as_such(import_: Whatsit, whatsit: Whatsit, store: Store) -> None:
    import_("--threshold", "0.75")
    assert dict(rows(whatsit("models", "show", "colours", "--store", store.location)))["threshold"] == "0.750"
