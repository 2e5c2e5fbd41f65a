"""A contact sheet: some images of each class, side by side, as people check labels with their eyes."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.preprocess import Pixels
from training.data.splits import Indices
from training.seed import generator

_MOST_BYTES = 200_000
_MOST_CLASSES = 60
_IMAGES = 10
_GAP, _MARGIN, _LABEL, _TEXT = 2, 6, 140, 12
_QUALITIES = (85, 70, 50, 30, 15)
FONT = Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")  # has Latin, Greek and Cyrillic letters


def contact_sheet(pixels: Pixels, targets: Indices, rows: Indices, labels: Sequence[str], seed: int) -> bytes:
    """A JPEG of at most 200 kB with a row for each class, of at most 60, and 10 images in it, chosen by ``seed``.

    ``pixels`` uint8 ``[N, height, width, channels]`` and ``targets`` ``[N]`` are of all images; ``rows`` are those to
    choose from.
    """
    shown = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_CLASSES)).round().astype(int).tolist()
    font = ImageFont.truetype(FONT, _TEXT)
    texts = [_fitted(labels[index], font) for index in shown]
    side = _side(len(shown))
    left, step = _MARGIN + round(max(map(font.getlength, texts))) + _MARGIN, side + _GAP
    sheet = Image.new("RGB", (left + _IMAGES * step, len(shown) * step + _GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (index, text) in enumerate(zip(shown, texts, strict=True)):
        top = _GAP + place * step
        draw.text((_MARGIN, top + side / 2), text, fill="black", font=font, anchor="lm")
        own = rows[targets[rows] == index]
        chosen = generator(seed, "contact sheet", index).permutation(own)[:_IMAGES]
        for number, row in enumerate(chosen.tolist()):
            sheet.paste(_tile(pixels[row], side), (left + number * step, top))
    return _encode(sheet)


def _side(classes: int) -> int:
    """The side of an image in pixels: the more classes, the smaller."""
    return 64 if classes <= 15 else 48 if classes <= 30 else 32


def _fitted(label: str, font: ImageFont.FreeTypeFont) -> str:
    """As much of ``label`` as there is room for."""
    kept = label
    while font.getlength(kept) > _LABEL:
        label = label[:-1]
        kept = f"{label}…"
    return kept


def _tile(pixels: Pixels, side: int) -> Image.Image:
    """The whole image in a square, on grey; one of few pixels in such that can be told apart."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    fitted = image.resize(size, Image.Resampling.NEAREST if scale >= 2 else Image.Resampling.LANCZOS)
    tile = Image.new("RGB", (side, side), (224, 224, 224))
    tile.paste(fitted, ((side - size[0]) // 2, (side - size[1]) // 2))
    return tile


def _encode(sheet: Image.Image) -> bytes:
    data = b""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        sheet.save(buffer, "JPEG", quality=quality, optimize=True)
        data = buffer.getvalue()
        if len(data) <= _MOST_BYTES:
            break
    return data
