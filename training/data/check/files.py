"""What the files are: too small or too thin for the input, in colour or not, and whether that gives a class away."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from models.manifest import InputSpec
from training.data.check.facts import Finding, Span
from training.data.check.material import Material, images, some
from training.data.dataset import Original
from training.data.splits import Indices

_VISIBLE = 1.05  # times as large: of less nobody sees anything
_THIN = 3  # the long side by the short one
_GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16B", "F"}
# A class is given away by what this share of its images has, and at most the rest of those of other classes.
_MOSTLY = 0.9
_FEWEST = 20


def check_files(material: Material) -> Iterator[Finding]:
    """Enlarged and thin images, colour that is not used or not there, properties of files that betray the class."""
    if material.originals:
        yield from _enlarged(material)
        yield from _thin(material)
        yield from _colour(material)
        for name, of in _PROPERTIES.items():
            yield from _shortcut(material, name, of)


def spans(material: Material) -> tuple[Span | None, Span | None]:
    """Those of widths and heights; None where no image could be read."""
    if not material.originals:
        return None, None
    return (
        _span([original.width for original in material.originals]),
        _span([original.height for original in material.originals]),
    )


def _span(values: list[int]) -> Span:
    return Span(least=min(values), median=int(np.median(values)), largest=max(values))


def _enlarged(material: Material) -> Iterator[Finding]:
    spec = material.recipe.input
    factors = np.array([enlargement(original, spec) for original in material.originals])
    small = np.flatnonzero(factors >= _VISIBLE)
    if not len(small):
        return
    total, factor = len(factors), float(np.median(factors))
    text = (
        f"{len(small):,} of {images(total)} must be enlarged to the input of {spec.width} x {spec.height}, up to "
        f"{factors.max():.1f} times"
    )
    if len(small) < total / 2:
        advice = "see whether larger ones are to be had"
    else:
        width, height = max(1, round(spec.width / factor)), max(1, round(spec.height / factor))
        advice = f"a smaller input shows as much, such as --set input.width={width} --set input.height={height}"
    order = small[np.argsort(-factors[small], kind="stable")]
    examples = _sizes(material, material.readable[order])
    yield Finding(kind="enlarged", severity="note", images=len(small), text=f"{text}: {advice}", examples=examples)


def enlargement(original: Original, spec: InputSpec) -> float:
    """How many times as wide or high an image is in the input as it was; the larger of both."""
    across, down = spec.width / original.width, spec.height / original.height
    match spec.resize:
        case "stretch":
            return max(across, down)
        case "crop":
            return max(across, down) / spec.crop_fraction
        case "pad":
            return min(across, down)


def _thin(material: Material) -> Iterator[Finding]:
    ratios = np.array([max(image.width / image.height, image.height / image.width) for image in material.originals])
    thin = np.flatnonzero(ratios > _THIN)
    if not len(thin):
        return
    consequence = {
        "stretch": "will be squeezed into the input: --set input.resize=pad keeps their shape",
        "crop": "will be cut down to their middle: --set input.resize=pad keeps all of it",
        "pad": "will fill little of the input: cut out what matters",
    }[material.recipe.input.resize]
    order = thin[np.argsort(-ratios[thin], kind="stable")]
    examples = _sizes(material, material.readable[order])
    text = f"{images(len(thin))} more than {_THIN} times as long as wide {consequence}"
    yield Finding(kind="thin", severity="note", images=len(thin), text=text, examples=examples)


def _colour(material: Material) -> Iterator[Finding]:
    grey = sum(original.mode in _GREY_MODES for original in material.originals)
    total = len(material.originals)
    if material.recipe.input.colour == "grey" and grey < total:
        text = f"{images(total - grey)} of {total:,} may be in colour, which input.colour = 'grey' takes away"
        yield Finding(kind="colour", severity="note", images=total - grey, text=text)
    if material.recipe.input.colour == "rgb" and grey == total:
        text = "no image is in colour: --set input.colour=grey computes less"
        yield Finding(kind="colour", severity="note", images=total, text=text)


_PROPERTIES: dict[str, Callable[[Original], str]] = {
    "format": lambda image: image.format,
    "colour": lambda image: "grey" if image.mode in _GREY_MODES else "colour",
    "size": lambda image: f"{image.width} x {image.height}",
}


def _shortcut(material: Material, name: str, of: Callable[[Original], str]) -> Iterator[Finding]:
    """A property of the file that one class has and hardly any other: the network may learn that instead."""
    values = [of(original) for original in material.originals]
    everywhere = Counter(values)
    of_class: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row, value in zip(material.readable.tolist(), values, strict=True):
        of_class[material.label(row)][value] += 1
    for label, own in of_class.items():
        if (size := own.total()) < _FEWEST or len(values) - size < _FEWEST:
            continue
        value, count = own.most_common(1)[0]
        elsewhere = (everywhere[value] - count) / (len(values) - size)
        if count / size >= _MOSTLY and elsewhere <= 1 - _MOSTLY:
            text = (
                f"{count / size:.0%} of the images of {label!r} have the {name} {value}, but {elsewhere:.0%} of the "
                "others: the network may learn that instead of what they show; make the files alike"
            )
            yield Finding(kind="shortcut", severity="warning", images=count, text=text)


def _sizes(material: Material, rows: Indices) -> tuple[str, ...]:
    sizes = ((row, material.decoded.originals[row]) for row in rows.tolist())
    return some([f"{material.key(row)}: {size.width} x {size.height}" for row, size in sizes if size is not None])
