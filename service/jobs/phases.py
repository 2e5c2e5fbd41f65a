"""The phases of a job that are one process's work: reading its archive at first, and putting its results together."""

import asyncio
import json
import os
import secrets
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from models.audit import sync
from service.archives.limits import ArchiveLimits
from service.archives.reader import read_archive
from service.errors import ArchiveRefused, DiskFull, JobsUnavailable
from service.jobs.folder import JobFolder, room_needed, sync_data
from service.jobs.formats import convert
from service.jobs.records import Format, Job
from service.jobs.spool import Spooled, SpoolWriter

# Less urgent than all that is waited for.
_NICE = 10
_DISK_FULL = 28
_PIECE = 1 << 20

Part = tuple[str, int, int]  # a file, and which of its bytes


class Stopped(Exception):
    """The work was given up."""


async def unpack(folder: JobFolder, limits: ArchiveLimits, breathe: Callable[[], None]) -> tuple[str, Spooled]:
    """Read the archive of a job into its spool; returns the name of that. Raises ArchiveRefused, or DiskFull.

    In a thread, which is told to ``breathe`` after each image.
    """
    inputs, stop = secrets.token_hex(8), threading.Event()
    try:
        return inputs, await asyncio.to_thread(_unpack, folder, inputs, limits, breathe, stop)
    finally:
        stop.set()


def _unpack(
    folder: JobFolder, inputs: str, limits: ArchiveLimits, breathe: Callable[[], None], stop: threading.Event
) -> Spooled:
    with folder.upload.open("rb") as archive, SpoolWriter(folder, inputs) as spool:
        for upload in read_archive(archive, limits):
            if stop.is_set():
                raise Stopped
            spool.add(upload)
            breathe()
        spooled = spool.finish()
    if not spooled.total:
        raise ArchiveRefused("the archive has no files")
    return spooled


async def assemble(folder: JobFolder, job: Job, parts: Sequence[Part]) -> str:
    """Put the rows of a job together as its format has it; returns the name of the file. Raises DiskFull.

    What is no plain copy is done by another process: it would hold the interpreter for seconds.
    """
    name = f"{secrets.token_hex(8)}.{job.format}"
    places = [(str(folder.part(part)), at, size) for part, at, size in parts]
    if job.format == "ndjson":
        await asyncio.to_thread(write_results, places, folder.results(name), job.format)
    else:
        await _in_process(places, folder.results(name), job.format)
    return name


def write_results(parts: Sequence[Part], to: Path, file_format: Format) -> None:
    """Write the file, which is on the disk when it returns."""
    with room_needed():
        with to.open("xb") as file:
            if file_format == "ndjson":
                for part, at, size in parts:
                    _copy(part, at, size, file)
            else:
                convert(parts, file, file_format)
            file.flush()
            sync_data(file.fileno())
        sync(to.parent)


async def _in_process(parts: Sequence[Part], to: Path, file_format: Format) -> None:
    command = [sys.executable, "-m", "service.jobs.phases", str(to), file_format]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, told = await process.communicate(json.dumps(parts).encode())
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode == _DISK_FULL:
        raise DiskFull("there is no room left on the disk for the results")
    if process.returncode:
        raise JobsUnavailable(f"the results could not be written: {told.decode(errors='replace')[-2000:]}")


def _copy(part: str, at: int, size: int, to: BinaryIO) -> None:
    with Path(part).open("rb") as file:
        file.seek(at)
        while size:
            piece = file.read(min(size, _PIECE))
            if not piece:
                raise OSError(f"{part} is shorter than was noted")
            to.write(piece)
            size -= len(piece)


def main() -> int:
    """Write results in a process of its own: ``python -m service.jobs.phases FILE FORMAT``, the parts on stdin."""
    os.nice(_NICE)
    to, file_format = sys.argv[1:]
    try:
        write_results(json.load(sys.stdin), Path(to), "parquet" if file_format == "parquet" else "csv")
    except DiskFull:
        return _DISK_FULL
    return 0


if __name__ == "__main__":
    sys.exit(main())
