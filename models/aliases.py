"""Moving an alias: compare-and-set, atomic, and written to the audit log before it happens."""

from typing import Literal

from models.audit import Entry, append, entries, locked, sync
from models.errors import Conflict
from models.layout import ALIASES, model_dir
from models.refs import PRODUCTION, check_alias
from models.store import Store, write_json

ANY: Literal["any"] = "any"


def move_alias(
    store: Store,
    name: str,
    alias: str,
    version: int,
    *,
    who: str,
    why: str,
    expect: int | Literal["any"] | None = ANY,
) -> int | None:
    """Let ``alias`` name ``version``; returns the version that it named before, None when it is new.

    ``expect`` is the version it must name now (None: it must not exist yet). Raises Conflict when it is not what
    stands, NotFound when there is no such version, InvalidRef when ``alias`` cannot be one.
    """
    check_alias(alias)
    store.versions(name)
    with locked(model_dir(store.root, name)):
        store.bundle(name, version)  # under the lock: it could be removed a moment before
        before = store.aliases(name).get(alias)
        if expect not in {ANY, before}:
            raise Conflict(f"{name}@{alias} names {_said(before)}, not {_said(expect)}: look again, then decide")
        _set(store, name, Entry(action="move", alias=alias, before=before, after=version, who=who, why=why))
    return before


def rollback(store: Store, name: str, *, who: str, why: str, alias: str = PRODUCTION) -> tuple[int, int]:
    """Put ``alias`` back to where it was before its last move; returns (version left, version now).

    A second rollback undoes the move before that one. Raises Conflict when there is nowhere to go back to,
    NotFound when the version it named was removed.
    """
    store.versions(name)
    folder = model_dir(store.root, name)
    with locked(folder):
        current = store.aliases(name).get(alias)
        past = _past(entries(folder), alias, current)
        if current is None or not past:
            raise Conflict(f"{name}@{alias} names {_said(current)} and has no earlier version to go back to")
        back = past[-1]
        store.bundle(name, back)
        _set(store, name, Entry(action="rollback", alias=alias, before=current, after=back, who=who, why=why))
    return current, back


def _past(log: list[Entry], alias: str, current: int | None) -> list[int]:
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


def _set(store: Store, name: str, entry: Entry) -> None:
    folder = model_dir(store.root, name)
    table = store.aliases(name) | {str(entry.alias): entry.after}
    append(folder, entry)
    fresh = folder / f".{ALIASES}"
    write_json(fresh, dict(sorted(table.items())))
    sync(fresh)
    fresh.replace(folder / ALIASES)
    sync(folder)


def _said(version: int | str | None) -> str:
    return "no version" if version is None else f"version {version}"
