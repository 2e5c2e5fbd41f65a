from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.training.support import tiny_recipe, write_idx
from training.data.check.facts import Finding
from training.data.check.inspect import inspect
from training.data.sources import open_source

LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
SIDE = 28
FONTS = ("STIXGeneral.ttf", "STIXGeneralItalic.ttf", "DejaVuSerif-Bold.ttf")


def written(letter: str, number: int) -> NDArray[np.uint8]:
    """A letter of some size at some place, in a font that the check does not know."""
    rng = np.random.default_rng((ord(letter), number))
    path = Path(mpl.get_data_path(), "fonts", "ttf", FONTS[number % len(FONTS)])
    form = letter.lower() if number % 4 == 3 else letter
    image = Image.new("L", (SIDE, SIDE))
    place = tuple(int(14 + shift) for shift in rng.integers(-2, 3, 2))
    ImageDraw.Draw(image).text(place, form, 255, ImageFont.truetype(path, int(rng.integers(16, 23))), anchor="mm")
    return np.asarray(image)


def write(root: Path, letters: Sequence[str], *, sideways: bool = False, dark: bool = False) -> Path:
    """IDX files with 12 images of each of ``letters`` to learn from, and 2 to test on."""
    names = {}
    for part, numbers in (("train", range(12)), ("t10k", range(12, 14))):
        images = np.stack([written(letter, number) for letter in letters for number in numbers])
        images = images.transpose(0, 2, 1) if sideways else images
        names[f"{part}-images-idx3-ubyte"] = np.ascontiguousarray(255 - images if dark else images)
        names[f"{part}-labels-idx1-ubyte"] = np.repeat(np.arange(len(letters), dtype=np.uint8), len(numbers))
    return write_idx(root, names)


def sideways(root: Path, labels: Sequence[str], *changes: str) -> list[Finding]:
    """What is found of images that lie on their side."""
    idx = ("data.kind=idx", f"data.labels={list(labels)}", "input.height=28", "input.width=28", "input.colour=grey")
    recipe = tiny_recipe(root.parent, *idx, *changes)
    check = inspect(open_source(recipe.data, root), recipe).check
    return [finding for finding in check.findings if finding.kind == "sideways"]


@pytest.fixture(scope="module")
def upright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("letters") / "upright", LETTERS)


@pytest.mark.parametrize(("letters", "dark"), [(LETTERS, False), (DIGITS, False), (DIGITS, True)])
def test_letters_on_their_side_are_told_with_what_to_do(letters: str, dark: bool, tmp_path: Path) -> None:
    root = write(tmp_path / "data", letters, sideways=True, dark=dark)
    (finding,) = sideways(root, letters)
    assert finding.severity == "warning"
    assert finding.text.endswith("`whatsit data check --sheet`, and say --set data.transpose=true")
    assert sideways(root, letters, "data.transpose=true") == []


def test_a_recipe_that_lays_upright_letters_on_their_side_is_warned_of(upright: Path) -> None:
    assert sideways(upright, LETTERS) == []
    (finding,) = sideways(upright, LETTERS, "data.transpose=true")
    assert finding.text.endswith("and say --set data.transpose=false")


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param(LETTERS[::-1], id="other letters than they are called"),
        pytest.param("あいうえおかきくけこさしすせそたちつてとなにぬねのは", id="letters that the font has not"),
        pytest.param([f"letter {letter}" for letter in LETTERS], id="words"),
    ],
)
def test_of_what_are_no_such_letters_nothing_is_said(labels: Sequence[str], upright: Path) -> None:
    for changes in ((), ("data.transpose=true",)):
        assert sideways(upright, labels, *changes) == []


def test_empty_images_are_no_letters(tmp_path: Path) -> None:
    root = write(tmp_path / "data", DIGITS)
    for part in root.glob("*images*"):
        content = part.read_bytes()
        part.write_bytes(content[:16] + bytes(len(content) - 17) + b"\1")
    assert sideways(root, DIGITS) == []
