"""Files fetched from their official addresses, checked, and kept for the next time.

They are kept in ``$WHATSIT_CACHE``, else ``$XDG_CACHE_HOME/whatsit``, else ``~/.cache/whatsit``.
"""

import fcntl
import hashlib
import math
import shutil
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from models.locations import user_cache
from training.errors import DownloadFailed
from training.progress import bar, say

_PIECE = 1 << 20
_TIMEOUT_SECONDS = 30
_OWN_DATA = "if you have the data, give its folder with --data DIR"


@dataclass(frozen=True, slots=True)
class Remote:
    """A file to fetch, and its sha256."""

    url: str
    sha256: str


# Plain http is all that this address speaks; the checksum is what makes it safe, and md5 is too weak to lean on.
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
REMOTES: dict[str, tuple[Remote, ...]] = {
    # https://www.cs.toronto.edu/~kriz/cifar.html states the md5 c32a1d4ab5d03f1284b67883e8d87530
    "cifar10": (
        Remote(
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
    ),
    # https://github.com/zalandoresearch/fashion-mnist#get-the-data states, in this order, the md5
    # 8d4fb7e6c68d591d4c3dfef9ec88bf0d, 25c81989df183df01b3e8a0aad5dffbe, bef4ecab320f06d8554ea6380940ec79 and
    # bb300cfdad3c16e7a12a480ee83cd310
    "fashion-mnist": (
        Remote(
            f"{_FASHION}/train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        Remote(
            f"{_FASHION}/train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        Remote(
            f"{_FASHION}/t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        Remote(
            f"{_FASHION}/t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    ),
}


def fetch(name: str, remotes: tuple[Remote, ...] | None = None, way_out: str = _OWN_DATA) -> Path:
    """The folder of what is called ``name``, downloaded on first use; it appears whole or not at all.

    Of several processes one downloads it and the others wait. Without ``remotes`` it is a data set. Raises
    DownloadFailed, which tells the ``way_out`` where there is no network.
    """
    folder = user_cache() / name
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # freed when the file is closed, or its process dies
        if not folder.is_dir():
            _fetch_all(remotes or REMOTES[name], folder, way_out)
    return folder


def _fetch_all(remotes: tuple[Remote, ...], folder: Path, way_out: str) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for remote in remotes:
            _fetch_one(remote, unfinished, way_out)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fetch_one(remote: Remote, folder: Path, way_out: str) -> None:
    target = folder / remote.url.rsplit("/", 1)[1]
    say(f"downloading {remote.url}", whoever=True)
    try:
        digest = _download(remote.url, target)
    except (OSError, HTTPException) as error:
        raise DownloadFailed(f"{remote.url} cannot be downloaded ({error}); {way_out}") from error
    if digest != remote.sha256:
        raise DownloadFailed(f"{remote.url} came with the sha256 {digest}, expected {remote.sha256}: try again")
    if target.name.endswith(".tar.gz"):
        with tarfile.open(target) as archive:
            archive.extractall(folder, filter="data")
        target.unlink()


def _download(url: str, target: Path) -> str:
    """Write what is at ``url`` to ``target``; returns its sha256."""
    digest = hashlib.sha256()
    # The addresses are constants of this project, not a user's.
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as reply, target.open("wb") as file:  # noqa: S310
        size = int(reply.headers.get("Content-Length") or 0)
        pieces = iter(lambda: reply.read(_PIECE), b"")
        for piece in bar(pieces, target.name, max(1, math.ceil(size / _PIECE))):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()
