import json
import stat
from pathlib import Path

import pytest

from service.keys.file import KeyFile, KeyNotFound, KeysUnreadable
from tests.support.processes import go_together, kill, start, wait_for


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def test_what_was_created_is_read_until_it_is_revoked(file: KeyFile) -> None:
    assert not file.exists()
    first, _ = file.create("first", ("predict",))
    second, _ = file.create("second", ("jobs", "admin"), "5/minute")
    assert file.read() == {first.id: first, second.id: second}
    assert file.revoke(first.id) == first
    assert file.read() == {second.id: second}
    file.revoke(second.id)
    assert file.exists(), "without it no key would be needed"
    assert file.read() == {}


def test_no_secret_is_written(file: KeyFile) -> None:
    _, text = file.create("one", ("predict",))
    written = b"".join(path.read_bytes() for path in file.path.parent.iterdir())
    assert text.rpartition("_")[2].encode() not in written


def test_a_key_that_is_not_there_cannot_be_revoked(file: KeyFile) -> None:
    with pytest.raises(KeyNotFound, match="holds: none"):
        file.revoke("0" * 12)
    assert not file.exists()
    key, _ = file.create("one", ("predict",))
    with pytest.raises(KeyNotFound, match=key.id):
        file.revoke("nobody")


def test_only_the_owner_may_read_it(file: KeyFile) -> None:
    file.create("one", ("predict",))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_a_change_keeps_what_the_operator_has_allowed(file: KeyFile) -> None:
    file.create("one", ("predict",))
    file.path.chmod(0o640)
    file.create("two", ("predict",))
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


def test_a_link_is_kept_and_what_it_leads_to_changed(file: KeyFile, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "target.json"
    target.parent.mkdir()
    file.path.symlink_to(target)
    assert file.exists(), "a link that leads nowhere must not open a service"
    with pytest.raises(KeysUnreadable):
        file.read()
    KeyFile(target).create("one", ("predict",))
    file.create("two", ("predict",))
    assert file.path.is_symlink()
    assert [key.name for key in KeyFile(target).read().values()] == ["one", "two"]


BROKEN = [
    *["", "{", "[]", "null", '"keys"', "{}", '{"keys": {}}', '{"keys": [{}]}', '{"keys": [], "more": 1}'],
    json.dumps({"keys": [{"id": "x", "name": "", "scopes": [], "created_at": "now", "sha256": ""}]}),
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_an_error_and_is_not_replaced(file: KeyFile, text: str) -> None:
    file.path.write_text(text)
    with pytest.raises(KeysUnreadable, match="no file of keys"):
        file.read()
    with pytest.raises(KeysUnreadable):
        file.create("one", ("predict",))
    assert file.path.read_text() == text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", "0" * 11),
        ("scopes", ["everything"]),
        ("scopes", []),
        ("rate", "often"),
        ("created_at", "2026-01-01T00:00:00"),
        ("sha256", "0" * 63),
        ("secret", "x"),
    ],
)
def test_each_member_is_checked(file: KeyFile, name: str, value: object) -> None:
    file.create("one", ("predict",))
    content = json.loads(file.path.read_bytes())
    content["keys"][0][name] = value
    file.path.write_text(json.dumps(content))
    with pytest.raises(KeysUnreadable, match=name):
        file.read()


def test_an_id_that_is_there_twice_is_an_error(file: KeyFile) -> None:
    file.create("one", ("predict",))
    content = json.loads(file.path.read_bytes())
    file.path.write_text(json.dumps({"keys": content["keys"] * 2}))
    with pytest.raises(KeysUnreadable, match="same id"):
        file.read()


def test_what_cannot_be_read_is_there_all_the_same(file: KeyFile) -> None:
    file.path.mkdir()
    assert file.exists()
    with pytest.raises(KeysUnreadable, match="cannot be read"):
        file.read()


_CREATE = """
import sys
from pathlib import Path
from service.keys.file import KeyFile
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    key, _ = KeyFile(Path(sys.argv[1])).create("one of many", ("predict",))
    print(key.id)
"""


def test_those_who_create_at_once_lose_no_key(file: KeyFile) -> None:
    said = go_together(*(start(_CREATE, file.path) for _ in range(3)))
    assert set(file.read()) == {key_id for ids in said for key_id in ids}
    assert len(file.read()) == 15


_HOLDS = """
import sys
from pathlib import Path
from service.keys.file import KeyFile
class Stuck(KeyFile):
    def _write(self, keys):
        target = self.path.resolve()
        target.with_name(f".{target.name}.new").write_text("half of")
        print("inside", flush=True)
        sys.stdin.readline()
Stuck(Path(sys.argv[1])).create("never", ("predict",))
"""


def test_one_that_is_killed_while_it_changes_holds_up_nobody(file: KeyFile) -> None:
    key, _ = file.create("one", ("predict",))
    process = start(_HOLDS, file.path)
    wait_for(process, "inside")
    assert set(file.read()) == {key.id}
    kill(process)
    other, _ = file.create("two", ("predict",))
    assert set(file.read()) == {key.id, other.id}
