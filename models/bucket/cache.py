"""What is kept here of buckets: whole bundles, each under the sha256 of its manifest and its signature, and manifests.

The manifest holds the sha256 of every file, so that what lies under a name is what it says, whichever store it came
from and whoever wrote to the folder since. Several processes may use a folder at once.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from models.checksums import check_files
from models.errors import BundleError, ChecksumMismatch, InvalidManifest, StoreUnavailable
from models.layout import MANIFEST, SIGNATURE, UNFINISHED, write_whole
from models.locations import default_store_cache
from models.manifest import parse_manifest
from models.trust import read_signature

log = logging.getLogger(__name__)

DEFAULT_BYTES = 10_000_000_000
_ABANDONED_AFTER_S = 24 * 3600
_SETTLED_AFTER_S = 600  # nobody who was given a bundle is still about to open it


@dataclass(frozen=True, slots=True)
class Published:
    """A version as it was published: the sha256 of its manifest, and the signature that this has, if any."""

    name: str
    version: int
    manifest: str
    signature: bytes | None = None

    @property
    def key(self) -> str:
        """What no other bundle has."""
        mark = "" if self.signature is None else f"-{hashlib.sha256(self.signature).hexdigest()[:16]}"
        return f"{self.manifest}{mark}"

    def within(self, folder: Path) -> Path:
        """Where the bundle is in a folder that holds it alone; errors tell its name and version by the path."""
        return folder / self.name / str(self.version)


class Cache:
    """The folder ``root``; what was not used the longest goes when bundles have more than ``most_bytes``.

    0 is no limit.
    """

    def __init__(self, root: Path | None = None, most_bytes: int = DEFAULT_BYTES) -> None:
        self._chosen = root
        self._most_bytes = most_bytes
        self._checked: set[str] = set()

    @property
    def _root(self) -> Path:
        """Found when it is needed: who has no bucket need have no home either."""
        return self._chosen or default_store_cache()

    def seen_file(self, url: str) -> Path:
        """Where to keep what was last seen of the log at ``url``."""
        return self._root / "seen" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"

    def bundle(self, published: Published) -> Path | None:
        """A bundle, if it is here and whole; each process looks once."""
        home = self._home(published.key)
        if published.key not in self._checked or not home.is_dir():
            try:
                check_bundle(published.within(home), published)
            except FileNotFoundError:
                return None
            except BundleError as error:
                log.warning("a bundle in the cache is damaged", extra={"folder": str(home), "reason": str(error)})
                return None
            self._checked.add(published.key)
        with suppress(OSError):  # a cache that somebody else filled
            os.utime(home)
        return published.within(home)

    def fetch(self, published: Published, download: Callable[[Path], None], *, anew: bool = False) -> Path:
        """A bundle; where it is not here ``download`` writes it into a folder, where it is compared.

        Of several processes one downloads it and the others wait. With ``anew`` it is downloaded in any case. Raises
        what ``download`` does, and a BundleError where that brought something else.
        """
        with self._locked(published.key):
            if not anew and (place := self.bundle(published)) is not None:
                return place
            with self.workplace() as home:
                folder = published.within(home)
                folder.mkdir(parents=True)
                download(folder)
                check_bundle(folder, published)
                self._keep(home, published.key)
        return published.within(self._home(published.key))

    def adopt(self, home: Path, published: Published) -> None:
        """Keep the bundle that is in ``home``, a workplace, for it has just been published."""
        with self._locked(published.key):
            self._keep(home, published.key)

    def manifest(self, published: Published, read: Callable[[], bytes]) -> bytes:
        """The manifest of a version; where it is not here ``read`` reads it. Raises InvalidManifest for another."""
        alone = self._root / "manifests" / published.manifest
        for where in (alone, published.within(self._home(published.key)) / MANIFEST):
            with suppress(OSError, InvalidManifest):
                return check_manifest(where.read_bytes(), published)
        content = check_manifest(read(), published)
        with suppress(OSError):  # then it is read again
            write_whole(alone, content)
        return content

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """A folder beside the bundles to write one into; it is gone afterwards, if not before."""
        root = self._made()
        for left in root.glob(f"{UNFINISHED}*"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _ABANDONED_AFTER_S:
                    shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _home(self, key: str) -> Path:
        return self._root / "bundles" / key

    def _keep(self, workplace: Path, key: str) -> None:
        """Let a bundle be found; one that is there already is damaged, or the same."""
        home = self._home(key)
        home.parent.mkdir(parents=True, exist_ok=True)
        with self.workplace() as aside:
            with suppress(FileNotFoundError):
                home.rename(aside / key)
            workplace.rename(home)
        os.utime(home)
        self._checked.add(key)
        self._make_room(key)

    def _make_room(self, key: str) -> None:
        """Let go of what was not used the longest, but not of ``key``, nor of what somebody may be about to open."""
        with suppress(FileNotFoundError):  # another process is at it too
            homes = sorted(self._home(key).parent.iterdir(), key=lambda path: path.stat().st_mtime)
            sizes = {path: sum(file.stat().st_size for file in path.rglob("*")) for path in homes}
            excess = sum(sizes.values()) - self._most_bytes if self._most_bytes else 0
            for path, size in sizes.items():
                if excess > 0 and path.name != key and time.time() - path.stat().st_mtime > _SETTLED_AFTER_S:
                    with self.workplace() as aside:
                        path.rename(aside / path.name)
                    excess -= size

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        locks = self._made() / "locks"
        locks.mkdir(exist_ok=True)
        with (locks / key).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # freed when the file is closed, or its process dies
            yield

    def _made(self) -> Path:
        """The folder, which nobody else may write to."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StoreUnavailable(
                f"{self._root} cannot be made: {reason}; name another folder in store_cache"
            ) from error
        return self._root


def check_bundle(folder: Path, published: Published) -> None:
    """Raise a BundleError unless ``folder`` holds a whole bundle as it was published.

    Raises FileNotFoundError where there is no manifest.
    """
    content = check_manifest((folder / MANIFEST).read_bytes(), published)
    if read_signature(folder) != published.signature:
        raise ChecksumMismatch(f"{SIGNATURE} is not what was published")
    check_files(folder, parse_manifest(content))


def check_manifest(content: bytes, published: Published) -> bytes:
    """Return ``content`` if it is the manifest that was published; raise InvalidManifest otherwise."""
    if (found := hashlib.sha256(content).hexdigest()) != published.manifest:
        raise InvalidManifest(f"{MANIFEST} is not what was published: its sha256 is {found}")
    return content
