"""Promotion: what must hold before an alias names another version. Going back (``models.aliases.rollback``) is free."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from models.aliases import ANY, Expected, move_alias, set_canary
from models.errors import BundleError, NotFound, PromotionRefused, ReasonMissing, SignatureMissing
from models.manifest import Manifest, Metrics, Provenance
from models.policy import Check, Policy, failures, judge
from models.refs import SHADOW, check_alias
from models.store import Store
from models.targets import Target

_NAMED = 5
_MOST = 50  # percent, from which on a canary is as good as promoted
_ANY_FIGURES = Policy(max_accuracy_drop=1, max_macro_f1_drop=1, max_class_drop=1)


class Candidate(Protocol):
    """What would be promoted: the manifest of a version, or a release that is none yet."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes, in the order of its outputs."""

    @property
    def metrics(self) -> Metrics | None:
        """What it reached on a test split; None where it was not evaluated."""

    @property
    def provenance(self) -> Provenance | None:
        """What it was made of; None where that is not known."""


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
    """What was found out: the version that would be replaced, the checks, passed or not, and a note for people."""

    before: int | None
    checks: Sequence[Check] = ()
    note: str = ""

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


def start_canary(  # noqa: PLR0913 - as promote, and the share
    store: Store,
    candidate: Manifest,
    alias: str,
    percent: int,
    *,
    who: str,
    why: str,
    expect: Expected = ANY,
    terms: Terms = USUAL,
) -> Target:
    """Let the version of ``candidate`` answer ``percent``, 1 to 99, of the requests for ``alias``.

    Its labels have to be those of the version that the alias names, as in a promotion; from half of the requests on it
    goes through the gate as well. Raises what ``promote`` raises, and Conflict where there is nobody to go beside.
    """
    trial = terms if percent >= _MOST else replace(terms, policy=_ANY_FIGURES)
    before = check_promotion(store, candidate.name, alias, candidate, expect=expect, terms=trial).before
    shares = (100 - percent, percent)
    expected = expect if isinstance(expect, Target) else before
    return set_canary(store, candidate.name, alias, candidate.version, shares, who=who, why=why, expect=expected)


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
    checks = (
        []
        if alias == SHADOW
        else judge(terms.policy.of(name), candidate.metrics, incumbent.metrics if incumbent else None)
    )
    verdict = Verdict(before, checks, _note(candidate, incumbent))
    if not verdict.passed and not terms.force:
        raise _refusal(name, alias, verdict)
    return verdict


def _before(store: Store, name: str, alias: str, expect: Expected) -> int | None:
    if isinstance(expect, str):
        return store.aliases(name).get(alias)
    return expect.version if isinstance(expect, Target) else expect


def _note(candidate: Candidate, incumbent: Manifest | None) -> str:
    """Whether the two were measured on the same images, as far as that is known."""
    if incumbent is None or candidate.provenance is None or incumbent.provenance is None:
        return ""
    if candidate.provenance.data_fingerprint == incumbent.provenance.data_fingerprint:
        return ""
    return f"the candidate was measured on other images than version {incumbent.version}"


def _refusal(name: str, alias: str, verdict: Verdict) -> PromotionRefused:
    failed = failures(verdict.checks)
    told = "; ".join(
        f"{check.what} {check.candidate:.4f}, at least {check.least:.4f} is asked for" for check in failed[:_NAMED]
    )
    more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    beside = "" if verdict.before is None else f" in place of version {verdict.before}"
    note = f" ({verdict.note})" if verdict.note else ""
    return PromotionRefused(
        f"the candidate does not pass the gate of {name}@{alias}{beside}: {told}{more}{note}; overrule it by force and "
        "with a reason, or change [promotion] in whatsit.toml",
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
            f"{changes}; if its clients are ready for that, say so (new labels), else use another alias or model"
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
