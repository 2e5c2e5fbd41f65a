"""A bundle as one file: the same bytes for the same bundle, and nothing but a bundle on the way in."""

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from models.archive import Archive, pack
from models.errors import BundleError, ChecksumMismatch, Conflict, InvalidArchive
from models.opening import prove_bundle
from tests.support.bundles import publish_tiny


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    publish_tiny(root)
    return root / "tiny/1"


@pytest.fixture
def packed(bundle: Path, tmp_path: Path) -> Path:
    file = tmp_path / "tiny-1.whatsit"
    assert pack(bundle, file)
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_comes_out_is_what_went_in(bundle: Path, packed: Path, tmp_path: Path) -> None:
    archive = Archive(packed)
    assert (archive.manifest.name, archive.manifest.version) == ("tiny", 1)
    archive.extract(tmp_path / "out")
    assert contents(tmp_path / "out") == contents(bundle)
    prove_bundle(tmp_path / "out")
    with zipfile.ZipFile(packed) as plain:  # any tool can look into it
        assert plain.read("MODEL_CARD.md") == b"# Colours\n"


def test_the_same_bundle_makes_the_same_bytes(bundle: Path, packed: Path, tmp_path: Path) -> None:
    pack(bundle, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == packed.read_bytes()
    assert not pack(bundle, packed)


def test_another_file_is_not_overwritten(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Conflict, match="is there and holds something else"):
        pack(bundle, tmp_path / "mine")
    assert contents(tmp_path) == {"mine": b"mine"}


def test_a_signature_goes_along(bundle: Path, tmp_path: Path) -> None:
    (bundle / "manifest.json.sig").write_bytes(b"1" * 64)
    try:
        pack(bundle, tmp_path / "signed")
    finally:
        (bundle / "manifest.json.sig").unlink()
    archive = Archive(tmp_path / "signed")
    assert archive.signature == b"1" * 64
    archive.extract(tmp_path / "out")
    assert (tmp_path / "out/manifest.json.sig").read_bytes() == b"1" * 64


def test_a_bundle_that_is_not_whole_is_not_packed(bundle: Path, tmp_path: Path) -> None:
    graph = (bundle / "model.onnx").read_bytes()
    (bundle / "model.onnx").write_bytes(b"")
    try:
        with pytest.raises(ChecksumMismatch):
            pack(bundle, tmp_path / "broken")
    finally:
        (bundle / "model.onnx").write_bytes(graph)
    assert list(tmp_path.iterdir()) == []


Change = Callable[[zipfile.ZipFile, zipfile.ZipInfo, bytes], None]


def change(packed: Path, name: str, how: Change) -> None:
    """Write the archive again, with one entry as ``how`` writes it."""
    with zipfile.ZipFile(packed) as old:
        entries = [(entry, old.read(entry)) for entry in old.infolist()]
    with zipfile.ZipFile(packed, "w") as new:
        for entry, content in entries:
            if entry.filename == name:
                how(new, entry, content)
            else:
                new.writestr(entry, content)


def renamed(name: str) -> Change:
    def how(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
        entry.filename = name
        new.writestr(entry, content)

    return how


def with_mode(mode: int) -> Change:
    def how(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
        entry.external_attr = mode << 16
        new.writestr(entry, content)

    return how


def compressed(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
    new.writestr(entry, content, zipfile.ZIP_DEFLATED)


def twice(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
    new.writestr(entry, content)
    with pytest.warns(UserWarning, match="Duplicate"):
        new.writestr(entry.filename, content)


def more(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
    new.writestr(entry, content)
    new.writestr("more.txt", b"more")


def left_out(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
    pass


def altered(new: zipfile.ZipFile, entry: zipfile.ZipInfo, content: bytes) -> None:
    new.writestr(entry, b"something else")


@pytest.mark.parametrize(
    ("name", "how", "reason"),
    [
        ("report.html", renamed("../report.html"), "no plain file within a bundle"),
        ("report.html", renamed("/etc/report.html"), "no plain file within a bundle"),
        ("report.html", renamed("golden/../../report.html"), "no plain file within a bundle"),
        ("report.html", renamed("golden\\..\\report.html"), "no plain file within a bundle"),
        ("report.html", renamed("reports/"), "no plain file within a bundle"),
        ("report.html", with_mode(stat.S_IFLNK | 0o777), "no plain file within a bundle"),
        ("report.html", with_mode(stat.S_IFIFO | 0o600), "no plain file within a bundle"),
        ("report.html", compressed, "compressed"),
        ("report.html", twice, "twice"),
        ("report.html", more, "more.txt is not in the manifest"),
        ("report.html", left_out, "report.html is missing"),
        ("report.html", renamed("report.htm"), "report.htm is not in the manifest"),
        ("report.html", altered, "report.html is not what was published"),
        ("manifest.json", left_out, "there is no manifest.json"),
        ("manifest.json", altered, "Invalid JSON"),
    ],
)
def test_what_is_no_bundle_is_refused(packed: Path, tmp_path: Path, name: str, how: Change, reason: str) -> None:
    change(packed, name, how)
    with pytest.raises(BundleError, match=reason):
        Archive(packed).extract(tmp_path / "out/inner")
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*")} <= {"out", packed.name}


def cut(content: bytes) -> bytes:
    return content[:-1]


def damage(content: bytes) -> bytes:
    place = content.index(b"# Colours")
    return content[:place] + b"? Colours" + content[place + 9 :]


def claim_many(content: bytes) -> bytes:
    end = content.rindex(b"PK\5\6")
    return content[: end + 8] + struct.pack("<2H", 65535, 65535) + content[end + 12 :]


def nothing(content: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("harm", [cut, damage, claim_many, nothing])
def test_a_file_that_is_broken_is_named(packed: Path, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    packed.write_bytes(harm(packed.read_bytes()))
    with pytest.raises(InvalidArchive, match=packed.name):
        Archive(packed).extract(tmp_path / "out")
