"""What a check of the data says; needs no torch."""

from typing import Any, Literal

from pydantic import Field

from models.manifest import Strict
from training.data.samples import Split

Severity = Literal["error", "warning", "note"]
Kind = Literal[
    "nothing-to-learn",
    "unreadable",
    "few",
    "unproved",
    "imbalance",
    "plain",
    "enlarged",
    "thin",
    "sideways",
    "colour",
    "shortcut",
    "contradiction",
    "near-contradiction",
    "leakage",
    "removed",
    "copies",
    "near-copies",
]


class Finding(Strict):
    """Something about ``images`` images that a person should know; ``text`` also says what to do.

    An ``error`` leaves nothing to learn from; a ``warning`` harms the network or its numbers until somebody acts; a
    ``note`` is good to know. ``examples`` names some of the images.
    """

    kind: Kind
    severity: Severity
    images: int = Field(ge=0)
    text: str
    examples: tuple[str, ...] = ()


class Span(Strict):
    """The least, the median and the largest of the widths or heights of all images, in pixels."""

    least: int
    median: int
    largest: int


class Overlap(Strict):
    """Images of ``split`` that are in ``other`` as well, or once more in it where the two are one.

    ``exact`` have the same pixels; those of two splits were removed from ``split``. ``near`` are nearly the same image
    as one of ``other``, and still there.
    """

    split: Split
    other: Split
    exact: int = Field(ge=0)
    near: int = Field(ge=0)


class DataCheck(Strict):
    """Everything that was found out about one data set.

    ``images`` counts all files, ``per_class`` the readable ones of each label and ``counts`` those of each split; the
    ``drawn`` splits are not the data's own. ``formats`` and ``modes`` count files as Pillow names them. ``findings``
    begin with the worst.
    """

    source: str
    images: int = Field(ge=0)
    unreadable: int = Field(ge=0)
    labels: tuple[str, ...]
    per_class: tuple[int, ...]
    counts: dict[Split, tuple[int, ...]]
    drawn: tuple[Split, ...]
    widths: Span | None
    heights: Span | None
    formats: dict[str, int]
    modes: dict[str, int]
    overlaps: tuple[Overlap, ...]
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        """Whether there is nothing to learn from."""
        return any(finding.severity == "error" for finding in self.findings)

    def summary(self) -> dict[str, Any]:
        """For the manifest: all but the names of files, which are nobody's business where a version is served."""
        return self.model_dump(mode="json", exclude={"findings": {"__all__": {"examples"}}})
