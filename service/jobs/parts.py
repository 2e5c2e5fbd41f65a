"""The parts: files to which one process appends the rows that it makes, of one job each."""

from io import FileIO
from pathlib import Path

from models.audit import sync
from service.jobs.folder import JobFolder, room_needed, sync_data

# A handful of jobs are scored at a time; of more, files are opened again.
_OPEN = 32


class Parts:
    """The files of this process, whose part of any job is called ``name``.

    What was appended lies behind what was there, so that it harms nobody where it is not noted that it is there.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._root = root
        self._files: dict[str, FileIO] = {}

    def append(self, job_id: str, rows: list[bytes]) -> list[int]:
        """Append rows, which are on the disk when it returns; where each begins. Raises DiskFull, or OSError."""
        with room_needed():
            file = self._open(job_id)
            begin = file.seek(0, 2)
            left = memoryview(b"".join(rows))
            while left:
                left = left[file.write(left) :]
            sync_data(file.fileno())
        return [begin + sum(map(len, rows[:place])) for place in range(len(rows))]

    def close(self) -> None:
        """Close all files."""
        while self._files:
            self._files.popitem()[1].close()

    def _open(self, job_id: str) -> FileIO:
        if job_id not in self._files:
            if len(self._files) >= _OPEN:
                self.close()
            path = JobFolder(self._root, job_id).part(self.name)
            file = path.open("ab", buffering=0)  # what could not be written must not be tried again later
            self._files[job_id] = file
            sync(path.parent)
        return self._files[job_id]
