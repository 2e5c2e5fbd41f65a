import re
from pathlib import Path

import pytest

import training.report

CSS = (Path(training.report.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.S))
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])

Colour = tuple[float, ...]


def colour(text: str) -> Colour:
    if text.startswith("#"):
        return tuple(int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return tuple(int(part) / 255 for part in text.split())


def laid_over(top: Colour, alpha: float, below: Colour) -> Colour:
    return tuple(alpha * over + (1 - alpha) * under for over, under in zip(top, below, strict=True))


def contrast(one: Colour, other: Colour) -> float:
    """As WCAG 2.2 defines it."""

    def luminance(rgb: Colour) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_both_schemes_name_every_colour() -> None:
    assert LIGHT.keys() == DARK.keys()


@SCHEMES
def test_what_is_written_can_be_read(scheme: dict[str, str]) -> None:
    for ground in ("page", "paper"):
        for name in ("ink", "quiet", "validation", "wrong"):
            assert contrast(colour(scheme[name]), colour(scheme[ground])) >= 4.5, (name, ground)


@SCHEMES
def test_what_is_drawn_can_be_told_from_the_ground(scheme: dict[str, str]) -> None:
    for name in ("train", "validation", "wrong", "quiet"):
        assert contrast(colour(scheme[name]), colour(scheme["paper"])) >= 3, name


@SCHEMES
def test_every_shade_of_the_matrix_lets_its_number_be_read(scheme: dict[str, str]) -> None:
    shades = re.findall(r"\.(?:right|wrong)-\d \{ background: rgb\(var\(--([\w-]+)\) / ([.\d]+)\)", CSS)
    assert len(shades) == 10
    for tint, alpha in shades:
        ground = laid_over(colour(scheme[tint]), float(alpha), colour(scheme["paper"]))
        assert contrast(colour(scheme["ink"]), ground) >= 4.5, (tint, alpha)


def test_every_colour_that_is_used_is_one_that_is_named() -> None:
    assert set(re.findall(r"var\(--([\w-]+)\)", CSS)) <= LIGHT.keys()
