"""Describes whatever has a network: a recipe, a run, or a published version."""

from collections.abc import Sequence
from pathlib import Path

from models.errors import InvalidRef, ModelNotFound
from models.refs import parse_ref
from models.store import Resolved, Store
from training.config import load_recipe, recipe_names
from training.description import Description
from training.errors import InvalidRecipe
from training.settings import DataSettings

_ASSUMED_CLASSES = 10


def describe(subject: str, store: Store, changes: Sequence[str] = (), classes: int | None = None) -> Description:
    """Describe a recipe by its name or file, a run by its folder, or a version of ``store`` by its ref.

    A name that a recipe and a model share is the recipe's. ``changes`` are those of ``--set``; they and ``classes`` are
    for recipes. Raises InvalidRecipe when the subject is nothing of all this, and what reading it raises.
    """
    path = Path(subject)
    if subject in recipe_names() or path.is_file():
        return _of_recipe(subject, changes, classes)
    if changes or classes is not None:
        raise InvalidRecipe(f"--set and --classes are for recipes, and {subject!r} is none")
    if path.is_dir():
        from training.describe_network import describe_run
        from training.run import Run

        return describe_run(Run(path))
    from training.describe_graph import describe_version  # without torch, which takes seconds to import

    version = _find_version(subject, store)
    return describe_version(store, version.name, version.version)


def known_classes(settings: DataSettings) -> int | None:
    """How many classes the data of a recipe has, where that is known without the data."""
    return 10 if settings.kind == "cifar10" else len(settings.labels) or None


def _of_recipe(name: str, changes: Sequence[str], classes: int | None) -> Description:
    from training.describe_network import describe_recipe

    recipe = load_recipe(name, changes)
    known = classes or known_classes(recipe.data)
    found = describe_recipe(recipe, f"recipe {Path(name).stem}", known or _ASSUMED_CLASSES)
    return found.model_copy(update={"assumed_classes": known is None})


def _find_version(name: str, store: Store) -> Resolved:
    try:
        return store.resolve(parse_ref(name))
    except (InvalidRef, ModelNotFound) as error:
        from training.nearby import why_neither

        recipes, why = ", ".join(recipe_names()), why_neither(name, error)
        raise InvalidRecipe(f"{name!r} is no recipe ({recipes}), no folder of a run, no version{why}") from error
