"""The versions that the repository ships are proved, good enough, small enough, and made of free images only."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from models import golden
from models.locations import default_root
from models.opening import open_version, prove_version
from models.refs import PRODUCTION, Ref
from models.store import Store

STORE = Store(default_root())
_PROJECT = Path(__file__).parents[2]
# The least accuracy, just below what each was published with, and the most bytes.
_LIMITS = {
    ("cifar10", 1): (0.926, 5_000_000),
    ("cifar10", 2): (0.940, 11_000_000),
    ("cifar10-vgg16", 1): (0.925, 16_000_000),
    ("fashion-mnist", 1): (0.935, 1_500_000),
    ("fashion-mnist", 2): (0.940, 2_200_000),
    ("letters", 2): (0.956, 2_200_000),
}
VERSIONS = list(_LIMITS)  # whoever works here may have published others
# Before reports and graphs of lower precision were published.
_PLAIN = {("cifar10", 1), ("fashion-mnist", 1)}


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in VERSIONS))
def test_one_version_is_in_production(name: str) -> None:
    assert STORE.resolve(Ref(name, alias=PRODUCTION)).version in STORE.versions(name)


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_a_shipped_version_is_proved_and_good_enough(name: str, version: int) -> None:
    prove_version(STORE, name, version)
    manifest = open_version(STORE, name, version).manifest
    metrics = manifest.metrics
    assert metrics.split == "test"
    assert metrics.images >= 10_000
    assert metrics.accuracy >= _LIMITS[name, version][0]
    assert sum(map(sum, metrics.confusion_matrix)) == metrics.images
    assert sum(row[i] for i, row in enumerate(metrics.confusion_matrix)) == metrics.correct
    assert (set(manifest.graphs) >= {"int8"}) == ((name, version) not in _PLAIN)


@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_a_shipped_bundle_is_small_and_its_images_are_free(name: str, version: int) -> None:
    bundle = STORE.bundle(name, version)
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) <= _LIMITS[name, version][1]
    assert (bundle / "report.html").exists() == ((name, version) not in _PLAIN)
    for entry in golden.read(bundle).images:
        assert entry.source.endswith(("CC0", "MIT", "Apache-2.0")), entry.file


def test_a_wheel_holds_what_is_shipped_and_nothing_that_was_published_here() -> None:
    if not (_PROJECT / ".git").exists():
        pytest.skip("only git knows what is shipped")
    listed = subprocess.run(["git", "ls-files", "-z", "models/store"], cwd=_PROJECT, capture_output=True, check=True)
    tracked = {path for path in listed.stdout.decode().split("\0") if path}
    tools = tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = (path for pattern in tools["package-data"]["models"] for path in (_PROJECT / "models").glob(pattern))
    assert {path.relative_to(_PROJECT).as_posix() for path in found if path.is_file()} == tracked
    assert {tuple(path.split("/")[2:4]) for path in tracked if path.endswith("/manifest.json")} == {
        (name, str(version)) for name, version in VERSIONS
    }
    assert tools["include-package-data"] is False
