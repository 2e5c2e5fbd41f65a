"""Opens the source that a recipe asks for, downloading it where the recipe may."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from models.labels import Labels
from training.data.arrays import open_cifar10, open_idx
from training.data.download import fetch
from training.data.folder import FolderSource
from training.data.samples import Source
from training.errors import InvalidData
from training.settings import DataSettings

_SHOWN = 60
_LABELS: TypeAdapter[tuple[str, ...]] = TypeAdapter(Labels)


def open_source(settings: DataSettings, path: Path | None) -> Source:
    """The source at ``path``; without one, the data set that the recipe names, downloaded once and kept.

    Raises InvalidData, also for its faults, or DownloadFailed.
    """
    if path is None:
        if settings.download is None:
            raise InvalidData("this recipe brings no data of its own: say where yours is with --data DIR")
        path = fetch(settings.download)
    source = find_source(settings, path)
    if source.faults:
        raise InvalidData(f"{path}: {'; '.join(fault.text for fault in source.faults)}")
    return source


def find_source(settings: DataSettings, path: Path) -> Source:
    """The source at ``path`` as it is, with its faults, to be looked at; raises InvalidData where there is none."""
    if not path.is_dir():
        raise InvalidData(f"{path} is not a folder")
    source = _open(settings, path)
    _check_labels(source, path)
    return source


def _open(settings: DataSettings, path: Path) -> Source:
    match settings.kind:
        case "folder":
            return FolderSource(path)
        case "cifar10":
            return open_cifar10(path)
        case "idx":
            return open_idx(path, settings.labels, transpose=settings.transpose)


def _check_labels(source: Source, path: Path) -> None:
    """Find out before training, not when it is published, that a name may not be a label."""
    try:
        allowed = _LABELS.validate_python(source.labels)
    except ValidationError as error:
        first = error.errors()[0]
        places = [place for place in first["loc"] if isinstance(place, int)]
        name = f" {source.labels[places[0]][:_SHOWN]!r}" if places else "s"
        why = first["msg"].removeprefix("Value error, ")
        raise InvalidData(f"{path}: the class name{name} cannot be a label: {why}") from error
    if allowed != source.labels:
        raise InvalidData(f"{path}: a class name begins or ends with a space")
