"""``whatsit tune``."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from models.opening import open_version
from service.cli.options import JsonOption, PrecisionOption, StoreOption, open_store, print_json
from service.cores import usable_cores
from service.inference.fleet import default_ref
from service.inference.plan import Plan, keep_plan, key_of, tuned_file
from service.inference.tune import Trial, best_plan, lanes_to_try, rate, trials
from service.settings import Settings

_Model = Annotated[str | None, typer.Argument(metavar="REF", help="name, name@version or name@alias.")]
_Seconds = Annotated[float, typer.Option(min=0.01, help="How long each combination is measured.")]


def tune(
    model: _Model = None,
    store: StoreOption = None,
    precision: PrecisionOption = None,
    seconds: _Seconds = 0.5,
    as_json: JsonOption = False,
) -> None:
    """Measure how many threads, runs at a time and images at once are best for a version, and keep that for `serve`.

    Let the machine do nothing else meanwhile. On CUDA there is nothing to choose but the batch, which `serve` measures
    by itself.

    Example: whatsit tune cifar10
    """
    settings = Settings(device="cpu", precision=precision or Settings().precision)
    place = open_store(store)
    resolved = place.resolve(default_ref(place.names, model or settings.default_model))
    manifest = place.manifest(resolved.name, resolved.version)
    cores = usable_cores()
    measured: list[Trial] = []
    alone: dict[int, float] = {}
    for lanes in lanes_to_try(cores):
        threads = cores // lanes
        session = open_version(
            place, resolved.name, resolved.version, "cpu", threads, settings.precision, cores
        ).session
        measured.extend(trials(session, manifest.input, lanes, threads, seconds))
        if threads == 1:
            ways = {1: False, cores: True} if True in session.ways else {1: False}
            alone = {n: rate(session, manifest.input, 1, 1, seconds, alone=way) for n, way in ways.items()}
    plan = best_plan(session, measured, alone)
    keep_plan(tuned_file(), key_of(manifest, settings), plan)
    (_print_json if as_json else _print_tables)(measured, alone, plan)


def _print_json(measured: list[Trial], alone: dict[int, float], plan: Plan) -> None:
    print_json({"measured": [asdict(trial) for trial in measured], "alone": alone, "plan": plan.model_dump()})


def _print_tables(measured: list[Trial], alone: dict[int, float], plan: Plan) -> None:
    table = Table("runs at a time", "threads of each", "images at once", "images a second", "ms of a run")
    for trial in measured:
        ms = 1000 * trial.lanes * trial.size / trial.rate
        table.add_row(str(trial.lanes), str(trial.threads), str(trial.size), f"{trial.rate:,.0f}", f"{ms:.2f}")
    Console().print(table)
    for threads, rate_alone in alone.items():
        typer.echo(f"an image alone takes {1000 / rate_alone:.2f} ms with {_counted(threads, 'thread')}")
    short = "short runs, in the thread that answers requests,"
    runs = f"{_counted(plan.lanes, 'run')} at a time" if plan.lanes else short
    typer.echo(
        f"best: {runs} of {_counted(plan.threads, 'thread')} each and at most {_counted(plan.max_batch, 'image')}, an "
        f"image alone with {_counted(plan.threads_alone, 'thread')}; kept in {tuned_file()}"
    )


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
