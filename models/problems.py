"""What is wrong with what people wrote, in plain words: a setting, or a key of a recipe."""

from collections.abc import Callable, Collection
from difflib import get_close_matches

from pydantic import ValidationError

Place = tuple[int | str, ...]


def describe_problems(
    error: ValidationError, known: Collection[str], whole: str, place: Callable[[Place], Place] = lambda where: where
) -> str:
    """All that ``error`` found, one after the other; of a name that is not ``known`` the likeliest one is told.

    ``whole`` is what they call all names together, and ``place`` makes the path that they write of pydantic's.
    """
    told = []
    for problem in error.errors(include_url=False):
        name = ".".join(map(str, place(problem["loc"]))) or whole
        what = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            near = get_close_matches(name, known, 1)
            what = f"not known, did you mean {near[0]}?" if near else "not known"
        told.append(f"{name}: {what}")
    return "; ".join(told)
