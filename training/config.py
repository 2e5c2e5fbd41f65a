"""Recipes: everything that decides what a training run does, as data.

A recipe is a TOML file, ``training/recipes/NAME.toml`` or one of your own. It is validated whole before anything
starts and saved with the run. An unknown key is an error, so that a typing mistake cannot pass as a default.
"""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from models.labels import Label
from models.manifest import InputSpec, Strict
from training.architectures.settings import Architecture
from training.errors import InvalidRecipe

RECIPES = Path(__file__).parent / "recipes"

Share = Annotated[float, Field(ge=0, lt=1)]
Part = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class DataSettings(Strict):
    """Where the images come from and how they are split.

    ``validation`` and ``test`` are the shares that are drawn, stratified and seeded, where the data has no such
    split of its own; neither can be 0, as no version goes without calibration and numbers. ``labels`` names the
    classes of IDX files in rising order of their numbers; ``transpose`` exchanges the rows and columns of their images,
    as those of EMNIST lie on their side. ``download`` is the data set that is fetched when no ``--data`` is given.
    ``licence`` is noted beside every image of the data that is published, as a golden image.
    """

    kind: Literal["folder", "cifar10", "idx"]
    download: Literal["cifar10", "fashion-mnist"] | None = None
    labels: tuple[Label, ...] = ()
    transpose: bool = False
    licence: str = ""
    validation: Part = 0.1
    test: Part = 0.15

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.transpose and self.kind != "idx":
            raise ValueError("transpose: for IDX files only")
        return self


class AugmentSettings(Strict):
    """Random changes of the training images only.

    ``flip`` mirrors left and right: ``random`` each time anew, ``alternating`` every second epoch, which shows both
    sides equally often (Jordan 2024, arXiv:2404.00498). ``translate`` is in pixels, ``rotate`` and ``shear`` in
    degrees, ``zoom``, ``brightness`` and ``contrast`` are fractions, all to either side; ``cutout`` is the side in
    pixels of a square that is covered (DeVries and Taylor 2017, arXiv:1708.04552).
    """

    flip: Literal["none", "random", "alternating"] = "none"
    translate: int = Field(default=0, ge=0, le=512)
    rotate: float = Field(default=0, ge=0, le=180)
    shear: float = Field(default=0, ge=0, le=45)
    zoom: float = Field(default=0, ge=0, le=0.9)
    brightness: Fraction = 0
    contrast: Fraction = 0
    cutout: int = Field(default=0, ge=0, le=2048)


class OptimizerSettings(Strict):
    """``momentum`` and ``nesterov`` are for ``sgd``; weight decay spares biases and batch norm."""

    name: Literal["sgd", "adam", "adamw"] = "adamw"
    learning_rate: float = Field(gt=0)
    momentum: Share = 0.9
    nesterov: bool = True
    weight_decay: float = Field(default=0, ge=0)


class ScheduleSettings(Strict):
    """The course of the learning rate over all steps.

    ``one-cycle`` rises linearly from ``start`` times the rate during the share ``warmup`` and falls linearly to
    ``end`` times the rate (Smith and Topin 2017, arXiv:1708.07120); ``cosine`` falls along a half cosine instead.
    """

    name: Literal["constant", "one-cycle", "cosine"] = "one-cycle"
    warmup: Share = 0.2
    start: float = Field(default=0.1, ge=0, le=1)
    end: float = Field(default=0.01, ge=0, le=1)


class FitSettings(Strict):
    """``patience`` is how many epochs without a better validation loss end the run; 0 never ends it early.

    ``precision``: ``auto`` is mixed precision on CUDA and float32 elsewhere.
    """

    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=2, le=65_536)
    label_smoothing: Share = 0
    patience: int = Field(default=0, ge=0)
    precision: Literal["auto", "float32"] = "auto"


class DecisionSettings(Strict):
    """``accuracy`` is what accepted answers are to reach; the validation split must prove it, at 95 % confidence."""

    accuracy: Annotated[float, Field(gt=0, lt=1)] = 0.95


class Recipe(Strict):
    """A whole recipe."""

    description: str = ""
    seed: int = Field(default=0, ge=0, lt=2**31)
    data: DataSettings
    input: InputSpec
    augment: AugmentSettings = AugmentSettings()
    architecture: Architecture
    optimizer: OptimizerSettings
    schedule: ScheduleSettings = ScheduleSettings()
    fit: FitSettings
    decision: DecisionSettings = DecisionSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.augment.translate >= min(self.input.height, self.input.width):
            raise ValueError("augment.translate: must be smaller than the input")
        return self


def recipe_names() -> list[str]:
    """The recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = (), epochs: int | None = None) -> Recipe:
    """Read a recipe by its name or path, changed by ``key=value`` overrides; raises InvalidRecipe.

    Keys are dotted paths (``fit.epochs``, ``architecture.blocks.0.channels``), values are TOML; a value that is no
    TOML is taken as text.
    """
    content = _read(name_or_path)
    extra = [] if epochs is None else [f"fit.epochs={epochs}"]
    for override in [*overrides, *extra]:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise InvalidRecipe(f"--set {override!r} is not of the form key=value")
        _set(content, key.strip().split("."), _toml_value(text.strip()), key)
    return parse_recipe(json.dumps(content, default=str))


def parse_recipe(text: str | bytes) -> Recipe:
    """Validate a recipe in JSON, as it is saved with a run; raises InvalidRecipe naming the first wrong key."""
    try:
        return Recipe.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise InvalidRecipe(f"{where}: {first['msg']}") from error


def _read(name_or_path: str) -> dict[str, Any]:
    named = RECIPES / f"{name_or_path}.toml"
    path = named if name_or_path in recipe_names() else Path(name_or_path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(recipe_names())
        raise InvalidRecipe(f"there is no recipe {name_or_path!r}; known are {known}, or give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRecipe(f"{path} is not TOML: {error}") from error


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _set(content: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    here: Any = content
    try:
        for part in path[:-1]:
            here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
        here[int(path[-1]) if isinstance(here, list) else path[-1]] = value
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise InvalidRecipe(f"--set {key}: there is no such key in the recipe") from error
