"""Moving an alias: compare-and-set, in one step, and noted in the audit log."""

from collections.abc import Sequence
from typing import Literal

from models.audit import Entry
from models.errors import Conflict, NotFound
from models.refs import PRODUCTION, check_alias
from models.store import Store
from models.targets import Listing, Target

ANY: Literal["any"] = "any"
# What an alias must name for a change to happen: a version (with or without a canary), exactly a target, nothing yet
# (None), or anything.
Expected = int | Target | Literal["any"] | None


def move_alias(  # noqa: PLR0913 - who, why and how are part of every change
    store: Store,
    name: str,
    alias: str,
    version: int,
    *,
    who: str,
    why: str,
    expect: Expected = ANY,
    forced: bool = False,
) -> int | None:
    """Let ``alias`` name ``version``; returns the version that it named before, None when it is new.

    A canary that it had ends. ``forced`` notes that the gate was overruled. Raises Conflict when what it names is not
    what is expected, NotFound when there is no such version, InvalidRef when ``alias`` cannot be one.
    """
    check_alias(alias)

    def decide(listing: Listing, _: Sequence[Entry]) -> Entry:
        listing.existing(version)  # here: it could be removed a moment before
        before = listing.targets.get(alias)
        _check(name, alias, before, expect)
        was = None if before is None else before.version
        return Entry(action="move", alias=alias, before=was, after=version, who=who, why=why, forced=forced or None)

    store.listing(name)
    return store.place.change(name, decide).before


def set_canary(  # noqa: PLR0913
    store: Store,
    name: str,
    alias: str,
    canary: int,
    shares: tuple[int, int],
    *,
    who: str,
    why: str,
    expect: Expected = ANY,
) -> Target:
    """Let the version ``canary`` answer some requests for ``alias``; returns what it names then.

    ``shares`` are those of the version that it names now and of the canary, of whatever sum.

    Raises Conflict when the alias is not there, names that version already, or is not what is expected.
    """

    def decide(listing: Listing, _: Sequence[Entry]) -> Entry:
        listing.existing(canary)
        before = listing.targets.get(alias)
        _check(name, alias, before, expect)
        if before is None or before.version == canary:
            raise Conflict(f"{name}@{alias} names {_said(before)}: a canary goes beside another version")
        weights = dict(zip((before.version, canary), shares, strict=True))
        return Entry(
            action="canary", alias=alias, before=before.version, after=before.version, weights=weights, who=who, why=why
        )

    store.listing(name)
    target = store.place.change(name, decide).target
    assert target is not None  # noqa: S101 - the entry has weights
    return target


def end_canary(store: Store, name: str, alias: str, *, who: str, why: str, expect: Expected = ANY) -> tuple[int, int]:
    """Let an alias name its incumbent alone; returns (the canary that ended, the incumbent).

    Raises Conflict when it has no canary, or is not what is expected.
    """
    canary = 0

    def decide(listing: Listing, _: Sequence[Entry]) -> Entry:
        nonlocal canary
        stands = listing.targets.get(alias)
        _check(name, alias, stands, expect)
        if stands is None or stands.canary is None:
            raise Conflict(f"{name}@{alias} names {_said(stands)}, and has no canary")
        canary, incumbent = stands.canary, stands.version
        return Entry(action="end", alias=alias, before=incumbent, after=incumbent, who=who, why=why)

    store.listing(name)
    entry = store.place.change(name, decide)
    assert entry.after is not None  # noqa: S101 - as decided
    return canary, entry.after


def versions_before(store: Store, name: str, alias: str) -> list[int]:
    """The versions that rollbacks of ``alias`` would lead back to, the nearest first."""
    current = store.aliases(name).get(alias)
    return _past(store.history(name), alias, current)[::-1]


def remove_alias(store: Store, name: str, alias: str, *, who: str, why: str, expect: Expected = ANY) -> int:
    """Let ``alias`` name nothing any more; returns the version that it named.

    Raises Conflict where there is no such alias, or it names something else than is expected.
    """

    def decide(listing: Listing, _: Sequence[Entry]) -> Entry:
        stands = listing.targets.get(alias)
        _check(name, alias, stands, expect)
        if stands is None:
            raise Conflict(f"{name} has no alias {alias!r}")
        return Entry(action="unalias", alias=alias, before=stands.version, who=who, why=why)

    store.listing(name)
    before = store.place.change(name, decide).before
    assert before is not None  # noqa: S101 - as decided
    return before


def rollback(
    store: Store, name: str, *, who: str, why: str, alias: str = PRODUCTION, expect: Expected = ANY
) -> tuple[int, int]:
    """Put ``alias`` back to where it was before its last move; returns (version left, version now).

    Where it has a canary, that ends and the incumbent stays; to be sure which of the two it does, say what you
    ``expect``: a version is one without a canary. A second rollback undoes the move before that one. Raises Conflict
    when there is nowhere to go back to, NotFound when the version it named was removed.
    """
    left = 0

    def decide(listing: Listing, log: Sequence[Entry]) -> Entry:
        nonlocal left
        current = listing.targets.get(alias)
        _check(name, alias, current, Target(expect) if isinstance(expect, int) else expect)
        action: Literal["end", "rollback"] = "rollback"
        if current is not None and current.canary is not None:
            left, back, action = current.canary, current.version, "end"
        else:
            back = _back(name, alias, current, log)
            left = current.version if current else 0
        try:
            listing.existing(back)
        except NotFound as error:
            raise type(error)(f"{name}@{alias} named version {back} before, which was removed: {error}") from error
        before = None if current is None else current.version
        return Entry(action=action, alias=alias, before=before, after=back, who=who, why=why)

    store.listing(name)
    entry = store.place.change(name, decide)
    assert entry.after is not None  # noqa: S101 - as decided
    return left, entry.after


def _back(name: str, alias: str, current: Target | None, log: Sequence[Entry]) -> int:
    past = _past(log, alias, None if current is None else current.version)
    if current is None or not past:
        raise Conflict(f"{name}@{alias} names {_said(current)} and has no earlier version to go back to")
    return past[-1]


def _past(log: Sequence[Entry], alias: str, current: int | None) -> list[int]:
    """The versions that ``alias`` left by moves not rolled back since, the last one last."""
    stack: list[int] = []
    before_last = stack
    for entry in log:
        if entry.alias != alias or entry.before == entry.after or entry.after is None:
            continue
        if entry.before != _top(stack):  # the last line is of a move that did not happen: its writer died
            stack = before_last
        if entry.before != _top(stack):  # or the log does not go back so far
            stack = [] if entry.before is None else [entry.before]
        before_last = stack
        stack = stack[:-1] if entry.action == "rollback" else [*stack, entry.after]
    ended = next((one for one in (stack, before_last) if current == _top(one)), [])
    return ended[:-1]


def _top(stack: list[int]) -> int | None:
    return stack[-1] if stack else None


def _check(name: str, alias: str, stands: Target | None, expect: Expected) -> None:
    same = stands == expect if isinstance(expect, Target) else expect in {ANY, stands and stands.version}
    if not same:
        raise Conflict(f"{name}@{alias} names {_said(stands)}, not {_said(expect)}: look again, then decide")


def _said(target: Target | int | str | None) -> str:
    if target is None:
        return "no version"
    return f"version {target}" if isinstance(target, int) else str(target)
