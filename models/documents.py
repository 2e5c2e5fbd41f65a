"""The documents of a version: what is in its bundle for people, read as it was published or not at all."""

import hashlib
from dataclasses import dataclass

from models.errors import ChecksumMismatch, DocumentNotFound
from models.store import Store

REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one document and their sha256 in hexadecimal."""

    data: bytes
    sha256: str


def read_document(store: Store, name: str, version: int, file: str) -> Document:
    """The document ``file`` of a version.

    Raises NotFound where there is no such version or document, InvalidManifest, and ChecksumMismatch when it is not
    what was published.
    """
    published = store.manifest(name, version).files.get(file)
    if published is None:
        raise DocumentNotFound(f"{name}@{version} was published without {file}")
    try:
        data = store.read(name, version, file)
    except OSError as error:
        raise ChecksumMismatch(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error
    document = Document(data, hashlib.sha256(data).hexdigest())
    if document.sha256 != published:
        raise ChecksumMismatch(f"{file} is not what was published: its sha256 is {document.sha256}")
    return document
