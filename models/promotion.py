"""Promotion: what must hold before an alias names another version. Going back (``models.aliases.rollback``) is free."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from models.aliases import ANY, Expected, move_alias
from models.errors import BundleError, NotFound, PromotionRefused, ReasonMissing, SignatureMissing
from models.manifest import Manifest, Metrics
from models.policy import Check, Policy, failures, judge
from models.refs import SHADOW, check_alias
from models.store import Store
from models.targets import Target

_NAMED = 5


class Candidate(Protocol):
    """What would be promoted: the manifest of a version, or a release that is none yet."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes, in the order of its outputs."""

    @property
    def metrics(self) -> Metrics | None:
        """What it reached on a test split; None where it was not evaluated."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms an alias moves: the ``policy`` of the gate, and what is said to be meant all the same.

    ``new_labels`` lets it answer with other labels, ``force`` overrules the gate.
    """

    policy: Policy = field(default_factory=Policy)
    new_labels: bool = False
    force: bool = False


USUAL = Terms()


def terms_of(policy: Policy, *, new_labels: bool, force: bool, why: str) -> Terms:
    """What somebody asks for; raises ReasonMissing where it is force and ``why`` says nothing."""
    if force and not why.strip():
        raise ReasonMissing("to overrule the gate takes a reason, which the audit log keeps: say why")
    return Terms(policy, new_labels=new_labels, force=force)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found out: the version that would be replaced, and the checks, passed or not."""

    before: int | None
    checks: Sequence[Check] = ()

    @property
    def passed(self) -> bool:
        """Whether the candidate may take the alias without force."""
        return not failures(self.checks)


def promote(
    store: Store,
    candidate: Manifest,
    alias: str,
    *,
    who: str,
    why: str,
    expect: Expected = ANY,
    terms: Terms = USUAL,
) -> Verdict:
    """Let ``alias`` name the version of ``candidate``; returns what was checked, and what it replaced.

    Raises what ``check_promotion`` raises and what ``move_alias`` does, also Conflict where somebody moved the alias
    meanwhile: what was checked against is what is replaced.
    """
    verdict = check_promotion(store, candidate.name, alias, candidate, expect=expect, terms=terms)
    store.manifest(candidate.name, candidate.version)  # which is signed, where that is asked for
    forced = not verdict.passed
    move_alias(store, candidate.name, alias, candidate.version, who=who, why=why, expect=verdict.before, forced=forced)
    return verdict


def check_promotion(
    store: Store,
    name: str,
    alias: str,
    candidate: Candidate,
    *,
    expect: Expected = ANY,
    terms: Terms = USUAL,
    signed: bool = True,
) -> Verdict:
    """Find out, before anything is done, whether ``alias`` of ``name`` may move to ``candidate``.

    The version that it would replace is the one that it names now, or the one that is expected. Raises InvalidRef for
    what cannot be an alias, PromotionRefused where that version has other labels, or the candidate does not pass the
    gate, unless the terms say that this is meant, and SignatureMissing for one that is not to be ``signed`` where the
    store asks for it.
    """
    check_alias(alias)
    if store.trusted is not None and not signed:
        raise SignatureMissing(f"{name}@{alias} must name a signed version: give --sign KEY")
    before = _before(store, name, alias, expect)
    incumbent = None if before is None else _readable(store, name, before)
    if incumbent is not None and not terms.new_labels:
        _refuse_new_labels(incumbent, alias, candidate)
    # A shadow answers nobody, and is there to find out.
    verdict = Verdict(before, [] if alias == SHADOW else _checks(candidate, incumbent, terms.policy))
    if not verdict.passed and not terms.force:
        raise _refusal(name, alias, verdict)
    return verdict


def _before(store: Store, name: str, alias: str, expect: Expected) -> int | None:
    if isinstance(expect, str):
        return store.aliases(name).get(alias)
    return expect.version if isinstance(expect, Target) else expect


def _checks(candidate: Candidate, incumbent: Manifest | None, policy: Policy) -> list[Check]:
    """Whoever was never evaluated reached nothing, which passes where nothing is asked for and nobody was better."""
    before = None if incumbent is None else incumbent.metrics
    if candidate.metrics is not None:
        return judge(policy, candidate.metrics, before)
    least = max(policy.min_accuracy, before.accuracy - policy.max_accuracy_drop if before else 0)
    return [Check("accuracy (never evaluated)", 0, before.accuracy if before else None, least)]


def _refusal(name: str, alias: str, verdict: Verdict) -> PromotionRefused:
    failed = failures(verdict.checks)
    told = "; ".join(
        f"{check.what} {check.candidate:.4f}, at least {check.least:.4f} is asked for" for check in failed[:_NAMED]
    )
    more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    beside = "" if verdict.before is None else f" in place of version {verdict.before}"
    return PromotionRefused(
        f"the candidate does not pass the gate of {name}@{alias}{beside}: {told}{more}; overrule it with --force and a "
        "reason (--why), or change [promotion] in whatsit.toml",
        tuple(verdict.checks),
    )


def _readable(store: Store, name: str, version: int) -> Manifest | None:
    try:
        return store.manifest(name, version)
    except (NotFound, BundleError):  # it answers nobody, so that nobody relies on it, and must not hold up a cure
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
