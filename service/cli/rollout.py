"""``whatsit models``: change what aliases name, and look at what came of it."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.aliases import ANY, Expected, remove_alias, rollback
from models.audit import who
from models.errors import PromotionRefused
from models.opening import prove_version
from models.policy import Check, read_policy
from models.promotion import promote, start_canary, terms_of
from models.pruning import prune, removable
from models.refs import PRODUCTION, parse_ref
from service.cli.options import JsonOption, StoreOption, WhyOption, open_store, print_json

Ref = Annotated[str, typer.Argument(help="name, name@version or name@alias")]
_Name = Annotated[str, typer.Argument(help="The model.")]
_Alias = Annotated[str, typer.Argument(help="The alias, such as production.")]
_Expect = Annotated[int | None, typer.Option(help="Move only if the alias names this version now.")]
_NewLabels = Annotated[bool, typer.Option("--new-labels", help="Move even if the labels or their order change.")]
_Force = Annotated[bool, typer.Option("--force", help="Move even if the gate refuses; takes --why.")]


def register(app: typer.Typer) -> None:
    """Add the commands to those of ``whatsit models``."""
    app.command("promote")(promote_)
    app.command("canary")(canary)
    app.command("rollback")(rollback_)
    app.command("unalias")(unalias)
    app.command("history")(history)
    app.command("prune")(prune_)


def promote_(  # noqa: PLR0913, PLR0917 - one for each option
    ref: Ref,
    alias: _Alias,
    store: StoreOption = None,
    expect: _Expect = None,
    new_labels: _NewLabels = False,
    force: _Force = False,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Let an alias name a version, after proving that version and comparing it with the one that the alias names now.

    Refused where the version is worse than that one by more than [promotion] in whatsit.toml allows (by default one
    point of accuracy or macro F1, ten points of the recall of a class), with the table of what was compared. Refused
    also where its labels are not the same in the same order: clients would meet others than they know.

    A service that runs answers by it within a second or two, without a request failing.

    Example: whatsit models promote cifar10@4 production --expect 3 --why "better on dogs"
    """
    place = open_store(store)
    resolved = place.resolve(parse_ref(ref))
    terms = terms_of(read_policy(), new_labels=new_labels, force=force, why=why)
    prove_version(place, resolved.name, resolved.version)
    candidate = place.manifest(resolved.name, resolved.version)
    expected: Expected = ANY if expect is None else expect
    try:
        verdict = promote(place, candidate, alias, who=who(), why=why, expect=expected, terms=terms)
    except PromotionRefused as error:
        if not as_json:
            _show([check for check in error.checks if isinstance(check, Check)])
        raise
    if as_json:
        checks = [_facts(check) for check in verdict.checks]
        print_json(
            {
                "model": resolved.name,
                "alias": alias,
                "version": resolved.version,
                "before": verdict.before,
                "checks": checks,
            }
        )
        return
    typer.echo(f"{resolved.name}@{alias}: version {resolved.version} (was {verdict.before or 'no version'})")
    if verdict.note:
        typer.echo(f"note: {verdict.note}")


def canary(  # noqa: PLR0913, PLR0917 - one for each option
    ref: Ref,
    alias: _Alias,
    percent: Annotated[int, typer.Option(min=1, max=99, help="The share of the requests that it answers.")] = 5,
    store: StoreOption = None,
    expect: _Expect = None,
    new_labels: _NewLabels = False,
    force: _Force = False,
    why: WhyOption = "",
) -> None:
    """Let a version answer a share of the requests for an alias, beside the version that the alias names.

    Its labels have to be the same; from half of the requests on it goes through the gate of `promote`.

    A client meets the same one of the two every time: by the header X-Client-Id, else by its key. A service that runs
    ends the canary by itself when it fails or slows down; `rollback` ends it by hand, `promote` lets it have all.

    Example: whatsit models canary cifar10@4 production --percent 5
    """
    place = open_store(store)
    resolved = place.resolve(parse_ref(ref))
    prove_version(place, resolved.name, resolved.version)
    expected: Expected = ANY if expect is None else expect
    terms = terms_of(read_policy(), new_labels=new_labels, force=force, why=why)
    candidate = place.manifest(resolved.name, resolved.version)
    target = start_canary(place, candidate, alias, percent, who=who(), why=why, expect=expected, terms=terms)
    typer.echo(f"{resolved.name}@{alias}: {target}")


def rollback_(
    name: _Name,
    alias: Annotated[str, typer.Option(help="The alias that goes back.")] = PRODUCTION,
    store: StoreOption = None,
    expect: _Expect = None,
    why: WhyOption = "",
) -> None:
    """Put an alias, production by default, back to where it was before its last move; a canary just ends.

    Example: whatsit models rollback cifar10 --why "wrong on ships"
    """
    expected: Expected = ANY if expect is None else expect
    left, now = rollback(open_store(store), name, who=who(), why=why, alias=alias, expect=expected)
    typer.echo(f"{name}@{alias}: version {now} (was {left})")


def unalias(name: _Name, alias: _Alias, store: StoreOption = None, expect: _Expect = None, why: WhyOption = "") -> None:
    """Let an alias name nothing any more; the version that it named stays.

    Example: whatsit models unalias cifar10 shadow
    """
    expected: Expected = ANY if expect is None else expect
    before = remove_alias(open_store(store), name, alias, who=who(), why=why, expect=expected)
    typer.echo(f"{name}@{alias}: removed (was {before})")


def prune_(
    name: _Name,
    keep: Annotated[int, typer.Option(min=1, help="How many of the last versions stay in any case.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    store: StoreOption = None,
    why: WhyOption = "",
    as_json: JsonOption = False,
) -> None:
    """Remove old versions, but for the last ones, those that an alias names, and those that one would go back to.

    Example: whatsit models prune cifar10 --keep 3 --dry-run
    """
    place = open_store(store)
    gone = removable(place, name, keep) if dry_run else prune(place, name, keep, who=who(), why=why)
    if as_json:
        print_json({"model": name, "removed": [] if dry_run else gone, "removable": gone if dry_run else []})
        return
    told = ", ".join(map(str, gone)) or "none"
    typer.echo(f"{name}: {'would remove' if dry_run else 'removed'} {told}")


def history(name: _Name, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Show who changed what of a model, when and why.

    Example: whatsit models history cifar10
    """
    entries = open_store(store).history(name)
    if as_json:
        print_json([entry.model_dump(mode="json", exclude_none=True) for entry in entries])
        return
    table = Table("at", "action", "alias", "before", "after", "who", "why")
    for entry in entries:
        after = entry.after if entry.weights is None else ", ".join(f"{v}: {w}" for v, w in entry.weights.items())
        action = f"{entry.action} (forced)" if entry.forced else entry.action
        cells = (f"{entry.at:%Y-%m-%d %H:%M:%S}", action, entry.alias, entry.before, after, entry.who, entry.why)
        table.add_row(*("-" if cell is None else escape(str(cell)) for cell in cells))
    Console().print(table)


def _show(checks: Sequence[Check]) -> None:
    """The table of what was compared: all that failed, and what is said of all classes together."""
    table = Table("", "candidate", "now", "at least", "")
    for check in checks:
        if not check.passed or not check.what.startswith("recall of"):
            now = "-" if check.incumbent is None else f"{check.incumbent:.4f}"
            told = "passed" if check.passed else "[red]refused[/red]"
            table.add_row(check.what, f"{check.candidate:.4f}", now, f"{check.least:.4f}", told)
    if checks:
        Console().print(table)


def _facts(check: Check) -> dict[str, object]:
    return {
        "what": check.what,
        "candidate": check.candidate,
        "incumbent": check.incumbent,
        "least": check.least,
        "passed": check.passed,
    }
