"""Recipes: everything that decides what a training run does, as data.

A recipe is a TOML file, ``training/recipes/NAME.toml`` or one of your own. It is validated whole before anything
starts and saved with the run. An unknown key is an error, so that a typing mistake cannot pass as a default.
"""

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from models.manifest import InputSpec, Strict
from models.problems import Place, describe_problems
from training.architectures.settings import Architecture
from training.errors import InvalidRecipe
from training.settings import (
    AugmentSettings,
    DataSettings,
    DecisionSettings,
    ExportSettings,
    FitSettings,
    OptimizerSettings,
    ScheduleSettings,
    TransferSettings,
)

RECIPES = Path(__file__).parent / "recipes"


class Recipe(Strict):
    """A whole recipe."""

    description: str = ""
    """A sentence for lists, manifest and report."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Decides all random numbers: the same recipe gives the same run."""
    data: DataSettings
    input: InputSpec
    augment: AugmentSettings = AugmentSettings()
    architecture: Architecture
    """The layers of the network."""
    optimizer: OptimizerSettings
    schedule: ScheduleSettings = ScheduleSettings()
    transfer: TransferSettings = TransferSettings()
    fit: FitSettings
    decision: DecisionSettings = DecisionSettings()
    export: ExportSettings = ExportSettings()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.augment.translate >= min(self.input.height, self.input.width):
            raise ValueError("augment.translate: must be smaller than the input")
        if self.augment.cutout >= min(self.input.height, self.input.width):
            raise ValueError("augment.cutout: must be smaller than the input, else nothing is left to learn from")
        if self.input.colour == "grey" and (self.augment.saturation or self.augment.hue):
            raise ValueError("augment: grey images have neither saturation nor hue; leave both 0")
        if self.transfer.weights == "imagenet" and self.architecture.name != "vgg16":
            raise ValueError("transfer.weights: there are imagenet weights for vgg16 only; give a file, a run or a ref")
        return self

    def published(self) -> Self:
        """The recipe for others to read: of weights that lie in a file or folder of this machine, the name alone."""
        if self.transfer.weights is None:
            return self
        transfer = self.transfer.model_copy(update={"weights": Path(self.transfer.weights).name or "a folder"})
        return self.model_copy(update={"transfer": transfer})


def recipe_names() -> list[str]:
    """The recipes that come with the project."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def recipe_text(name: str) -> str:
    """The TOML of a recipe that comes with the project, to be changed in a file of one's own."""
    return (RECIPES / f"{name}.toml").read_text(encoding="utf-8")


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
    """Validate a recipe in JSON, as it is saved with a run; raises InvalidRecipe naming all wrong keys."""
    try:
        return Recipe.model_validate_json(text, strict=True)
    except ValidationError as error:
        schema = Recipe.model_json_schema()
        known = list(_keys(schema, schema["$defs"]))
        raise InvalidRecipe(describe_problems(error, known, "recipe", _key)) from error


def _keys(table: dict[str, Any], tables: dict[str, Any], path: str = "") -> Iterator[str]:
    """The dotted paths of all keys of a table, and of the tables in it, in JSON Schema as pydantic writes it."""
    for name, field in table["properties"].items():
        yield f"{path}{name}"
        inside = f"{path}{name}.0." if "items" in field else f"{path}{name}."
        for part in field.get("oneOf") or field.get("anyOf") or [field.get("items", field)]:
            if "$ref" in part:
                yield from _keys(tables[part["$ref"].rpartition("/")[2]], tables, inside)


def _key(place: Place) -> Place:
    """The path of a key as recipes write it; pydantic puts the kind of architecture in between."""
    return (place[0], *place[2:]) if place[:1] == ("architecture",) else place


def _read(name_or_path: str) -> dict[str, Any]:
    named = RECIPES / f"{name_or_path}.toml"
    path = named if name_or_path in recipe_names() else Path(name_or_path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(recipe_names())
        raise InvalidRecipe(f"there is no recipe {name_or_path!r}; known are {known}, or give a TOML file") from error
    except OSError as error:
        raise InvalidRecipe(f"the recipe {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidRecipe(f"the recipe {path} is not text in UTF-8: save it as that") from error
    except tomllib.TOMLDecodeError as error:
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
