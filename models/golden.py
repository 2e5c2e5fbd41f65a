"""Golden images: encoded images of a bundle and the probabilities that must come back for them.

They prove the whole path from bytes to probabilities on the machine, provider and precision that will serve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from models.errors import GoldenMismatch, InvalidManifest
from models.layout import GOLDEN_DIR, GOLDEN_FILE
from models.manifest import BundlePath, InputSpec, Strict
from models.preprocess import Pixels, load_pixels
from models.runtime import Session

# Different processors and providers round differently: seen 2e-6 between onnxruntime's CPU kernels. A JPEG decoder
# of another build may differ by a grey level, seen below 2e-3. Swapped channels or another filter exceed it by far.
TOLERANCE = 5e-3
MAX_IMAGES = 1000


@dataclass(frozen=True, slots=True)
class GoldenImage:
    """An encoded image to publish with a version; ``source`` says where it is from and its licence."""

    name: str
    data: bytes
    source: str


class GoldenEntry(Strict):
    """One golden image and the probabilities recorded for it."""

    file: BundlePath
    source: str
    probabilities: tuple[float, ...]


class Golden(Strict):
    """``golden/golden.json``; no probability may differ by more than ``tolerance``."""

    tolerance: float = Field(gt=0, lt=0.5)
    images: tuple[GoldenEntry, ...] = Field(min_length=1, max_length=MAX_IMAGES)


def record(session: Session, spec: InputSpec, images: Sequence[GoldenImage], tolerance: float = TOLERANCE) -> Golden:
    """Run ``images`` one by one and note what comes back; raise ImageError for one that cannot be used."""
    entries = [
        GoldenEntry(
            file=image.name,
            source=image.source,
            probabilities=tuple(session.run(load_pixels(image.data, spec)[None])[0].tolist()),
        )
        for image in images
    ]
    return Golden(tolerance=tolerance, images=tuple(entries))


def read(bundle: Path) -> Golden:
    """Read the golden images of the bundle; raise InvalidManifest when they are missing or unreadable."""
    try:
        return Golden.model_validate_json((bundle / GOLDEN_DIR / GOLDEN_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise InvalidManifest(f"{GOLDEN_DIR}/{GOLDEN_FILE} is missing or unreadable") from error


def load(bundle: Path, golden: Golden, spec: InputSpec) -> Pixels:
    """Return the pixels of all golden images, uint8 ``[N, height, width, channels]``."""
    folder = bundle / GOLDEN_DIR
    return np.stack([load_pixels((folder / entry.file).read_bytes(), spec) for entry in golden.images])


def replay(session: Session, golden: Golden, pixels: Pixels) -> None:
    """Run the golden images one by one and all at once; raise GoldenMismatch when one does not come back."""
    expected = np.array([entry.probabilities for entry in golden.images], np.float32)
    for got in (np.concatenate([session.run(row[None]) for row in pixels]), session.run(pixels)):
        if got.shape != expected.shape:
            raise GoldenMismatch(f"golden images give {got.shape}, recorded were {expected.shape}")
        difference = np.abs(got - expected).max(axis=1)
        worst = int(difference.argmax())
        if not difference[worst] <= golden.tolerance:  # also when it is not a number
            raise GoldenMismatch(
                f"{golden.images[worst].file}: a probability differs by {difference[worst]:.4g} from the recorded one; "
                f"at most {golden.tolerance:g} is allowed"
            )
