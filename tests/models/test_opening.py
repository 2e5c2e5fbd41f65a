"""Nothing is opened that is not exactly what was published."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models import checksums, opening
from models.checksums import sha256_of
from models.errors import (
    BundleError,
    ChecksumMismatch,
    DeviceUnavailable,
    GoldenMismatch,
    InvalidManifest,
    SignatureMismatch,
    UnsafeGraph,
    VersionNotFound,
)
from models.opening import open_bundle, open_version, prove_bundle
from models.store import Store
from tests.support.bad_graphs import external_weights_graph, with_foreign_node
from tests.support.bundles import publish_tiny
from tests.support.forge import forge
from tests.support.graphs import colour_graph

EVERY_FILE = [
    *("model.onnx", "MODEL_CARD.md", "report.html"),
    *("golden/golden.json", "golden/0.png", "golden/1.png", "golden/2.png"),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("opening") / "store"
    publish_tiny(root)
    return root


@pytest.fixture
def store(published: Path, tmp_path: Path) -> Store:
    """A copy to spoil."""
    shutil.copytree(published, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def bundle(store: Store) -> Path:
    return store.bundle("tiny", 1)


def edit_manifest(bundle: Path, **changes: object) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | changes))


def test_what_was_published_opens_and_answers(store: Store) -> None:
    opened = open_version(store, "tiny", 1)
    assert opened.manifest.labels == ("red", "green", "blue")
    assert opened.golden_pixels.shape == (3, 8, 8, 3)
    assert opened.session.run(np.full((1, 8, 8, 3), (0, 255, 0), np.uint8)).argmax() == 1
    opened.prove()


@pytest.mark.parametrize("file", EVERY_FILE)
def test_a_changed_file_is_noticed(bundle: Path, file: str) -> None:
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    with pytest.raises(ChecksumMismatch, match="is not what was published"):
        open_bundle(bundle)


@pytest.mark.parametrize("file", EVERY_FILE)
def test_a_missing_file_is_noticed(bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    with pytest.raises(ChecksumMismatch, match="is missing"):
        open_bundle(bundle)


@pytest.mark.parametrize("file", ["extra.txt", ".hidden", "golden/extra.png", "new/folder/extra", "evil\x1b[31m"])
def test_an_additional_file_is_noticed(bundle: Path, file: str) -> None:
    (bundle / file).parent.mkdir(parents=True, exist_ok=True)
    (bundle / file).write_text("stowaway")
    with pytest.raises(ChecksumMismatch, match="is not in the manifest") as caught:
        open_bundle(bundle)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("file", EVERY_FILE)
def test_a_link_is_refused_also_to_the_same_content(bundle: Path, tmp_path: Path, file: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (bundle / file).rename(elsewhere)
    (bundle / file).symlink_to(elsewhere)
    with pytest.raises(ChecksumMismatch, match="plain files only"):
        open_bundle(bundle)


def test_a_hard_link_is_refused_for_its_other_name_can_change_it(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").hardlink_to(bundle / "model.onnx")
    with pytest.raises(ChecksumMismatch, match=r"model\.onnx is a hard link"):
        prove_bundle(bundle)


def test_a_manifest_behind_a_link_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "manifest.json").rename(tmp_path / "manifest.json")
    (bundle / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(ChecksumMismatch, match="plain files only"):
        open_bundle(bundle)


def test_a_linked_folder_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / "golden").rename(tmp_path / "golden")
    (bundle / "golden").symlink_to(tmp_path / "golden")
    with pytest.raises(ChecksumMismatch):
        open_bundle(bundle)


@pytest.mark.parametrize("target", ["/etc", "nowhere", "."])
def test_an_additional_link_is_refused_wherever_it_leads(bundle: Path, target: str) -> None:
    (bundle / "link").symlink_to(target)
    with pytest.raises(ChecksumMismatch, match="'link' is not in the manifest"):
        open_bundle(bundle)


def test_a_pipe_does_not_stop_the_opening(bundle: Path) -> None:
    (bundle / "report.html").unlink()
    os.mkfifo(bundle / "report.html")
    with pytest.raises(ChecksumMismatch, match="plain files only"):
        open_bundle(bundle)


def _no_manifest(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()


def _folder_as_manifest(bundle: Path) -> None:
    _no_manifest(bundle)
    (bundle / "manifest.json").mkdir()


def _cut_manifest(bundle: Path) -> None:
    content = (bundle / "manifest.json").read_bytes()
    (bundle / "manifest.json").write_bytes(content[:-20])


def _file_outside(bundle: Path) -> None:
    forge(bundle, "report.html", b"")
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"]["../../aliases.json"] = "0" * 64
    edit_manifest(bundle, files=manifest["files"])


@pytest.mark.parametrize("spoil", [_no_manifest, _folder_as_manifest, _cut_manifest, _file_outside])
def test_an_unreadable_manifest_is_noticed(bundle: Path, spoil: Callable[[Path], None]) -> None:
    spoil(bundle)
    with pytest.raises(InvalidManifest):
        open_bundle(bundle)


def test_the_manifest_must_not_list_itself(bundle: Path) -> None:
    forge(bundle, "manifest.json", (bundle / "manifest.json").read_bytes())
    with pytest.raises(ChecksumMismatch, match=r"manifest\.json"):
        open_bundle(bundle)


@pytest.mark.parametrize("changes", [{"name": "other"}, {"version": 2}])
def test_a_bundle_in_another_place_is_noticed(store: Store, bundle: Path, changes: dict[str, object]) -> None:
    edit_manifest(bundle, **changes)
    with pytest.raises(InvalidManifest, match="tiny@1 holds"):
        open_version(store, "tiny", 1)


def test_a_forged_graph_still_has_to_be_safe(bundle: Path) -> None:
    forge(bundle, "model.onnx", with_foreign_node())
    with pytest.raises(UnsafeGraph):
        open_bundle(bundle)


def test_external_data_beside_the_graph_is_refused_although_it_is_listed(bundle: Path) -> None:
    graph = external_weights_graph(bundle)
    forge(bundle, "weights.bin", (bundle / "weights.bin").read_bytes())
    forge(bundle, "model.onnx", graph)
    with pytest.raises(UnsafeGraph, match="another file"):
        open_bundle(bundle)


def test_a_forged_graph_still_has_to_fit_the_manifest(bundle: Path) -> None:
    forge(bundle, "model.onnx", colour_graph(("red", "green")).SerializeToString())
    with pytest.raises(SignatureMismatch):
        open_bundle(bundle)


def test_a_forged_graph_still_has_to_answer_the_golden_images(bundle: Path) -> None:
    forge(bundle, "model.onnx", colour_graph(("blue", "red", "green")).SerializeToString())
    with pytest.raises(GoldenMismatch):
        open_bundle(bundle)


def test_what_runs_is_what_was_checked(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes to the folder between the check of the files and the reading of the graph."""
    other = colour_graph(("red", "green", "blue", "white")).SerializeToString()
    monkeypatch.setattr(opening, "read_graph", lambda path: other)
    with pytest.raises(ChecksumMismatch, match=r"model\.onnx"):
        open_bundle(bundle)


def test_changed_labels_are_noticed(bundle: Path) -> None:
    edit_manifest(bundle, labels=["green", "red", "blue"])
    with pytest.raises(InvalidManifest):
        open_bundle(bundle)


def test_labels_that_were_mixed_up_are_noticed(bundle: Path) -> None:
    told = json.loads((bundle / "manifest.json").read_text())
    told["labels"] = [told["labels"][place] for place in (1, 0, 2)]
    told["metrics"]["per_class"] = [told["metrics"]["per_class"][place] for place in (1, 0, 2)]
    (bundle / "manifest.json").write_text(json.dumps(told))
    with pytest.raises(GoldenMismatch, match="changed since it was published: 'red' is 'green' now"):
        prove_bundle(bundle)


def test_a_changed_way_of_resizing_is_noticed(bundle: Path) -> None:
    edit_manifest(bundle, input={"height": 8, "width": 8, "colour": "grey"})
    with pytest.raises(BundleError):
        open_bundle(bundle)


def test_golden_images_that_are_not_there_are_noticed(bundle: Path) -> None:
    content = json.loads((bundle / "golden" / "golden.json").read_text())
    content["images"][0]["file"] = "nowhere.png"
    forge(bundle, "golden/golden.json", json.dumps(content).encode())
    with pytest.raises(GoldenMismatch, match=r"nowhere\.png"):
        open_bundle(bundle)


def test_a_version_that_is_not_there(store: Store) -> None:
    with pytest.raises(VersionNotFound):
        open_version(store, "tiny", 2)


def test_the_device_is_the_one_asked_for(store: Store) -> None:
    assert open_version(store, "tiny", 1, "auto").session.device == "cpu"
    with pytest.raises(DeviceUnavailable):
        open_version(store, "tiny", 1, "cuda")


def test_a_proof_can_be_repeated_at_any_time(store: Store) -> None:
    opened = open_version(store, "tiny", 1)
    opened.golden_pixels[0] = 0
    with pytest.raises(GoldenMismatch):
        opened.prove()


def test_sha256_is_that_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_those_of_an_installation_may_be_links_to_a_cache(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cached").hardlink_to(bundle / "model.onnx")
    monkeypatch.setattr(checksums, "default_root", lambda: bundle.parent.parent)
    with pytest.raises(ChecksumMismatch, match="hard link"):  # a checkout's are copies
        prove_bundle(bundle)
    monkeypatch.setattr(checksums, "is_replaceable", lambda root: True)
    prove_bundle(bundle)
