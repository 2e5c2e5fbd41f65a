"""Promotion: what must hold before an alias names another version. Going back (``models.aliases.rollback``) is free."""

from collections.abc import Iterator
from typing import Literal, Protocol

from models.aliases import ANY, move_alias
from models.errors import InvalidManifest, NotFound, PromotionRefused
from models.manifest import Manifest
from models.refs import check_alias
from models.store import Store

_NAMED = 5


class Candidate(Protocol):
    """What would be promoted: the manifest of a version, or a release that is none yet."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes, in the order of its outputs."""


def promote(
    store: Store,
    candidate: Manifest,
    alias: str,
    *,
    who: str,
    why: str,
    expect: int | Literal["any"] | None = ANY,
    new_labels: bool = False,
) -> int | None:
    """Let ``alias`` name the version of ``candidate``; returns the version that it named before, None when it is new.

    Raises what ``check_promotion`` raises and what ``move_alias`` does, also Conflict where somebody moved the alias
    meanwhile: what was checked against is what is replaced.
    """
    before = check_promotion(store, candidate.name, alias, candidate, expect=expect, new_labels=new_labels)
    return move_alias(store, candidate.name, alias, candidate.version, who=who, why=why, expect=before)


def check_promotion(
    store: Store,
    name: str,
    alias: str,
    candidate: Candidate,
    *,
    expect: int | Literal["any"] | None = ANY,
    new_labels: bool = False,
) -> int | None:
    """Find out, before anything is done, whether ``alias`` of ``name`` may move to ``candidate``.

    Returns the version that it would replace: the one that it names now, or the one that is expected. Raises InvalidRef
    for what cannot be an alias, and PromotionRefused where that version has other labels, unless ``new_labels`` says
    that this is meant.
    """
    check_alias(alias)
    before = expect if not isinstance(expect, str) else store.aliases(name).get(alias)
    incumbent = None if before is None else _readable(store, name, before)
    if incumbent is not None and not new_labels:
        _refuse_new_labels(incumbent, alias, candidate)
    return before


def _readable(store: Store, name: str, version: int) -> Manifest | None:
    try:
        return store.manifest(name, version)
    except (NotFound, InvalidManifest):  # it answers nobody, so that nobody relies on it, and must not hold up a cure
        return None


def _refuse_new_labels(incumbent: Manifest, alias: str, candidate: Candidate) -> None:
    changes = "; ".join(_changes(incumbent.labels, candidate.labels))
    if changes:
        raise PromotionRefused(
            f"{incumbent.name}@{alias} would answer with other labels than version {incumbent.version} does: "
            f"{changes}; if its clients are ready for that, say so with --new-labels, else use another alias or model"
        )


def _changes(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    """What of the labels and their places is not the same, for people; nothing where all is."""
    places = {label: place for place, label in enumerate(before)}
    new = [label for label in after if label not in places]
    gone = [label for label in before if label not in after]
    moved = [
        f"{label} (number {places[label]} becomes {place})"
        for place, label in enumerate(after)
        if places.get(label, place) != place
    ]
    for what, labels in (("new", new), ("gone", gone), ("in another place", moved)):
        if labels:
            more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
            yield f"{what}: {', '.join(labels[:_NAMED])}{more}"
