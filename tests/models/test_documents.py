import hashlib
import os
from pathlib import Path

import pytest

from models.documents import REPORT, read_document
from models.errors import ChecksumMismatch, DocumentNotFound, VersionNotFound
from models.store import Store
from tests.support.bundles import publish_tiny


@pytest.fixture
def store(tmp_path: Path) -> Store:
    publish_tiny(tmp_path)
    return Store(tmp_path)


def test_a_document_comes_back_as_it_was_published(store: Store) -> None:
    document = read_document(store, "tiny", 1, REPORT)
    assert document.data == b"<!doctype html><title>Colours</title>\n"
    assert document.sha256 == hashlib.sha256(document.data).hexdigest()


def test_a_version_may_have_none(store: Store) -> None:
    publish_tiny(store.location, "bare", documents={})
    with pytest.raises(DocumentNotFound, match=r"bare@1 was published without report\.html"):
        read_document(store, "bare", 1, REPORT)
    with pytest.raises(VersionNotFound):
        read_document(store, "bare", 2, REPORT)


def test_what_was_changed_removed_or_is_no_file_is_not_read(store: Store) -> None:
    path = store.bundle("tiny", 1) / REPORT
    path.write_text("<script>")
    with pytest.raises(ChecksumMismatch, match="not what was published"):
        read_document(store, "tiny", 1, REPORT)
    path.unlink()
    with pytest.raises(ChecksumMismatch, match="missing"):
        read_document(store, "tiny", 1, REPORT)
    os.mkfifo(path)
    with pytest.raises(ChecksumMismatch, match="missing"):
        read_document(store, "tiny", 1, REPORT)
