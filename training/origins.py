"""Where weights to start from come from: published ones, a file, a run, or a version of the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.checksums import sha256_of
from models.errors import InvalidRef, NotFound, StoreUnavailable
from models.manifest import Origin
from models.refs import parse_ref
from models.store import Store
from training.data.download import Remote, fetch
from training.errors import RunUnusable, WeightsUnusable
from training.graph import open_graph
from training.graph_layers import read_layers, read_normalisation
from training.layers import Layer, layers_of
from training.learnt import NOTHING_KNOWN, Learnt, learnt_by_run, learnt_by_version
from training.run import Run, load_checkpoint

# https://docs.pytorch.org/vision/stable/models/vgg.html; the names state the first eight digits of the sha256.
PUBLISHED = {
    "vgg16": Remote(
        "https://download.pytorch.org/models/vgg16-397923af.pth",
        "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    ),
    "vgg16_bn": Remote(
        "https://download.pytorch.org/models/vgg16_bn-6c64b313.pth",
        "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a",
    ),
}
# Mean and standard deviation, in red, green and blue, that they were trained with.
IMAGENET = (torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))
_ELSE = (
    "start from another network (--set transfer.weights=RUN_DIR, FILE or REF) or from random weights "
    "(--set transfer={})"
)
_NOT_FETCHED = f"download that address elsewhere and give transfer.weights=FILE, or {_ELSE}"
_NOT_PUBLISHED = f"Train and publish it first, say where it is with --store, or {_ELSE}"


@dataclass(frozen=True, slots=True)
class Weights:
    """Layers to take, and the mean and standard deviation ``[channels]`` of their images where these are known.

    ``learnt`` is what they have learnt from.
    """

    origin: Origin
    layers: Sequence[Layer]
    normalisation: tuple[Tensor, Tensor] | None
    learnt: Learnt = NOTHING_KNOWN


def published(name: str) -> Weights:
    """The ImageNet weights that torchvision publishes as ``name``; raises DownloadFailed."""
    remote = PUBLISHED[name]
    file = fetch(f"{name}-imagenet", (remote,), _NOT_FETCHED) / remote.url.rsplit("/", 1)[1]
    return Weights(Origin(kind="imagenet", name=file.name, sha256=remote.sha256), _read_state(file), IMAGENET)


def find_weights(name: str, store: Store | None) -> Weights:
    """What ``name`` means: a file of a ``state_dict``, the folder of a run, or the ref of a version in ``store``.

    Raises WeightsUnusable when it is none of them or has no weights, BundleError when the version cannot be used.
    """
    path = Path(name)
    if path.is_file():
        return _of_file(path)
    if path.is_dir():
        return _of_run(path)
    try:
        ref = parse_ref(name)
    except InvalidRef as error:
        raise WeightsUnusable(
            f"transfer.weights: {name!r} is no file, no folder of a run, and no ref of a published version"
        ) from error
    if store is None:
        raise WeightsUnusable(f"transfer.weights: {name!r} is no file and no folder of a run, and there is no store")
    try:
        version = store.resolve(ref)
    except (NotFound, StoreUnavailable) as error:
        raise WeightsUnusable(f"transfer.weights: {error}. {_NOT_PUBLISHED}") from error
    return _of_version(store, version.name, version.version)


def _of_file(path: Path) -> Weights:
    layers = _read_state(path)
    # By content, not by name: a published file that was downloaded by hand is one all the same.
    digest = sha256_of(path)
    known = any(digest == remote.sha256 for remote in PUBLISHED.values())
    origin = Origin(kind="file", name=path.name, sha256=digest)
    return Weights(origin, layers, IMAGENET if known else None)


def _of_run(folder: Path) -> Weights:
    run = Run(folder)
    try:
        run.recipe()  # for the better error
        checkpoint, learnt = load_checkpoint(run.best), learnt_by_run(run)
    except RunUnusable as error:
        raise WeightsUnusable(f"transfer.weights: {error}. Put that right, or {_ELSE}") from error
    state: dict[str, Tensor] = checkpoint["network"]
    origin = Origin(kind="run", name=folder.resolve().name, epoch=checkpoint["epoch"], sha256=sha256_of(run.best))
    return Weights(origin, layers_of(state), (state["mean"].flatten(), state["std"].flatten()), learnt)


def _of_version(store: Store, name: str, version: int) -> Weights:
    graph, manifest = open_graph(store, name, version), store.manifest(name, version)
    precision = manifest.reference
    origin = Origin(
        kind="version",
        name=name,
        version=version,
        precision=precision,
        sha256=manifest.files[manifest.graphs[precision].file],
    )
    return Weights(origin, read_layers(graph), read_normalisation(graph), learnt_by_version(manifest))


def _read_state(path: Path) -> list[Layer]:
    """The layers of a file that ``torch.save`` wrote; nothing in it is executed."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # another file raises whatever its bytes are taken for
        # torch's own words advise to execute what is in it.
        raise WeightsUnusable(f"{path}: not a file that torch.save wrote, or more than tensors is in it") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsUnusable(f"{path}: not a state_dict, which maps names to tensors; of a run, give its folder")
    return layers_of(state)
