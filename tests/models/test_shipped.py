"""The versions that the repository ships are proved, good enough, small enough, and made of free images only."""

import pytest

from models import golden
from models.opening import open_version, prove_version
from models.refs import PRODUCTION, Ref
from models.store import Store, default_root

_MAX_BYTES = {"cifar10": 12_000_000, "fashion-mnist": 2_000_000}


@pytest.mark.parametrize("name", ["cifar10", "fashion-mnist"])
def test_version_1_is_shipped_in_production(name):
    store = Store(default_root())
    resolved = store.resolve(Ref(name, alias=PRODUCTION))
    assert resolved.version >= 1
    prove_version(store, name, 1)
    opened = open_version(store, name, 1)
    metrics = opened.manifest.metrics
    assert (metrics.split, metrics.images) == ("test", 10_000)
    assert metrics.accuracy >= 0.92
    assert sum(map(sum, metrics.confusion_matrix)) == metrics.images
    assert sum(row[i] for i, row in enumerate(metrics.confusion_matrix)) == metrics.correct


@pytest.mark.parametrize("name", ["cifar10", "fashion-mnist"])
def test_a_shipped_bundle_is_small_and_its_images_are_free(name):
    bundle = Store(default_root()).bundle(name, 1)
    assert sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) <= _MAX_BYTES[name]
    for entry in golden.read(bundle).images:
        assert entry.source.endswith(("CC0", "MIT", "Apache-2.0")), entry.file
