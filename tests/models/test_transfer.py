"""Versions move between stores, and into files and out of them, with the numbers that they have."""

import json
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.errors import BundleError, Conflict, SignatureMissing, VersionNotFound
from models.layout import MANIFEST
from models.opening import prove_version
from models.signing import sign_version
from models.store import Store
from models.transfer import copy, export, take_in
from models.trust import read_signer, read_trusted
from tests.support.bundles import publish_tiny
from tests.support.forge import forge
from tests.support.keys import key_pair

WHO = {"who": "me", "why": "to see"}


@pytest.fixture
def source(tmp_path: Path) -> Store:
    """Two versions, of which production names the first."""
    for _ in range(2):
        publish_tiny(tmp_path / "source")
    store = Store(tmp_path / "source")
    move_alias(store, "tiny", "production", 1, **WHO)
    return store


def test_a_version_keeps_its_number_and_is_copied_once(source: Store, place: Store) -> None:
    assert copy(source, "tiny", 2, place, **WHO)
    assert place.versions("tiny") == [2]
    assert place.aliases("tiny") == {}
    assert place.read("tiny", 2, MANIFEST) == source.read("tiny", 2, MANIFEST)
    prove_version(place, "tiny", 2)
    assert not copy(source, "tiny", 2, place, **WHO)
    assert copy(source, "tiny", 1, place, **WHO)
    assert [(one.action, one.after) for one in place.history("tiny")] == [("publish", 2), ("publish", 1)]


def test_and_back(source: Store, bucket: Store, tmp_path: Path) -> None:
    copy(source, "tiny", 2, bucket, **WHO)
    back = Store(tmp_path / "back")
    assert copy(bucket, "tiny", 2, back, **WHO)
    prove_version(back, "tiny", 2)


def test_a_number_that_another_has_or_had_is_refused(source: Store, place: Store, tmp_path: Path) -> None:
    publish_tiny(tmp_path / "third", description="another")
    third = Store(tmp_path / "third")
    copy(third, "tiny", 1, place, **WHO)
    with pytest.raises(Conflict, match="no number is given twice"):
        copy(source, "tiny", 1, place, **WHO)
    copy(source, "tiny", 2, place, **WHO)
    place.remove("tiny", 2, **WHO)
    with pytest.raises(Conflict):
        copy(source, "tiny", 2, place, **WHO)
    assert place.versions("tiny") == [1]


def test_what_does_not_prove_itself_does_not_appear(source: Store, place: Store) -> None:
    golden = source.bundle("tiny", 1) / "golden/golden.json"
    told = json.loads(golden.read_text())
    told["images"][0]["probabilities"].reverse()
    forge(source.bundle("tiny", 1), "golden/golden.json", json.dumps(told).encode())
    with pytest.raises(BundleError):
        copy(source, "tiny", 1, place, **WHO)
    with pytest.raises(VersionNotFound):
        copy(source, "tiny", 3, place, **WHO)
    copy(source, "tiny", 2, place, **WHO)
    assert place.versions("tiny") == [2]


def test_through_a_file(source: Store, place: Store, tmp_path: Path) -> None:
    file = tmp_path / "tiny-2.whatsit"
    assert export(source, "tiny", 2, file)
    assert not export(source, "tiny", 2, file)
    manifest, fresh = take_in(file, place, **WHO)
    assert (manifest.name, manifest.version, fresh) == ("tiny", 2, True)
    assert take_in(file, place, **WHO) == (manifest, False)
    prove_version(place, "tiny", 2)


def test_a_push_that_broke_off_can_be_repeated(source: Store, bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.bucket.objects import Objects  # noqa: PLC0415

    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise BundleError("the network failed")

        broken.setattr(Objects, "upload", fail)
        with pytest.raises(BundleError):
            copy(source, "tiny", 2, bucket, **WHO)
    assert copy(source, "tiny", 2, bucket, **WHO)
    prove_version(bucket, "tiny", 2)


def test_a_signature_goes_along_also_later(source: Store, place: Store, tmp_path: Path) -> None:
    pair = key_pair(tmp_path)
    copy(source, "tiny", 1, place, **WHO)
    signer = read_signer(pair.private, str)
    sign_version(source, "tiny", 1, signer, **WHO)
    assert copy(source, "tiny", 1, place, **WHO)
    assert not copy(source, "tiny", 1, place, **WHO)
    place.trusted = read_trusted(pair.public)
    prove_version(place, "tiny", 1)
    with pytest.raises(SignatureMissing):
        copy(source, "tiny", 2, place, **WHO)
    sign_version(source, "tiny", 2, signer, **WHO)
    copy(source, "tiny", 2, place, **WHO)
    prove_version(place, "tiny", 2)
