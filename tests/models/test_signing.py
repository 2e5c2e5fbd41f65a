"""Where signatures are asked for, nobody opens a version that is unsigned, altered, or signed by a stranger."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.audit import entries
from models.documents import read_document
from models.errors import BundleError, ChecksumMismatch, InvalidManifest, SignatureInvalid, SignatureMissing
from models.opening import open_version, prove_version
from models.promotion import check_promotion, promote
from models.publish import publish
from models.signing import sign_version
from models.store import Store
from models.trust import Signer, read_signer, read_trusted
from tests.support.bundles import publish_tiny, release
from tests.support.forge import forge
from tests.support.keys import Pair, key_pair

SIGNATURE = "manifest.json.sig"


@dataclass(frozen=True)
class Material:
    """A store as anybody opens it, and as one who asks for the signature of ``pair`` does."""

    store: Store
    strict: Store
    pair: Pair

    @property
    def signer(self) -> Signer:
        return read_signer(self.pair.private, str)

    @property
    def bundle(self) -> Path:
        return self.store.bundle("tiny", 1)

    def sign(self) -> None:
        sign_version(self.store, "tiny", 1, self.signer, who="tests", why="vouched for")


@pytest.fixture
def material(tmp_path: Path) -> Material:
    pair = key_pair(tmp_path)
    publish_tiny(tmp_path / "store")
    return Material(Store(tmp_path / "store"), Store(tmp_path / "store", read_trusted(pair.public)), pair)


WAYS: dict[str, Callable[[Store], object]] = {
    "open": lambda store: open_version(store, "tiny", 1),
    "prove": lambda store: prove_version(store, "tiny", 1),
    "manifest": lambda store: store.manifest("tiny", 1),
    "document": lambda store: read_document(store, "tiny", 1, "report.html"),
}


@pytest.mark.parametrize("way", WAYS)
def test_unsigned_versions_are_not_opened(material: Material, way: str) -> None:
    WAYS[way](material.store)
    with pytest.raises(SignatureMissing, match=r"tiny@1 has no signature.*whatsit models sign"):
        WAYS[way](material.strict)
    material.sign()
    WAYS[way](material.strict)
    WAYS[way](material.store)  # who asks for none minds none


def foreign(material: Material) -> None:
    stranger = read_signer(key_pair(material.pair.private.parent, "stranger").private, str)
    sign_version(material.store, "tiny", 1, stranger, who="tests", why="")


def cut(material: Material) -> None:
    signature = material.bundle / SIGNATURE
    signature.write_bytes(signature.read_bytes()[:-1])


def lengthened(material: Material) -> None:
    signature = material.bundle / SIGNATURE
    signature.write_bytes(signature.read_bytes() + b"\n")


def relabelled(material: Material) -> None:
    manifest = material.bundle / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"description": "', '"description": "not '))


def taken_from_another(material: Material) -> None:
    made = release(material.pair.private.parent / "model.onnx")
    publish(material.store, "tiny", made, who="tests", why="", signer=material.signer)
    shutil.copy(material.store.bundle("tiny", 2) / SIGNATURE, material.bundle)


def forged(material: Material) -> None:
    forge(material.bundle, "MODEL_CARD.md", b"# Much better\n")


@pytest.mark.parametrize("spoil", [foreign, cut, lengthened, relabelled, taken_from_another, forged])
def test_a_signature_that_does_not_hold(material: Material, spoil: Callable[[Material], None]) -> None:
    material.sign()
    spoil(material)
    for way in WAYS.values():
        with pytest.raises(
            SignatureInvalid, match=r"signed by no key that is trusted, or manifest\.json was changed since"
        ):
            way(material.strict)


def test_a_file_that_was_changed_under_a_manifest_that_holds(material: Material) -> None:
    material.sign()
    (material.bundle / "model.onnx").write_bytes(b"changed")
    with pytest.raises(ChecksumMismatch):
        open_version(material.strict, "tiny", 1)


def test_a_signed_version_in_the_place_of_another(material: Material) -> None:
    """What was vouched for is a version by its name and number."""
    material.sign()
    shutil.copytree(material.bundle, material.store.location / "tiny" / "2")
    with pytest.raises(InvalidManifest, match="tiny@2 holds tiny@1"):
        open_version(material.strict, "tiny", 2)


@pytest.mark.parametrize("what", ["link", "folder", "pipe"])
def test_a_signature_that_is_no_file(material: Material, what: str, tmp_path: Path) -> None:
    signature = material.bundle / SIGNATURE
    if what == "link":
        material.sign()
        signature.rename(tmp_path / "elsewhere")
        signature.symlink_to(tmp_path / "elsewhere")
    elif what == "folder":
        signature.mkdir()
    else:
        os.mkfifo(signature)
    with pytest.raises(BundleError):
        open_version(material.strict, "tiny", 1)


def test_an_alias_moves_to_signed_versions_alone(material: Material) -> None:
    manifest = material.store.manifest("tiny", 1)
    with pytest.raises(SignatureMissing, match="has no signature"):
        promote(material.strict, manifest, "production", who="tests", why="")
    with pytest.raises(SignatureMissing, match="must name a signed version: give --sign KEY"):
        check_promotion(material.strict, "tiny", "production", manifest, signed=False)
    assert material.store.aliases("tiny") == {}
    material.sign()
    promote(material.strict, manifest, "production", who="tests", why="")
    assert material.store.aliases("tiny") == {"production": 1}


def test_what_is_published_with_a_key_is_signed(material: Material, tmp_path: Path) -> None:
    made = release(tmp_path / "model.onnx")
    publish(material.strict, "tiny", made, who="tests", why="", signer=material.signer)
    assert open_version(material.strict, "tiny", 2).manifest.version == 2
    publish(material.strict, "tiny", made, who="tests", why="")  # to be signed later
    stranger = read_signer(key_pair(tmp_path, "stranger").private, str)
    with pytest.raises(SignatureInvalid):
        publish(material.strict, "tiny", made, who="tests", why="", signer=stranger)
    assert material.store.versions("tiny") == [1, 2, 3]


def test_signing_is_noted_and_may_be_done_again(material: Material) -> None:
    foreign(material)
    material.sign()
    open_version(material.strict, "tiny", 1)
    log = entries(material.store.location / "tiny")[1:]
    assert [(entry.action, entry.after, entry.why) for entry in log] == [("sign", 1, ""), ("sign", 1, "vouched for")]
    assert sorted(path.name for path in material.bundle.parent.iterdir()) == [".lock", "1", "audit.jsonl"]


def test_nobody_vouches_for_a_version_that_is_broken(material: Material) -> None:
    (material.bundle / "model.onnx").write_bytes(b"changed")
    with pytest.raises(ChecksumMismatch):
        material.sign()
    assert not (material.bundle / SIGNATURE).exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_agrees(tmp_path: Path) -> None:
    """The lines of docs/signing.md."""

    def openssl(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["openssl", *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    openssl("genpkey", "-algorithm", "ed25519", "-out", "private.pem").check_returncode()
    openssl("pkey", "-in", "private.pem", "-pubout", "-out", "public.pem").check_returncode()
    publish_tiny(tmp_path / "store")
    store = Store(tmp_path / "store", read_trusted(tmp_path / "public.pem"))
    bundle = store.bundle("tiny", 1)
    ours = read_signer(tmp_path / "private.pem", str)
    sign_version(Store(store.location), "tiny", 1, ours, who="tests", why="")
    files = ("-in", bundle / "manifest.json", "-sigfile", bundle / SIGNATURE)
    found = openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "public.pem", *files)
    assert (found.returncode, found.stdout) == (0, "Signature Verified Successfully\n")

    made = ("-in", bundle / "manifest.json", "-out", bundle / SIGNATURE)
    (bundle / SIGNATURE).unlink()
    openssl("pkeyutl", "-sign", "-rawin", "-inkey", "private.pem", *made).check_returncode()
    open_version(store, "tiny", 1)
    forge(bundle, "MODEL_CARD.md", b"# Much better\n")
    assert openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "public.pem", *files).returncode == 1
