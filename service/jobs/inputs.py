"""The input store: a folder or a bucket of the operator's, whose images jobs name by keys.

No endpoint takes a path or a URL. A key is looked for below the one place that the settings name, and nowhere else.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from models.errors import ImageTooLarge
from service.errors import InputMissing, JobsUnavailable, MalformedRequest
from service.uploads.upload import Upload

_LONGEST = 1024  # as object stores have it
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]|://|::")
_AT_ONCE = 16  # images on their way


def check_key(key: object) -> str:
    """The key, if it is one; raises MalformedRequest."""
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST or _FORBIDDEN.search(key):
        raise MalformedRequest(f"a key is a text of at most {_LONGEST} characters, without backslashes, and no URL")
    if any(segment in {"", ".", ".."} for segment in key.split("/")):
        raise MalformedRequest("a key names something below the input store: no / at its ends, no .. and no empty part")
    return key


class InputStore:
    """The images below ``url``, each of at most ``max_bytes``; raises JobsUnavailable where that makes no sense."""

    def __init__(self, url: str, max_bytes: int) -> None:
        self._url = url
        self._max_bytes = max_bytes
        self.threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="jobs-inputs")

    @cached_property
    def _place(self) -> tuple[Any, str, Path | None]:
        """The file system, what the url is there, and the folder where it is one of this machine."""
        import fsspec  # noqa: PLC0415 - it takes a while, and few have such a store

        files, root = fsspec.core.url_to_fs(self._url)
        local = "file" in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol)
        return files, root.rstrip("/"), Path(root).resolve() if local else None

    def read(self, key: str) -> Upload:
        """The image at a key, or with its error that there is none, or one too large.

        Raises JobsUnavailable when the store cannot be reached: then nothing is wrong with the image.
        """
        try:
            files, root, local = self._place
            data = self._read_object(files, f"{root}/{key}") if local is None else self._read_file(local, key)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            return Upload(key, b"", InputMissing("the input store has no such image"))
        except Exception as error:  # of whatever library speaks to it
            reason = f"{type(error).__name__}: {error}"
            raise JobsUnavailable(f"the input store {self._url} cannot be read: {reason}") from error
        if len(data) > self._max_bytes:
            return Upload(key, b"", ImageTooLarge(f"the image has more than {self._max_bytes:,} bytes"))
        return Upload(key, data)

    def _read_file(self, root: Path, key: str) -> bytes:
        path = (root / key).resolve()
        if not path.is_relative_to(root) or not path.is_file():  # a link may lead elsewhere, or to a device
            raise FileNotFoundError(key)
        with path.open("rb") as file:
            return file.read(self._max_bytes + 1)

    def _read_object(self, files: Any, path: str) -> bytes:
        size = files.size(path)
        if size is None:
            raise FileNotFoundError(path)
        if size > self._max_bytes:
            return bytes(self._max_bytes + 1)
        data: bytes = files.cat_file(path)
        return data
