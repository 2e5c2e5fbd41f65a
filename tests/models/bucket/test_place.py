"""A store in a bucket: processes that race, die and lose the network, and what lies there that was not published."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.bucket import claims
from models.bucket.objects import Objects
from models.errors import ChecksumMismatch, Conflict, InvalidManifest, StoreMissing, StoreUnavailable
from models.layout import MANIFEST
from models.opening import open_version, prove_version
from models.place import Brought
from models.publish import publish
from models.store import Store
from tests.models.conftest import Open
from tests.support.bundles import release
from tests.support.processes import go_together, kill, start, wait_for
from tests.support.s3 import S3Server

WHO = {"who": "me", "why": "to see"}
RACER = """
import sys
from pathlib import Path
from models.aliases import move_alias
from models.bucket.cache import Cache
from models.errors import RegistryError
from models.store import Store
store, version = Store(sys.argv[1], cache=Cache(Path(sys.argv[2]))), int(sys.argv[3])
store.look()
print("ready", flush=True)
input()
try:
    move_alias(store, "tiny", "production", version, expect=1, who=f"racer {version}", why="to win")
    print("won")
except RegistryError as error:
    print(type(error).__name__)
"""
# Stops where the files are uploaded, and where they are and the log says nothing yet.
PUBLISHER = """
import sys, time
from pathlib import Path
from models.bucket.cache import Cache
from models.bucket.log import Log
from models.bucket.objects import Objects
from models.publish import publish
from models.store import Store
from tests.support.bundles import release
def stop(*_):
    print("stopped", flush=True)
    time.sleep(60)
if sys.argv[3] == "upload":
    Objects.upload = stop
else:
    Log.append = stop
store = Store(sys.argv[1], cache=Cache(Path(sys.argv[2])))
publish(store, "tiny", release(Path(sys.argv[2]) / "graph.onnx"), who="w", why="y")
"""


def publish_tiny(store: Store, folder: Path) -> int:
    return publish(store, "tiny", release(folder / "graph.onnx"), **WHO).version


def publish_empty(store: Store, times: int = 1) -> None:
    for _ in range(times):
        with store.place.draft("tiny", **WHO) as draft:
            (draft.folder / MANIFEST).write_text("{}")


def keys(store: Store, folder: str) -> list[str]:
    return sorted(Objects(str(store.location)).below(folder))


def test_of_two_processes_that_promote_at_once_one_wins(bucket: Store, tmp_path: Path) -> None:
    publish_empty(bucket, 3)
    move_alias(bucket, "tiny", "production", 1, **WHO)
    said = go_together(*(start(RACER, bucket.location, tmp_path / str(version), version) for version in (2, 3)))
    assert sorted(word for words in said for word in words) == ["Conflict", "won"]
    bucket.look()
    winner = 2 + said.index(["won"])
    assert bucket.aliases("tiny") == {"production": winner}
    assert bucket.history("tiny")[-1].who == f"racer {winner}"


@pytest.mark.parametrize("moment", ["upload", "log"])
def test_a_publisher_that_is_killed_burns_a_number_and_no_more(
    bucket: Store, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "its").mkdir()
    publisher = start(PUBLISHER, bucket.location, tmp_path / "its", moment)
    wait_for(publisher, "stopped")
    kill(publisher)
    with pytest.raises(StoreMissing):
        bucket.names()
    assert publish_tiny(bucket, tmp_path) == 2
    assert bucket.versions("tiny") == [2]
    prove_version(bucket, "tiny", 2)
    left = keys(bucket, "tiny/1")
    assert (left != []) == (moment == "log")
    monkeypatch.setattr(claims, "ABANDONED_AFTER", timedelta(seconds=-1))
    publish_empty(bucket)
    assert keys(bucket, "tiny/1") == []
    assert keys(bucket, "tiny/2") != []


def test_only_what_was_claimed_here_is_swept(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else lies in the bucket is somebody's."""
    publish_empty(bucket)
    Objects(str(bucket.location)).write("tiny/9/notes.txt", b"mine")
    monkeypatch.setattr(claims, "ABANDONED_AFTER", timedelta(seconds=-1))
    publish_empty(bucket)
    assert keys(bucket, "tiny/9") == ["tiny/9/notes.txt"]
    assert bucket.versions("tiny") == [1, 2]


def test_files_go_with_the_version_they_are_of(bucket: Store) -> None:
    publish_empty(bucket, 2)
    bucket.remove("tiny", 1, **WHO)
    assert keys(bucket, "tiny") == ["tiny/2/manifest.json"]


def test_a_claim_that_was_never_kept_names_the_way_out(bucket: Store) -> None:
    publish_empty(bucket)
    Objects(str(bucket.location)).write("_whatsit/claims/tiny/7", b"somebody's")
    with pytest.raises(Conflict, match=rf"delete {bucket.location}/_whatsit/claims/tiny/7"):
        bucket.place.draft("tiny", **WHO, brought=Brought(7, "a" * 64)).__enter__()


@pytest.mark.usefixtures("impatient")
class TestAway:
    def test_what_is_known_is_known_and_what_is_here_is_opened(
        self, bucket: Store, s3: S3Server, tmp_path: Path, open_at: Open
    ) -> None:
        publish_tiny(bucket, tmp_path)
        with s3.away():
            assert bucket.versions("tiny") == [1]
            open_version(bucket, "tiny", 1)
            for ask in (bucket.look, lambda: move_alias(bucket, "tiny", "production", 1, **WHO)):
                with pytest.raises(StoreUnavailable):
                    ask()
            serving, other = open_at(str(bucket.location), serving=True), open_at(str(bucket.location))
            with pytest.raises(StoreUnavailable):
                other.names()
            assert serving.names() == ["tiny"]
            open_version(serving, "tiny", 1)
        move_alias(bucket, "tiny", "production", 1, **WHO)
        serving.look()
        assert serving.aliases("tiny") == {"production": 1}

    def test_who_never_saw_it_knows_nothing(self, s3: S3Server, s3_url: str, open_at: Open, tmp_path: Path) -> None:
        serving = open_at(s3_url, tmp_path / "empty", serving=True)
        with s3.away(), pytest.raises(StoreUnavailable):
            serving.names()

    def test_what_is_not_here_cannot_be_opened_but_read_of(
        self, bucket: Store, s3: S3Server, open_at: Open, tmp_path: Path
    ) -> None:
        publish_tiny(bucket, tmp_path)
        elsewhere = open_at(str(bucket.location), tmp_path / "elsewhere", serving=True)
        assert elsewhere.manifest("tiny", 1).version == 1
        assert elsewhere.read("tiny", 1, "MODEL_CARD.md") == b"# Colours\n"
        with s3.away():
            assert elsewhere.manifest("tiny", 1).version == 1
            with pytest.raises(StoreUnavailable):
                elsewhere.bundle("tiny", 1)
        open_version(elsewhere, "tiny", 1)


class TestHarm:
    """Somebody with a key to the bucket writes to it."""

    @pytest.fixture
    def elsewhere(self, bucket: Store, open_at: Open, tmp_path: Path) -> Store:
        """The same store on a machine that has nothing of it."""
        publish_tiny(bucket, tmp_path)
        return open_at(str(bucket.location), tmp_path / "elsewhere")

    def test_a_file_that_was_changed(self, elsewhere: Store, bucket: Store) -> None:
        Objects(str(elsewhere.location)).write("tiny/1/model.onnx", b"something else")
        with pytest.raises(ChecksumMismatch, match=r"model\.onnx is not what was published"):
            open_version(elsewhere, "tiny", 1)
        open_version(bucket, "tiny", 1)  # which has it from before
        with pytest.raises(ChecksumMismatch):
            bucket.bundle("tiny", 1, anew=True)

    def test_a_file_that_is_gone(self, elsewhere: Store) -> None:
        Objects(str(elsewhere.location)).delete(["tiny/1/golden/0.png"])
        with pytest.raises(ChecksumMismatch, match="lacks files of its manifest"):
            open_version(elsewhere, "tiny", 1)

    def test_a_manifest_that_was_made_to_fit(self, elsewhere: Store) -> None:
        objects = Objects(str(elsewhere.location))
        manifest = json.loads(objects.read("tiny/1/manifest.json") or b"")
        objects.write("tiny/1/manifest.json", json.dumps(manifest | {"labels": ["a", "b", "c"]}).encode())
        for ask in (elsewhere.manifest, elsewhere.bundle):
            with pytest.raises(InvalidManifest, match="not what was published"):
                ask("tiny", 1)

    def test_a_manifest_that_is_gone(self, elsewhere: Store) -> None:
        Objects(str(elsewhere.location)).delete(["tiny/1/manifest.json"])
        with pytest.raises(InvalidManifest, match=r"has no manifest\.json"):
            elsewhere.bundle("tiny", 1)
        with pytest.raises(InvalidManifest, match=r"no readable manifest\.json"):
            elsewhere.manifest("tiny", 1)

    def test_a_file_more_is_no_part_of_it(self, elsewhere: Store) -> None:
        Objects(str(elsewhere.location)).write("tiny/1/more.txt", b"more")
        open_version(elsewhere, "tiny", 1)

    def test_a_bucket_that_was_emptied(self, elsewhere: Store) -> None:
        objects = Objects(str(elsewhere.location))
        elsewhere.look()
        objects.delete(objects.below("_whatsit/log"))
        with pytest.raises(StoreMissing, match="no store that can be read"):
            elsewhere.look()


def test_what_was_published_from_here_need_not_be_fetched(bucket: Store, s3: S3Server, tmp_path: Path) -> None:
    publish_tiny(bucket, tmp_path)
    s3.asked.clear()
    open_version(bucket, "tiny", 1)
    assert [asked for asked in s3.asked if "/tiny/1/" in asked] == []


def test_a_bundle_has_the_same_files_as_in_a_folder(bucket: Store, tmp_path: Path) -> None:
    publish_tiny(bucket, tmp_path)
    publish_tiny(Store(tmp_path / "folder"), tmp_path)
    inside = tmp_path / "folder/tiny/1"
    files = sorted(f"tiny/1/{path.relative_to(inside)}" for path in inside.rglob("*") if path.is_file())
    assert keys(bucket, "tiny") == files
    shutil.rmtree(inside)
