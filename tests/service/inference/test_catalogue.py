"""The catalogue of a store that is far away: requests are answered from what was seen, and never ask it."""

from pathlib import Path

import pytest

from models.aliases import move_alias
from models.bucket.cache import Cache
from models.errors import ModelNotFound, StoreUnavailable
from models.publish import publish
from models.refs import Ref
from models.store import Store
from models.targets import Found, Target
from service.inference.catalogue import Catalogue
from tests.support.bundles import release
from tests.support.s3 import S3Server

WHO = {"who": "me", "why": "to see"}


@pytest.fixture
def bucket(s3_url: str, tmp_path: Path) -> Store:
    """With one version, that production names."""
    store = Store(s3_url, cache=Cache(tmp_path / "mine"))
    publish(store, "tiny", release(tmp_path / "graph.onnx"), **WHO)
    move_alias(store, "tiny", "production", 1, **WHO)
    return store


@pytest.fixture
def catalogue(bucket: Store, tmp_path: Path) -> Catalogue:
    return Catalogue(Store(bucket.location, cache=Cache(tmp_path / "its"), serving=True))


def test_a_request_asks_the_store_nothing(catalogue: Catalogue, bucket: Store, s3: S3Server, tmp_path: Path) -> None:
    s3.asked.clear()
    with pytest.raises(StoreUnavailable, match="was not seen yet"):
        catalogue.find(Ref("tiny"))
    assert s3.asked == []
    catalogue.look()
    s3.asked.clear()
    assert catalogue.find(Ref("tiny")) == Found(Target(1), "production")
    publish(bucket, "other", release(tmp_path / "graph.onnx"), **WHO)
    s3.asked.clear()
    with pytest.raises(ModelNotFound):
        catalogue.find(Ref("other"))
    assert s3.asked == []
    catalogue.look()
    assert catalogue.find(Ref("other")) == Found(Target(1), None)


@pytest.mark.usefixtures("impatient")
def test_when_the_store_is_away_all_is_as_it_was_seen_be_it_by_an_earlier_process(
    catalogue: Catalogue, bucket: Store, s3: S3Server, tmp_path: Path
) -> None:
    with s3.away():
        with pytest.raises(StoreUnavailable):
            catalogue.look()
        with pytest.raises(StoreUnavailable):
            catalogue.find(Ref("tiny"))
    catalogue.look()
    later = Catalogue(Store(bucket.location, cache=Cache(tmp_path / "its"), serving=True))
    with s3.away():
        for each in (catalogue, later):
            with pytest.raises(StoreUnavailable):
                each.look()
            assert each.find(Ref("tiny")) == Found(Target(1), "production")
