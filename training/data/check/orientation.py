"""Whether images of letters or digits lie on their side, as those of EMNIST do, and some copies of it do not.

The names of their files are the same. So the average image of each class is compared with the letters of a font.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from training.data.check.facts import Finding
from training.data.check.material import Material
from training.data.contact_sheet import FONT

_SIDE = 16
_INK = 0.25  # of the brightest
_GLYPH, _POINTS, _BLUR = 96, 60, 5  # handwriting varies by about as much as the blur

_Shape = NDArray[np.float32]


def check_orientation(material: Material) -> Iterator[Finding]:
    """Letters and digits in IDX files that are like those of a font only when rows and columns are exchanged.

    Of EMNIST's 26 letters 17 are nearest to their own of the font, and 6 when they lie on their side; with five images
    a class it was 16 and 4. Where most are like nothing in the font, nothing is said.
    """
    labels = material.source.labels
    if material.recipe.data.kind != "idx" or material.splits is None or not all(map(_is_character, labels)):
        return
    letters = [[_shape(_drawn(form)) for form in _forms(label, labels)] for label in labels]
    means = [_mean(material, index) for index in range(len(labels))]
    upright = _recognised([_shape(mean) for mean in means], letters)
    sideways = _recognised([_shape(mean.T) for mean in means], letters)
    if 2 * sideways < len(labels) or sideways < 2 * upright:
        return
    text = (
        f"the images seem to lie on their side: on average, {upright} of {len(labels)} classes look like what they are "
        f"called, and {sideways} do when rows and columns are exchanged: see for yourself with `whatsit data check "
        f"--sheet`, and say --set data.transpose={str(not material.recipe.data.transpose).lower()}"
    )
    yield Finding(kind="sideways", severity="warning", images=len(material.readable), text=text)


def _is_character(label: str) -> bool:
    return len(label) == 1 and label.isalnum()


def _forms(label: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The letter, and the other case of it where that is no class of its own."""
    other = label.swapcase()
    return (label,) if other in labels else (label, other)


def _mean(material: Material, index: int) -> _Shape:
    """The average training image of a class ``[height, width]``, bright on dark."""
    rows = material.rows("train")
    images = material.decoded.pixels[rows[material.targets[rows] == index]]
    mean: _Shape = images.mean(axis=(0, 3), dtype=np.float64).astype(np.float32)
    return mean if np.median(mean) < 128 else 255 - mean


def _drawn(letter: str) -> _Shape:
    image = Image.new("L", (_GLYPH, _GLYPH))
    font = ImageFont.truetype(FONT, _POINTS)
    ImageDraw.Draw(image).text((_GLYPH / 2, _GLYPH / 2), letter, fill=255, font=font, anchor="mm")
    return np.asarray(image.filter(ImageFilter.GaussianBlur(_BLUR)), np.float32)


def _shape(image: _Shape) -> _Shape:
    """What is bright, in a square, as a vector of mean 0 and length 1; of an empty image all 0."""
    bright = image > _INK * image.max()
    if not bright.any():
        return np.zeros(_SIDE * _SIDE, np.float32)
    top, bottom = np.flatnonzero(bright.any(axis=1))[[0, -1]]
    left, right = np.flatnonzero(bright.any(axis=0))[[0, -1]]
    inked = Image.fromarray(image[top : bottom + 1, left : right + 1])
    values = np.asarray(inked.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)).ravel()
    centred: _Shape = values - values.mean()
    centred /= max(float(np.linalg.norm(centred)), 1e-6)
    return centred


def _recognised(shapes: list[_Shape], letters: list[list[_Shape]]) -> int:
    """How many of ``shapes`` are most like the letter of the same place."""
    alike = [[max(float(shape @ form) for form in forms) for forms in letters] for shape in shapes]
    return sum(int(np.argmax(row)) == place for place, row in enumerate(alike))
