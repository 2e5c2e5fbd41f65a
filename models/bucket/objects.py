"""The objects of a bucket below one prefix, through fsspec: read, listed, and created where nothing stands."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec

from models.errors import StoreUnavailable
from models.locations import require_package

OPTIONS: Mapping[str, dict[str, Any]] = {
    # Else botocore tries five times, for up to half a minute; so it tries three times, or AWS_MAX_ATTEMPTS.
    "s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 15, "retries": {"mode": "standard"}}}
}
# Else s3fs asks for the size of an object before it reads it, and lists a folder where there is none.
_READING: Mapping[str, dict[str, Any]] = {"s3": {"max_concurrency": 1}}
# fsspec's memory looks whether something stands, and then writes: of two threads both may have seen nothing.
_CREATING = threading.Lock()


class Objects:
    """What lies below ``url``; keys are relative to it.

    All raise StoreUnavailable when it cannot be reached or used.
    """

    def __init__(self, url: str) -> None:
        require_package(url)
        self.url = url
        self._scheme, _, self._root = url.partition("://")
        self._class = fsspec.get_filesystem_class(self._scheme)
        self._made: tuple[int, Any] = (0, None)

    def read(self, key: str) -> bytes | None:
        """The content of an object, None where there is none."""
        return self.read_all([key])[key]

    def read_all(self, keys: Iterable[str]) -> dict[str, bytes | None]:
        """The content of several, asked for at the same time."""
        paths = {self._path(key).lstrip("/"): key for key in keys}
        with self._reaching() as files:
            found = files.cat(list(paths), on_error="return", **_READING.get(self._scheme, {}))
            contents = {paths[path.lstrip("/")]: content for path, content in found.items()}
            for content in contents.values():
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content
        return {key: content if isinstance(content, bytes) else None for key, content in contents.items()}

    def children(self, folder: str) -> list[str]:
        """The names of what is directly in a folder."""
        with self._reaching() as files:
            try:
                found = files.ls(self._path(folder), detail=False)
            except FileNotFoundError:  # there are no folders but by what is in them
                return []
        return sorted(str(path).rstrip("/").rpartition("/")[2] for path in found)

    def below(self, folder: str) -> list[str]:
        """The keys of all that is in a folder, at whatever depth."""
        with self._reaching() as files:
            found = [str(path) for path in files.find(self._path(folder))]
        start = len(self._root) + 1
        return [path.lstrip("/")[start:] for path in found]

    def modified(self, key: str) -> datetime | None:
        """When an object was written, by the clock of the store."""
        with self._reaching() as files:
            try:
                at: datetime = files.modified(self._path(key))
            except FileNotFoundError:
                return None
        return at

    def create(self, key: str, data: bytes) -> bool:
        """Write an object where none stands, as far as the store heeds that (see ``exclusive``); whether it was so.

        ``data`` has to differ from whatever anybody else may write there: where the store's answer is lost, or says
        that something stands, it is read to see whose it is. A request that is repeated meets its own first attempt.
        """
        with self._reaching() as files, _CREATING:
            try:
                files.pipe_file(self._path(key), data, mode="create")
            except FileExistsError:
                pass
            except Exception:
                # Each kind of store has errors of its own for what stands already, and others after which it may stand.
                if (stands := self.read(key)) is None:
                    raise
                return stands == data
            else:
                return True
        return self.read(key) == data

    def write(self, key: str, data: bytes) -> None:
        """Write an object, whatever stood there."""
        with self._reaching() as files:
            files.pipe_file(self._path(key), data)

    def upload(self, local: Mapping[str, Path]) -> None:
        """Write files as the objects that they are given under, several at the same time."""
        with self._reaching() as files:
            files.put([str(path) for path in local.values()], [self._path(key) for key in local])

    def download(self, local: Mapping[str, Path]) -> bool:
        """Write objects to the files that they are given with; whether all were there."""
        for path in local.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._reaching() as files:
            try:
                files.get([self._path(key) for key in local], [str(path) for path in local.values()])
            except FileNotFoundError:
                return False
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; none need stand there."""
        if paths := [self._path(key) for key in keys]:
            with self._reaching() as files, suppress(FileNotFoundError):
                files.rm(paths)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _reaching(self) -> Iterator[Any]:
        """What reaches the store: one for all in a process, made after each fork, for its thread does not go along."""
        try:
            made_in, files = self._made
            if made_in != os.getpid():
                make: Callable[..., Any] = self._class
                files = make(use_listings_cache=False, **OPTIONS.get(self._scheme, {}))
                self._made = (os.getpid(), files)
            yield files
        except StoreUnavailable:
            raise
        except Exception as error:
            # Each kind of store has errors of its own, which have no base in common.
            raise StoreUnavailable(f"{self.url} cannot be used: {type(error).__name__}: {error}") from error
