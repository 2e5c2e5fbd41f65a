"""Moving an alias: compare-and-set, atomic, and written to the audit log before it happens."""

import os
from typing import Literal

from models.audit import Entry, append, entries, locked
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
    store.bundle(name, version)
    with locked(model_dir(store.root, name)):
        before = store.aliases(name).get(alias)
        if expect not in {ANY, before}:
            raise Conflict(f"{name}@{alias} names {_said(before)}, not {_said(expect)}: look again, then decide")
        _set(store, name, Entry(action="move", alias=alias, before=before, after=version, who=who, why=why))
    return before


def rollback(store: Store, name: str, *, who: str, why: str, alias: str = PRODUCTION) -> tuple[int, int]:
    """Put ``alias`` back to where it was before its last move forward; returns (version left, version now).

    Raises Conflict when there is nowhere to go back to.
    """
    store.versions(name)
    folder = model_dir(store.root, name)
    with locked(folder):
        current = store.aliases(name).get(alias)
        arrivals = [e for e in entries(folder) if e.action == "move" and e.alias == alias and e.after == current]
        arrivals = [e for e in arrivals if e.before != current]
        if current is None or not arrivals or arrivals[-1].before is None:
            raise Conflict(f"{name}@{alias} names {_said(current)} and has no earlier version to go back to")
        back = arrivals[-1].before
        store.bundle(name, back)
        _set(store, name, Entry(action="rollback", alias=alias, before=current, after=back, who=who, why=why))
    return current, back


def _set(store: Store, name: str, entry: Entry) -> None:
    folder = model_dir(store.root, name)
    table = store.aliases(name) | {str(entry.alias): entry.after}
    append(folder, entry)
    fresh = folder / f".{ALIASES}"
    write_json(fresh, dict(sorted(table.items())))
    with fresh.open() as file:
        os.fsync(file.fileno())
    fresh.replace(folder / ALIASES)


def _said(version: int | str | None) -> str:
    return "no version" if version is None else f"version {version}"
