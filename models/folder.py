"""A store in a folder: ``ROOT/NAME/VERSION/...``, changed under a lock, each change in one step."""

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from models.audit import Entry, append, entries, locked, sync
from models.errors import Conflict, InvalidManifest, StoreMissing, StoreUnavailable, VersionNotFound
from models.layout import ALIASES, HOLDS, SIGNATURE, UNFINISHED, bundle_dir, model_dir, write_json
from models.locations import Location
from models.place import HELD_FOR, Brought, Decide, Draft
from models.refs import is_name, is_version
from models.targets import Listing, Target, WrittenTargets, read_target
from models.trust import read_signature


class Folder:
    """Read from the disk at every call, so that a change is seen at once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def location(self) -> Location:
        """The folder."""
        return self.root

    def look(self) -> None:
        """Nothing: it is seen at each reading."""

    def names(self) -> list[str]:
        """What may be models, in any order."""
        return [folder.name for folder in _folders(self.root) if is_name(folder.name)]

    def listing(self, name: str) -> Listing | None:
        """What stands of a model; None where it has no version."""
        versions = self._versions(name)
        if not versions:
            return None
        try:
            return Listing(name, versions, self._targets(name))
        except InvalidManifest as error:
            return Listing(name, versions, {}, str(error))

    def history(self, name: str) -> list[Entry]:
        """The audit log of a model, oldest first."""
        return entries(model_dir(self.root, name))

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of a file of a version; raises OSError where it cannot be read."""
        path = self.bundle(name, version) / file
        if not path.is_file():  # reading a pipe would never end
            raise FileNotFoundError(errno.ENOENT, "missing", str(path))
        return path.read_bytes()

    def signature(self, name: str, version: int) -> bytes | None:
        """The signature of the manifest of a version; None where it has none."""
        return read_signature(self.bundle(name, version))

    def bundle(self, name: str, version: int, *, anew: bool = False) -> Path:  # noqa: ARG002 - it always is
        """The folder of a version."""
        return bundle_dir(self.root, name, version)

    @contextmanager
    def draft(self, name: str, *, who: str, why: str, brought: Brought | None = None) -> Iterator[Draft]:
        """A folder to write a version into; it is renamed when the context ends well, else removed."""
        folder = model_dir(self.root, name)
        with locked(folder):
            for abandoned in folder.glob(f"{UNFINISHED}*"):
                shutil.rmtree(abandoned)  # of a process that died: whoever still writes holds the lock
            version = self._next_version(name) if brought is None else self._free(name, brought.version)
            place = self.bundle(name, version)
            unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
            try:
                yield Draft(unfinished, version)
                for path in (*unfinished.rglob("*"), unfinished):
                    sync(path)  # every file and folder of the bundle is on the disk before its name is
                unfinished.chmod(0o755)  # mkdtemp made it private
                append(folder, Entry(action="publish", after=version, who=who, why=why))
                unfinished.rename(place)
                sync(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

    def sign(self, name: str, version: int, signature: bytes, *, who: str, why: str) -> None:
        """Keep the signature of a version's manifest beside it."""
        folder, bundle = model_dir(self.root, name), self.bundle(name, version)
        with locked(folder):
            fresh = folder / f".{SIGNATURE}"  # a bundle with a file too many would be refused meanwhile
            fresh.write_bytes(signature)
            sync(fresh)
            append(folder, Entry(action="sign", after=version, who=who, why=why))
            fresh.replace(bundle / SIGNATURE)
            sync(bundle)

    def hold(self, name: str, version: int, holder: str) -> None:
        """A file ``holds/VERSION/HOLDER``, whose age counts; under the lock, so that nobody removes it meanwhile."""
        folder = model_dir(self.root, name)
        with locked(folder):
            if not self.bundle(name, version).is_dir():
                raise VersionNotFound(f"there is no {name}@{version}")
            hold = self._hold(name, version, holder)
            hold.parent.mkdir(parents=True, exist_ok=True)
            hold.touch()

    def release(self, name: str, version: int, holder: str) -> None:
        """Delete the file."""
        self._hold(name, version, holder).unlink(missing_ok=True)

    def holders(self, name: str, version: int) -> list[str]:
        """Those whose files are young enough."""
        since = time.time() - HELD_FOR.total_seconds()
        held = []
        for path in self._hold(name, version, "any").parent.glob("*"):
            with suppress(FileNotFoundError):  # it may be released meanwhile
                held += [path.name] if path.stat().st_mtime > since else []
        return sorted(held)

    def change(self, name: str, decide: Decide) -> Entry:
        """Do what ``decide`` says, under the lock."""
        folder = model_dir(self.root, name)
        with locked(folder):
            listing = self.listing(name) or Listing(name, (), {})
            entry = decide(listing, entries(folder))
            append(folder, entry)
            if entry.action == "remove" and entry.before is not None:
                self._remove(name, entry.before)
            elif entry.alias is not None:
                self._write(name, entry.applied_to(listing.targets))
        return entry

    def _hold(self, name: str, version: int, holder: str) -> Path:
        return model_dir(self.root, name) / HOLDS / str(version) / holder

    def _write(self, name: str, targets: dict[str, Target]) -> None:
        folder = model_dir(self.root, name)
        fresh = folder / f".{ALIASES}"
        write_json(fresh, {alias: target.written for alias, target in sorted(targets.items())})
        sync(fresh)
        fresh.replace(folder / ALIASES)
        sync(folder)

    def _remove(self, name: str, version: int) -> None:
        """Out of sight in one step, so that nobody ever sees half a version."""
        bundle = self.bundle(name, version)
        shutil.rmtree(bundle.rename(bundle.with_name(f"{UNFINISHED}{version}")))

    def _versions(self, name: str) -> tuple[int, ...]:
        folder = model_dir(self.root, name)
        if not folder.is_dir():
            return ()
        return tuple(sorted(int(entry.name) for entry in _folders(folder) if is_version(entry.name)))

    def _targets(self, name: str) -> dict[str, Target]:
        try:
            written = WrittenTargets.validate_json((model_dir(self.root, name) / ALIASES).read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            raise InvalidManifest(f"{name}/{ALIASES} is not a table of aliases and versions") from error
        return {alias: read_target(target) for alias, target in written.items()}

    def _next_version(self, name: str) -> int:
        """One more than ever was: a removed version's number is not given to another."""
        return max(self._given(name), default=0) + 1

    def _free(self, name: str, version: int) -> int:
        """``version``, which a bundle brings along; raises Conflict where another has it, or had it."""
        if version in self._given(name):
            raise Conflict(f"{self.root} has or had another {name}@{version}, and no number is given twice")
        return version

    def _given(self, name: str) -> set[int]:
        folder = model_dir(self.root, name)
        published = {entry.after for entry in entries(folder) if entry.action == "publish" and entry.after}
        return published | {int(path.name) for path in folder.iterdir() if is_version(path.name)}


def _folders(path: Path) -> list[Path]:
    try:
        return [entry for entry in path.iterdir() if entry.is_dir()]
    except FileNotFoundError as error:
        raise StoreMissing(f"{path} is no store that can be read: {error.strerror}") from error
    except OSError as error:
        raise StoreUnavailable(f"{path} is no store that can be read: {error.strerror}") from error
