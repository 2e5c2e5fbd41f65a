"""The folder of one job: names of its files, and how they come to be on the disk."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.audit import sync
from service.errors import DiskFull

UPLOAD = "upload"
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class JobFolder:
    """All that is kept of one job. Its files have names that are given here, never those that came with the images."""

    def __init__(self, root: Path, job_id: str) -> None:
        self.path = root / job_id

    def make(self) -> None:
        """Make it, and have its name on the disk; nobody else may read what is in it."""
        with room_needed():
            self.path.mkdir(parents=True, mode=0o700)
            sync(self.path.parent)

    @property
    def upload(self) -> Path:
        """The body as it was sent."""
        return self.path / UPLOAD

    def spool(self, inputs: str) -> Path:
        """The bytes of all images, one after the other."""
        return self.path / f"spool-{inputs}"

    def index(self, inputs: str) -> Path:
        """A line for each image: its name, and where it is."""
        return self.path / f"index-{inputs}"

    def part(self, name: str) -> Path:
        """Rows that one process wrote."""
        return self.path / f"part-{name}"

    def results(self, name: str) -> Path:
        """The results, whole."""
        return self.path / f"results-{name}"

    def keep_only(self, *kept: Path) -> None:
        """Delete everything else, as far as it is there."""
        for path in self._files():
            if path not in kept:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete it; gone already is as well."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _files(self) -> list[Path]:
        try:
            return list(self.path.iterdir())
        except FileNotFoundError:
            return []


@contextmanager
def room_needed() -> Iterator[None]:
    """Raises DiskFull where there is no room for what is written inside."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DiskFull("there is no room left on the disk for the files of jobs") from error
        raise


def sync_data(file: int) -> None:
    """Have what was written to an open file on the disk."""
    getattr(os, "fdatasync", os.fsync)(file)
