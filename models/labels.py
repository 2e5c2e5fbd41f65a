"""Labels: the names of a model's classes, in the order of its outputs."""

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

MAX_LABEL_LENGTH = 200


def check_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``labels`` when there are at least two and all differ; raise ValueError otherwise."""
    if len(labels) < 2:
        raise ValueError(f"a classifier needs at least two labels, not {len(labels)}")
    repeated = sorted(label for label, times in Counter(labels).items() if times > 1)
    if repeated:
        raise ValueError(f"labels must differ; repeated: {', '.join(repeated)}")
    return labels


def _check_printable(label: str) -> str:
    """A line break in a name breaks tables, logs and drawings, an escape sequence the terminal of who reads them."""
    if any(unicodedata.category(character) == "Cc" for character in label):
        raise ValueError(f"{label!r} has a line break or another control character in it")
    return label


Label = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LABEL_LENGTH),
    AfterValidator(_check_printable),
]
Labels = Annotated[tuple[Label, ...], AfterValidator(check_labels)]


def read_labels(path: Path) -> tuple[str, ...]:
    """Read one label a line from a text file, ignoring empty lines; raise ValueError when they repeat."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return check_labels(tuple(line.strip() for line in lines if line.strip()))
