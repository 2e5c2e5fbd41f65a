"""Acceptance: from the body of a request to a job that is done whatever dies.

A body is written to the disk while it comes, never held whole in memory. The row of its job becomes visible, in one
transaction, when all that it consists of is on the disk.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from pydantic_core import from_json

from models.audit import sync
from models.store import Resolved
from service.archives.reader import check_archive
from service.asked import Asked
from service.errors import (
    ArchiveRefused,
    DiskFull,
    JobsUnavailable,
    MalformedRequest,
    TooManyImages,
    UnsupportedContent,
)
from service.jobs.backend import Backend
from service.jobs.folder import JobFolder, room_needed, sync_data
from service.jobs.holds import Holds
from service.jobs.inputs import check_key
from service.jobs.records import Format, Job, NewJob, Received, Source
from service.jobs.spool import Spooled, SpoolWriter
from service.settings import Settings
from service.uploads.multipart import feed_multipart

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_Receive = Callable[[Asked, JobFolder, Settings], Coroutine[Any, Any, Received]]

_ARCHIVES = {"application/zip", "application/x-zip-compressed", "application/x-tar", "application/gzip"}
_ARCHIVES |= {"application/x-gzip", "application/x-gtar", "application/x-compressed-tar", "application/x-tgz"}
_WAYS = "application/zip, application/x-tar, application/gzip, multipart/form-data with files, or JSON with keys"
_BLOCK = 1 << 20
_FORM_BLOCK = 1 << 16  # the parser keeps the interpreter
_OTHER_SIGNS = 100
_INPUTS = "0"  # of a spool that is written while the images come


class Wanted(NamedTuple):
    """What is asked for beside the images, and by whom; ``asked`` is the ref, ``model`` what that means now."""

    owner: str
    model: Resolved
    format: Format
    top_k: int
    idempotency_key: str | None
    asked: str


async def accept(asked: Asked, wanted: Wanted, backend: Backend, holds: Holds, settings: Settings) -> Job:
    """Accept a job; raises a RequestError that says what is wrong with it, or that there is no room.

    Under an Idempotency-Key that is known it is the job that was accepted then.
    """
    source, receive = _way_of(asked, settings)
    new = NewJob(secrets.token_hex(16), *wanted[:4], source, wanted.idempotency_key)
    folder, holder = backend.folder(new.id), backend.holder
    await backend.ask(lambda ledger: ledger.reserve(new, settings.max_active_jobs, holder, backend.lease))
    backend.receiving.add(new.id)
    kept = False
    try:
        await asyncio.to_thread(folder.make)
        received = await receive(asked, folder, settings)
        received = received._replace(digest=_of_all(received.digest, wanted))
        await holds.hold(new.id, wanted.model.name, wanted.model.version)
        job = await backend.ask(lambda ledger: ledger.accept(new, received))
        kept = job.id == new.id
    finally:
        backend.receiving.discard(new.id)
        if not kept:
            await asyncio.to_thread(folder.remove)
            await holds.release(new.id, wanted.model.name, wanted.model.version)
            with suppress(JobsUnavailable, DiskFull):  # else it is removed when its time is over
                await backend.ask(lambda ledger: ledger.forget(new.id))
    return job


def _way_of(asked: Asked, settings: Settings) -> tuple[Source, _Receive]:
    """Where its images will be, and what takes them there; raises UnsupportedContent."""
    kind = asked.content_type.partition(";")[0].strip().lower()
    if kind in _ARCHIVES:
        return "archive", _receive_archive
    if kind == "multipart/form-data":
        return "spool", _receive_form
    if kind == "application/json":
        if settings.jobs_input is None:
            raise UnsupportedContent("this service has no input store, whose keys JSON would name; send the images")
        return "keys", _receive_keys
    raise UnsupportedContent(f"the content type {kind or '(none)'} is not taken; send {_WAYS}")


async def _receive_archive(asked: Asked, folder: JobFolder, settings: Settings) -> Received:
    digest = sha256()
    with room_needed():
        file = folder.upload.open("xb")
    with file:
        async for block in blocks(asked.body.pieces()):
            await asyncio.to_thread(_write, file, block, digest)
        total = await asyncio.to_thread(_check, file, folder, settings)
    return Received(digest.hexdigest(), total=total)


def _write(file: BinaryIO, block: bytes, digest: "Hash") -> None:
    digest.update(block)
    with room_needed():
        file.write(block)


def _check(file: BinaryIO, folder: JobFolder, settings: Settings) -> int | None:
    """Have the archive on the disk; how many images it has, where that can be seen without unpacking it."""
    with room_needed():
        file.flush()
        sync_data(file.fileno())
        sync(folder.path)
    with folder.upload.open("rb") as written:
        images = check_archive(written, settings.archive_limits)
    if images == 0:
        raise ArchiveRefused("the archive has no files")
    return images


async def _receive_form(asked: Asked, folder: JobFolder, settings: Settings) -> Received:
    limits = settings.archive_limits
    with await asyncio.to_thread(SpoolWriter, folder, _INPUTS) as spool:
        pieces = blocks(asked.body.pieces(), _FORM_BLOCK)
        await feed_multipart(asked.content_type, pieces, "files", (limits.entries, limits.image), spool.add)
        return _spooled(await asyncio.to_thread(spool.finish))


async def _receive_keys(asked: Asked, folder: JobFolder, settings: Settings) -> Received:
    body = await asked.body.whole()
    return await asyncio.to_thread(_spool_keys, body, folder, settings.max_job_keys)


def _spool_keys(body: bytes, folder: JobFolder, most: int) -> Received:
    keys = read_keys(body, most)
    with SpoolWriter(folder, _INPUTS) as spool:
        for key in keys:
            spool.add_key(key)
        return _spooled(spool.finish())


def read_keys(body: bytes, most: int) -> list[str]:
    """The keys of ``{"keys": ["a.jpg", ...]}``; raises MalformedRequest or TooManyImages."""
    # Each value costs 64 bytes and more. Keys may have such signs too, but hardly more than one each.
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > 2 * most + _OTHER_SIGNS:
        raise TooManyImages(f"at most {most:,} keys are taken in one job; send several jobs")
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from error
    keys = content.get("keys") if isinstance(content, dict) and len(content) == 1 else None
    if not isinstance(keys, list) or not keys:
        raise MalformedRequest('the JSON must be an object with the one member "keys", a list of at least one')
    if len(keys) > most:
        raise TooManyImages(f"at most {most:,} keys are taken in one job; send several jobs")
    return [check_key(key) for key in keys]


def _spooled(spooled: Spooled) -> Received:
    return Received(spooled.digest, _INPUTS, spooled.total, spooled.plans)


def _of_all(digest: str, wanted: Wanted) -> str:
    """A digest of the images and of what was asked about them; the version is left out, for an alias may have moved."""
    return sha256(f"{digest} {wanted.asked} {wanted.format} {wanted.top_k}".encode()).hexdigest()


async def blocks(pieces: AsyncIterator[bytes], least: int = _BLOCK) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces, each of which is worth a thread."""
    gathered: list[bytes] = []
    size = 0
    async for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= least:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
