import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from models.errors import ChecksumMismatch
from models.store import Store
from tests.training.report.support import START
from tests.training.support import tiny_recipe
from training import origins
from training.data.download import Remote
from training.errors import DownloadFailed, WeightsUnusable
from training.origins import IMAGENET, PUBLISHED, find_weights, published
from training.release import Contents, publish
from training.run import Run, RunInfo

Site = tuple[str, Path]


def save(path: Path, content: object) -> str:
    """Write ``content`` with torch.save; returns the sha256 of the file."""
    torch.save(content, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def state() -> dict[str, torch.Tensor]:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2)).state_dict()


@pytest.fixture
def publisher(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], str]:
    """Publishes a small file as vgg16's, at a real server; with a sha256 that may be wrong."""

    def put(sha256: str | None = None) -> str:
        address, folder = site
        found = save(folder / "vgg16-397923af.pth", state())
        monkeypatch.setitem(origins.PUBLISHED, "vgg16", Remote(f"{address}/vgg16-397923af.pth", sha256 or found))
        return found

    return put


def test_published_weights_are_downloaded_checked_and_kept(
    publisher: Callable[[str | None], str], site: Site, tmp_path: Path
) -> None:
    publisher(None)
    weights = published("vgg16")
    assert weights.origin.title == "ImageNet (vgg16-397923af.pth)"
    assert [tuple(layer.weight.shape) for layer in weights.layers] == [(4, 3, 3, 3), (2, 4)]
    assert weights.normalisation is IMAGENET
    (site[1] / "vgg16-397923af.pth").unlink()
    assert torch.equal(published("vgg16").layers[0].weight, weights.layers[0].weight)
    assert (tmp_path / "cache" / "vgg16-imagenet" / "vgg16-397923af.pth").is_file()


def test_another_file_in_its_place_is_refused(publisher: Callable[[str | None], str], tmp_path: Path) -> None:
    publisher("397923af" * 8)
    with pytest.raises(DownloadFailed, match="expected 397923af"):
        published("vgg16")
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_without_a_network_the_ways_out_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WHATSIT_CACHE", str(tmp_path))
    monkeypatch.setitem(origins.PUBLISHED, "vgg16", Remote("http://127.0.0.1:9/vgg16-397923af.pth", "00"))
    with pytest.raises(DownloadFailed, match=r"9/vgg16-397923af\.pth .*weights=FILE.*RUN_DIR.*transfer=\{\}") as told:
        published("vgg16")
    assert "--data" not in str(told.value)


def test_checksums_agree_with_the_digits_in_the_names() -> None:
    for remote in PUBLISHED.values():
        assert remote.url.startswith("https://download.pytorch.org/models/")
        assert remote.sha256.startswith(remote.url.rsplit("-", 1)[1].removesuffix(".pth"))
        assert len(remote.sha256) == 64


def test_a_published_file_is_known_by_its_content(publisher: Callable[[str | None], str], tmp_path: Path) -> None:
    digest = publisher(None)
    save(tmp_path / "by-hand.pt", state() | {"more": torch.zeros(1)})
    assert find_weights(str(tmp_path / "by-hand.pt"), None).normalisation is None
    (tmp_path / "site" / "vgg16-397923af.pth").rename(tmp_path / "by-hand.pt")
    weights = find_weights(str(tmp_path / "by-hand.pt"), None)
    assert weights.normalisation is IMAGENET
    assert weights.origin.title == f"by-hand.pt (sha256 {digest[:8]})"


class Trap:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return Path.touch, (Path("trapped"),)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no such thing", "not a file that torch.save wrote"),
        (b"", "not a file that torch.save wrote"),
        (b"root:x:0:0::/root:/bin/sh\n", "not a file that torch.save wrote"),
        ({"network": state(), "epoch": 1}, "not a state_dict.* of a run, give its folder"),
        ([1, 2], "not a state_dict"),
        ({"a": Trap()}, "or more than tensors"),
    ],
)
def test_a_file_that_is_no_state_dict_is_refused(
    content: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(WeightsUnusable, match=message):
        find_weights(str(path), None)
    assert not Path("trapped").exists()


def test_a_run_gives_the_weights_and_the_normalisation_of_its_best_epoch(finished: Run) -> None:
    weights = find_weights(str(finished.folder), None)
    best = torch.load(finished.best, weights_only=True)
    assert weights.origin.title == f"the run run, epoch {best['epoch']}"
    assert weights.origin.sha256 == hashlib.sha256(finished.best.read_bytes()).hexdigest()
    assert torch.equal(weights.layers[1].weight, best["network"]["body.2.weight"])
    assert weights.normalisation is not None
    assert torch.equal(weights.normalisation[0], best["network"]["mean"].flatten())


def test_a_folder_without_a_run_or_without_an_epoch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsUnusable, match=r"^transfer\.weights: .*: there is no run\. Put that right, or start from"
    ):
        find_weights(str(tmp_path), None)
    info = RunInfo(recipe_name="x", data_path=None, parameters=9, starts=(START,))
    Run(tmp_path / "run").begin(tiny_recipe(tmp_path), info)
    with pytest.raises(WeightsUnusable, match="no epoch of the run is finished"):
        find_weights(str(tmp_path / "run"), None)


def test_a_run_without_its_best_weights_says_what_to_do(finished: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    run.best.unlink()
    with pytest.raises(WeightsUnusable, match=r"no best\.pt, although .*: put it back, .* start from another network"):
        find_weights(str(run.folder), None)


def test_a_version_is_proved_and_its_best_precision_taken(finished: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    publish(finished, store, "shapes", Contents(precisions=["fp32"]), who="tests")
    origin = find_weights("shapes@1", store).origin
    assert (origin.title, origin.version) == ("shapes@1 (fp32)", 1)
    assert origin.sha256 == hashlib.sha256((store.bundle("shapes", 1) / "model.onnx").read_bytes()).hexdigest()
    manifest = store.bundle("shapes", 1) / "manifest.json"
    content = json.loads(manifest.read_text())
    content["graphs"]["int8"] = content["graphs"].pop("fp32")
    manifest.write_text(json.dumps(content))
    assert find_weights("shapes", store).origin.title == "shapes@1 (int8)"
    with (store.bundle("shapes", 1) / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ChecksumMismatch):
        find_weights("shapes", store)


def test_what_is_nothing_of_all_this_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnusable, match="'runs/none' is no file, no folder of a run, and no ref"):
        find_weights("runs/none", Store(tmp_path))
    with pytest.raises(WeightsUnusable, match="there is no store"):
        find_weights("shapes", None)


@pytest.mark.parametrize(
    ("name", "store", "reason"),
    [
        ("cifar10-vgg16", "store", "there is no model 'cifar10-vgg16'; the store has: shapes"),
        ("shapes@2", "store", "model 'shapes' has no version 2; it has: 1"),
        ("shapes@best", "store", "model 'shapes' has no alias 'best'; it has: none"),
        ("shapes", "nowhere", "nowhere is no store that can be read: No such file or directory"),
    ],
)
def test_what_is_not_published_is_told_with_the_ways_out(
    name: str, store: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store" / "shapes" / "1").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsUnusable) as told:
        find_weights(name, Store(Path(store)))
    assert str(told.value).startswith(f"transfer.weights: {reason}. Train and publish it first, ")
    assert all(way in str(told.value) for way in ("--store", "RUN_DIR", "FILE", "REF", "--set transfer={}"))
