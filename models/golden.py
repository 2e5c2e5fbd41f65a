"""Golden images: encoded images of a bundle and the probabilities that must come back for them.

They prove the whole path from bytes to probabilities on the machine, provider and precision that will serve.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from models.errors import GoldenMismatch, ImageError, InvalidManifest
from models.layout import GOLDEN_DIR, GOLDEN_FILE
from models.manifest import FileName, InputSpec, Precision, Strict, first_problem
from models.postprocess import Probabilities
from models.preprocess import Pixels, load_pixels
from models.runtime import Session

# Different processors and providers round differently: seen 2e-6 between onnxruntime's CPU kernels. Swapped channels or
# another filter exceed it by far.
TOLERANCE = 5e-3
# A JPEG decoder of another build, or another way to resize (models/resize.py), may differ by one grey level, the latter
# in a sixth of the values. What that does to an answer is a matter of network and image: 0.0001 of letters, 0.013 of a
# cup of coffee at 32 x 32. It is tried out on pixels with such noise; the worst of eight was twice what was seen.
_ROUNDED, _DRAWS, _MARGIN = 1 / 6, 8, 1.5
# How far machines may be apart. Where values are rounded on the way, a last digit more or less is a step more or less.
# int8: onnxruntime's kernels of AVX2 and of VNNI agree bit by bit, but computed in float32, as another provider would,
# one of 2,000 images of CIFAR-10 differs by 0.020. fp16: up to 0.008 of 2,000, while processors cast to float32 and
# CUDA does not; ONNX's reference, which rounds after every operation, differs by 0.003 at most of 40.
_ROUNDING: dict[Precision, float] = {"fp32": TOLERANCE, "fp16": 0.02, "int8": 0.05}
# How far a graph may be from the most exact one. Of seven networks, from letters to photographs of flowers, fp16 was
# off by at most 0.004 on golden images and 0.012 on thousands of others; int8 by 0.033 and, but for CIFAR-10, by 0.11
# (there 5 of 2,000 are beyond 0.15, one at 0.20). Eight bits whose ranges come from black images are off by 0.65 to
# 0.96 on golden images; from images four times too dark by 0.16 to 0.51, though within a point of the accuracy.
_MOST: dict[Precision, float] = {"fp32": TOLERANCE, "fp16": 0.02, "int8": 0.15}
MAX_IMAGES = 1000
_BATCH = 32  # a thousand at once would take gigabytes in a large network
_SUM_TOLERANCE = 1e-2  # half precision adds 1,000 classes up to 1 within 1e-3


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """An encoded image to publish with a version; ``source`` says where it is from and its licence."""

    name: str
    data: bytes
    source: str


class GoldenEntry(Strict):
    """One golden image and the probabilities recorded for it."""

    file: FileName
    source: str
    probabilities: tuple[float, ...]


class Golden(Strict):
    """``golden/golden.json``; no probability may differ by more than ``tolerance``.

    By ``labels`` it is noticed when those of the manifest, which is in no checksum, were mixed up; None in versions
    that were published before they were recorded.
    """

    tolerance: float = Field(gt=0, lt=0.5)
    images: tuple[GoldenEntry, ...] = Field(min_length=1, max_length=MAX_IMAGES)
    labels: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        files = {entry.file for entry in self.images}
        if len(files) < len(self.images) or GOLDEN_FILE in files:
            raise ValueError("images: each needs a file name of its own")
        if len({len(entry.probabilities) for entry in self.images}) > 1:
            raise ValueError("images: not all have the same number of probabilities")
        return self


def tolerance_of(session: Session, precision: Precision, golden: Golden, pixels: Pixels) -> float:
    """What to allow a graph of ``precision`` here and elsewhere: what it differs by here, and what machines differ by.

    The recorded answers are those of the most exact graph of the version; where that is the graph itself, it differs by
    nothing. Raises GoldenMismatch for one that is too far from them to be the same classifier.
    """
    differences, most = _differences(session, golden, pixels, _BATCH), _MOST[precision]
    worst = int(differences.argmax())
    if not differences[worst] <= most:  # also when it is not a number
        raise GoldenMismatch(
            f"{golden.images[worst].file}: a probability of the {precision} graph differs by {differences[worst]:.2g} "
            f"from that of the most exact one, and at most {most:g} may be: publish without {precision} (--precision "
            "names the graphs that go along)"
        )
    return round(float(differences[worst]) + max(_ROUNDING[precision], golden.tolerance), 4)


def record(
    session: Session,
    spec: InputSpec,
    images: Sequence[GoldenImage],
    tolerance: float = TOLERANCE,
    labels: Sequence[str] = (),
) -> Golden:
    """Run ``images`` one by one and note what comes back, and how far it may be from that on other machines.

    That is at least ``tolerance``. ``labels`` are noted as well.

    Raises ImageError naming one that cannot be used, GoldenMismatch when what comes back are no probabilities,
    InvalidManifest when the names are no file names, or there are no images.
    """
    pixels = [_pixels(image, spec)[None] for image in images]
    answers = [_run(session, each) for each in pixels]
    for image, answer in zip(images, answers, strict=True):
        # Said so that not-a-number fails as well.
        if not (len(answer) == 1 and answer.min() >= 0 and abs(answer.sum() - 1) <= _SUM_TOLERANCE):
            raise GoldenMismatch(f"{image.name}: what the graph gives are no probabilities that add up to 1")
    try:
        entries = [
            GoldenEntry(file=image.name, source=image.source, probabilities=tuple(answer[0].tolist()))
            for image, answer in zip(images, answers, strict=True)
        ]
        rounding = _MARGIN * max(map(partial(_moved, session), pixels, answers), default=0.0)
        most = round(max(tolerance, rounding), 4)
        return Golden(tolerance=most, images=tuple(entries), labels=tuple(labels) or None)
    except ValidationError as error:
        raise InvalidManifest(f"golden images: {first_problem(error)}") from error


def _moved(session: Session, pixels: Pixels, answer: Probabilities) -> float:
    """How far the answer to one image moves at most where its pixels are rounded otherwise."""
    chance = np.random.default_rng(0)
    noise = chance.choice([-1, 0, 1], (_DRAWS, *pixels.shape[1:]), p=[_ROUNDED / 2, 1 - _ROUNDED, _ROUNDED / 2])
    noisy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return float(np.abs(_run(session, noisy) - answer).max())


def _pixels(image: GoldenImage, spec: InputSpec) -> Pixels:
    try:
        return load_pixels(image.data, spec)
    except ImageError as error:
        raise type(error)(f"the golden image {image.name}: {error}") from error


def read(bundle: Path) -> Golden:
    """Read the golden images of the bundle; raise InvalidManifest when they are missing or unreadable."""
    try:
        return Golden.model_validate_json((bundle / GOLDEN_DIR / GOLDEN_FILE).read_bytes())
    except OSError as error:
        raise InvalidManifest(f"{GOLDEN_DIR}/{GOLDEN_FILE} is missing or unreadable") from error
    except ValidationError as error:
        raise InvalidManifest(f"{GOLDEN_DIR}/{GOLDEN_FILE}: {first_problem(error)}") from error


def load(bundle: Path, golden: Golden, spec: InputSpec) -> Pixels:
    """Return the pixels of all golden images, uint8 ``[N, height, width, channels]``; raise GoldenMismatch."""
    pixels = []
    for entry in golden.images:
        try:
            pixels.append(load_pixels((bundle / GOLDEN_DIR / entry.file).read_bytes(), spec))
        except (OSError, ImageError) as error:
            raise GoldenMismatch(f"{entry.file}: the golden image is missing or cannot be used") from error
    return np.stack(pixels)


def check_labels(golden: Golden, labels: Sequence[str]) -> None:
    """Raise GoldenMismatch where ``labels`` are not those that were recorded, in the same order."""
    for recorded, label in itertools.zip_longest(golden.labels or labels, labels):
        if recorded != label:
            raise GoldenMismatch(f"the labels were changed since it was published: {recorded!r} is {label!r} now")


def replay(session: Session, golden: Golden, pixels: Pixels, tolerance: float | None = None) -> None:
    """Run the golden images one by one and in batches; raise GoldenMismatch when one does not come back.

    ``tolerance`` is that of the graph, in place of the one of the images.
    """
    most = golden.tolerance if tolerance is None else tolerance
    for size, alone in itertools.product((1, _BATCH), session.ways):
        difference = _differences(session, golden, pixels, size, alone=alone)
        worst = int(difference.argmax())
        if not difference[worst] <= most:  # also when it is not a number
            raise GoldenMismatch(
                f"{golden.images[worst].file}: a probability differs by {difference[worst]:.4g} from the recorded one; "
                f"at most {most:g} is allowed"
            )


def _differences(
    session: Session, golden: Golden, pixels: Pixels, size: int, *, alone: bool = False
) -> NDArray[np.float32]:
    """How far each image's probabilities are from the recorded ones, run in batches of ``size``."""
    expected = np.array([entry.probabilities for entry in golden.images], np.float32)
    got = np.concatenate([_run(session, pixels[at : at + size], alone=alone) for at in range(0, len(pixels), size)])
    if got.shape != expected.shape:
        raise GoldenMismatch(f"golden images give {got.shape}, recorded were {expected.shape}")
    difference: NDArray[np.float32] = np.abs(got - expected).max(axis=1)
    return difference


def _run(session: Session, pixels: Pixels, *, alone: bool = False) -> Probabilities:
    try:
        return session.run(pixels, alone=alone)
    except Exception as error:  # onnxruntime's errors share no root but Exception
        reason = str(error).partition("\n")[0]
        raise GoldenMismatch(f"the graph fails on {len(pixels)} golden images: {reason}") from error
