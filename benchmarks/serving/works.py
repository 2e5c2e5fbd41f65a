"""The works: a network, an image, and where both lie. ``make_works`` makes them; this needs no torch."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.layout import graph_file
from models.locations import default_root
from models.manifest import Manifest
from models.refs import parse_ref
from models.store import Store

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "benchmarks" / "works"
_TYPES = {".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Work:
    """One published version of a store, and the encoded image that is sent to it over and over.

    ``patience`` multiplies the seconds of each measurement: a slow network answers few images in ten seconds.
    ``loads`` is what is measured of it: ``all``, ``single`` (no batches of 32: they would take seconds each) or
    ``start`` (only until the first answer).
    """

    name: str
    title: str
    store: Path
    model: str
    image_file: Path
    patience: float = 1
    loads: str = "all"

    @property
    def is_made(self) -> bool:
        """Whether it is there, whole."""
        return self.loads == "start" or bool(self.likely)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the version that the model's name means."""
        store = Store(self.store)
        resolved = store.resolve(parse_ref(self.model))
        return store.manifest(resolved.name, resolved.version)

    @property
    def graph(self) -> Path:
        """The graph in float32, which the peers open as it is: uint8 in, probabilities out."""
        return Store(self.store).bundle(self.manifest.name, self.manifest.version) / graph_file("fp32")

    @property
    def unnormalised_graph(self) -> Path:
        """The same network for peers that normalise in NumPy; not every work has one."""
        return self.store.parent / "normalised-input.onnx"

    @cached_property
    def image(self) -> bytes:
        """The encoded image."""
        return self.image_file.read_bytes()

    @property
    def content_type(self) -> str:
        """The media type of the image."""
        return _TYPES[self.image_file.suffix]

    @property
    def likely(self) -> list[str]:
        """The five likeliest labels of the image, as they were when the work was made; empty for the shipped one."""
        file = self.store.parent / "likely.json"
        return list(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else []


def _made(name: str, title: str, image: str, patience: float = 1, loads: str = "all") -> Work:
    folder = FOLDER / name
    return Work(name, title, folder / "store", name, folder / image, patience, loads)


WORKS = {
    work.name: work
    for work in (
        _made("small", "Small CNN (0.005 GMAC), PNG of 32 x 32", "image.png"),
        _made("mid", "MobileNetV2 at 224 (0.3 GMAC), JPEG of 500 x 375", "image.jpg"),
        _made("vgg16", "VGG16 at 224 (15.5 GMAC), JPEG of 500 x 375", "image.jpg", patience=2, loads="single"),
        Work(
            "shipped",
            "The shipped cifar10, until its first answer",
            default_root(),
            "cifar10",
            ROOT / "service" / "samples" / "cifar10" / "cat.jpg",
            loads="start",
        ),
    )
}
