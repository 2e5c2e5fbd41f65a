"""A store in a bucket: bundles as in a folder, and one log of changes that says which of them exist.

    URL/NAME/VERSION/manifest.json, model.onnx, ...   as in a folder
    URL/_whatsit/log/00000007.json                    the changes, numbered, each written once
    URL/_whatsit/claims/NAME/VERSION                  who was given this number, whether anything came of it or not
    URL/_whatsit/holds/NAME/VERSION/HOLDER            who needs this version, and has said so in the last week

A version exists from the moment on when the log says that it was published, which is written last, until the log says
that it was removed, which is written first. Whatever else lies there is what a dead process left; it does no harm, and
is deleted a day later, when the next version is published.
"""

import errno
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from models.audit import Entry
from models.bucket.cache import Cache, Published, check_manifest
from models.bucket.claims import ABANDONED_AFTER, Claims
from models.bucket.exclusive import Exclusive
from models.bucket.log import Log, Record, find_published, listings
from models.bucket.objects import Objects
from models.checksums import sha256_of
from models.errors import ChecksumMismatch, Conflict, InvalidManifest, StoreMissing, StoreUnavailable, VersionNotFound
from models.layout import MANIFEST, SIGNATURE
from models.locations import Location
from models.manifest import parse_manifest
from models.place import HELD_FOR, Brought, Decide, Draft
from models.refs import check_name
from models.targets import Listing
from models.trust import read_signature

log = logging.getLogger(__name__)

_ATTEMPTS = 100  # each of which somebody else was quicker


class Bucket:
    """The store at ``url``; bundles are kept in ``cache``.

    Reading tells what was seen when it was last looked at: at the first reading, when told to look, at each change.
    For a process that is ``serving``, what an earlier one has seen will do where the store is away at first.
    """

    def __init__(self, url: str, cache: Cache, *, serving: bool = False) -> None:
        self.location: Location = url
        self._cache = cache
        self._serving = serving
        self._objects = Objects(url)
        exclusive = Exclusive(self._objects)
        self._claims = Claims(self._objects, exclusive)
        self._log = Log(self._objects, exclusive, cache.seen_file(url))
        self._looked = False
        self._standing: tuple[tuple[Record, ...], Mapping[str, Listing]] = ((), {})

    def look(self) -> None:
        """See what stands now; raises StoreUnavailable."""
        try:
            records = self._log.look()
        except StoreUnavailable:
            self._looked = self._looked or (self._serving and bool(self._log.seen))
            raise
        self._looked = bool(records)
        if not records:
            raise StoreMissing(f"{self.location} is no store that can be read: nothing was published there")

    def names(self) -> list[str]:
        """The models that have a version."""
        return list(self._listings())

    def listing(self, name: str) -> Listing | None:
        """What stands of a model; None where it has no version."""
        return self._listings().get(check_name(name))

    def history(self, name: str) -> list[Entry]:
        """The changes of a model, oldest first."""
        return _entries(self._records(), name)

    def read(self, name: str, version: int, file: str) -> bytes:
        """The content of a file of a version; raises FileNotFoundError where it is missing."""
        published = self._published(name, version)
        if file == MANIFEST:
            return self._cache.manifest(published, partial(self._read, published, file))
        bundle = self._cache.bundle(published)
        return self._read(published, file) if bundle is None else (bundle / file).read_bytes()

    def signature(self, name: str, version: int) -> bytes | None:
        """The signature of the manifest of a version; None where it has none."""
        return self._published(name, version).signature

    def bundle(self, name: str, version: int, *, anew: bool = False) -> Path:
        """A folder in the cache with the files of a version, found to be what was published."""
        published = self._published(name, version)
        if not anew and (bundle := self._cache.bundle(published)) is not None:
            return bundle
        return self._cache.fetch(published, partial(self._download, published), anew=anew)

    @contextmanager
    def draft(self, name: str, *, who: str, why: str, brought: Brought | None = None) -> Iterator[Draft]:
        """A folder to write a version into, whose files are uploaded when the context ends well."""
        began = time.monotonic()
        with self._cache.workplace() as home:
            version = self._claim(check_name(name), brought)
            folder = home / name / str(version)
            folder.mkdir(parents=True)
            yield Draft(folder, version)
            self._objects.upload({f"{_prefix(name, version)}/{file}": folder / file for file in _files(folder)})
            if time.monotonic() - began > ABANDONED_AFTER.total_seconds():
                raise Conflict(f"{name}@{version} took more than a day, and counts as abandoned: publish it again")
            published = Published(name, version, sha256_of(folder / MANIFEST), read_signature(folder))
            entry = Entry(action="publish", after=version, who=who, why=why)
            self._commit(name, partial(_publish, entry), published.manifest, published.signature)
            self._cache.adopt(home, published)

    def sign(self, name: str, version: int, signature: bytes, *, who: str, why: str) -> None:
        """Note the signature in the log, which counts, and beside the manifest, for others who verify it."""

        def decide(listing: Listing, _: Sequence[Entry]) -> Entry:
            return Entry(action="sign", after=listing.existing(version), who=who, why=why)

        self._commit(name, decide, signature=signature)
        self._objects.write(f"{_prefix(name, version)}/{SIGNATURE}", signature)

    def hold(self, name: str, version: int, holder: str) -> None:
        """An object whose age counts; a version that is removed at this very moment may be gone all the same."""
        if version not in (listing.versions if (listing := self.listing(name)) else ()):
            raise VersionNotFound(f"there is no {name}@{version}")
        self._objects.write(f"{_holds(name, version)}/{holder}", holder.encode())

    def release(self, name: str, version: int, holder: str) -> None:
        """Delete the object."""
        self._objects.delete([f"{_holds(name, version)}/{holder}"])

    def holders(self, name: str, version: int) -> list[str]:
        """Those whose objects are young enough."""
        held = self._objects.children(_holds(name, version))
        written = {holder: self._objects.modified(f"{_holds(name, version)}/{holder}") for holder in held}
        since = datetime.now(UTC) - HELD_FOR
        return [holder for holder, at in written.items() if at is not None and at > since]

    def change(self, name: str, decide: Decide) -> Entry:
        """Do what ``decide`` says, by adding it to the log after what it was decided by."""
        entry = self._commit(check_name(name), decide)
        if entry.action == "remove" and entry.before is not None:
            try:
                self._objects.delete(self._objects.below(_prefix(name, entry.before)))
            except StoreUnavailable as error:  # it is removed; its files go when the next version is published
                log.warning("files of a removed version are left", extra={"reason": str(error)})
        return entry

    def _claim(self, name: str, brought: Brought | None) -> int:
        """A number that nobody else has; what others left when they died is deleted meanwhile."""
        records = self._log.look()
        published = [entry.after for entry in _entries(records, name) if entry.action == "publish" and entry.after]
        claims = self._claims
        version = claims.take(name, brought, published) if brought else claims.next(name, published)
        listing = listings(records).get(name)
        claims.sweep(name, listing.versions if listing else (), version)
        return version

    def _commit(self, name: str, decide: Decide, manifest: str | None = None, signature: bytes | None = None) -> Entry:
        signed = None if signature is None else signature.hex()
        for _ in range(_ATTEMPTS):
            records = self._log.look()
            listing = listings(records).get(name) or Listing(name, (), {})
            entry = decide(listing, _entries(records, name))
            record = Record(model=name, entry=entry, manifest=manifest, signature=signed, token=uuid.uuid4().hex)
            if self._log.append(record, records):
                self._looked = True
                return entry
        raise StoreUnavailable(f"{self.location} does not show what others write to it, or they are always quicker")

    def _records(self) -> tuple[Record, ...]:
        if not self._looked:
            try:
                self.look()
            except StoreUnavailable:
                if not self._looked:
                    raise
        return self._log.seen

    def _listings(self) -> Mapping[str, Listing]:
        records = self._records()
        if self._standing[0] is not records:
            self._standing = (records, listings(records))
        return self._standing[1]

    def _published(self, name: str, version: int) -> Published:
        if (published := find_published(self._records(), name, version)) is None:
            raise VersionNotFound(f"{self.location} never had a {name}@{version}")
        return published

    def _read(self, published: Published, file: str) -> bytes:
        key = f"{_prefix(published.name, published.version)}/{file}"
        if (content := self._objects.read(key)) is None:
            raise FileNotFoundError(errno.ENOENT, "missing", f"{self.location}/{key}")
        return content

    def _download(self, published: Published, folder: Path) -> None:
        prefix = _prefix(published.name, published.version)
        try:
            content = check_manifest(self._read(published, MANIFEST), published)
        except FileNotFoundError as error:
            raise InvalidManifest(f"{self.location}/{prefix} has no {MANIFEST}") from error
        if not self._objects.download({f"{prefix}/{file}": folder / file for file in parse_manifest(content).files}):
            raise ChecksumMismatch(f"{self.location}/{prefix} lacks files of its manifest")
        (folder / MANIFEST).write_bytes(content)
        if published.signature is not None:
            (folder / SIGNATURE).write_bytes(published.signature)


def _publish(entry: Entry, _: Listing, log: Sequence[Entry]) -> Entry:
    if any(earlier.action == "publish" and earlier.after == entry.after for earlier in log):
        raise Conflict(f"version {entry.after} was published by somebody else meanwhile")
    return entry


def _entries(records: tuple[Record, ...], name: str) -> list[Entry]:
    return [record.entry for record in records if record.model == name]


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _holds(name: str, version: int) -> str:
    return f"_whatsit/holds/{name}/{version}"


def _prefix(name: str, version: int) -> str:
    return f"{name}/{version}"
