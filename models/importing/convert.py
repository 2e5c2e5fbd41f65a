"""From an ONNX classifier to the graph of a version, which is refused unless it answers as the classifier does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from models.errors import ImportRefused
from models.golden import GoldenImage
from models.importing.activation import activate, choose_activation
from models.importing.batch import free_batch
from models.importing.compare import compare
from models.importing.interface import Interface, find_interface
from models.importing.original import Original
from models.importing.read import SourceFile, read_source
from models.importing.wanted import Wanted, check_normalisation
from models.importing.wrap import wrap
from models.manifest import Activation, Imported, InputSpec, Precision
from models.postprocess import Probabilities
from models.preprocess import Pixels, load_pixels

_MOST_IMAGES = 16
_ALIKE = 1e-3
_BYTES = ((0.0,), (1 / 255,))  # what leaves pixels as they are


@dataclass(frozen=True, slots=True)
class Converted:
    """The graph of a version, of ``precision``, for images of ``spec``; ``warnings`` are for people."""

    graph: bytes
    precision: Precision
    spec: InputSpec
    imported: Imported
    warnings: tuple[str, ...]


def convert(path: Path, wanted: Wanted, images: Sequence[GoldenImage]) -> Converted:
    """Wrap the classifier in the file ``path`` as ``wanted`` says, and compare both on ``images`` and on made-up ones.

    Raises ImportRefused, which says what does not fit, UnsafeGraph for what no version may hold, and ImageError for an
    image that cannot be used.
    """
    source = read_source(path)
    interface = find_interface(source.model, wanted)
    normalisation = _normalisation(interface, wanted)
    pixels = _probes(interface.spec, images)
    outputs = Original(source.content, interface, *normalisation).outputs(pixels)
    activation = choose_activation(outputs, len(wanted.labels), wanted.softmax)
    expected, precision, graph = activate(outputs, activation), source.precision, onnx.ModelProto()
    graph.CopyFrom(source.model)
    if interface.batch is not None:
        free_batch(graph.graph, interface.input, interface.batch)
    wrap(graph, interface, normalisation, len(wanted.labels), activation)
    content = bytes(graph.SerializeToString())
    difference = compare(content, interface, pixels, expected, precision)
    imported = _describe(source, interface, normalisation, activation, wanted.source, (difference, len(pixels)))
    return Converted(content, precision, interface.spec, imported, _warnings(interface, wanted, expected))


def _normalisation(interface: Interface, wanted: Wanted) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std), checked; a graph that takes bytes normalises them itself."""
    asked = wanted.preprocessing
    if interface.dtype is not np.uint8:
        check_normalisation(asked.mean, asked.std, interface.spec.channels)
        return asked.mean, asked.std
    if not asked.is_plain:
        raise ImportRefused("the graph takes pixels of uint8 and normalises them itself: leave out --mean and --std")
    return _BYTES


def _probes(spec: InputSpec, images: Sequence[GoldenImage]) -> Pixels:
    """Images to compare on: some of those given, and plain, graded and noisy ones."""
    chance = np.random.default_rng(0)
    noise = chance.integers(0, 256, (2, *spec.shape), np.uint8)
    grades = np.broadcast_to(np.linspace(0, 255, spec.height)[:, None, None], spec.shape).astype(np.uint8)
    made = [np.zeros(spec.shape, np.uint8), np.full(spec.shape, 255, np.uint8), grades, *noise]
    return np.stack([*made, *(load_pixels(image.data, spec) for image in images[: _MOST_IMAGES - len(made)])])


def _describe(
    source: SourceFile,
    interface: Interface,
    normalisation: tuple[tuple[float, ...], tuple[float, ...]],
    activation: Activation,
    origin: str,
    compared: tuple[float, int],
) -> Imported:
    mean, std = (tuple(np.broadcast_to(values, interface.spec.channels).tolist()) for values in normalisation)
    difference, images = compared
    return Imported(
        files=source.files,
        producer=source.producer,
        source=origin,
        colour="bgr" if interface.reversed else interface.spec.colour,
        layout=interface.layout,
        mean=mean,
        std=std,
        activation=activation,
        freed_batch=interface.batch is not None,
        difference=difference,
        compared=images,
        packages={"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__},
    )


def _warnings(interface: Interface, wanted: Wanted, answers: Probabilities) -> tuple[str, ...]:
    told = []
    if interface.dtype is not np.uint8 and wanted.preprocessing.is_plain:
        told.append(
            "without --mean and --std the network is given values from 0 to 1; most were trained on others, such as "
            "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225"
        )
    if np.ptp(answers, axis=0).max() < _ALIKE:
        told.append(
            f"it answers all of {len(answers)} images alike: are mean, std, colour and size those of its training?"
        )
    return tuple(told)
