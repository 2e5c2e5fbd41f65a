"""``whatsit serve``."""

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from typing import Annotated, Any

import typer

from models.errors import StoreUnavailable
from models.opening import open_version
from models.refs import parse_ref
from models.store import Store
from service.cli.options import PrecisionOption, StoreOption
from service.inference.fleet import default_ref
from service.settings import Settings
from service.store import store_of

_Host = Annotated[str | None, typer.Option(help="The address to listen on.")]
_Port = Annotated[int | None, typer.Option(help="The port to listen on; 0 takes any free one.")]
_Model = Annotated[str | None, typer.Option("--model", help="The ref that /v1/predict uses.")]
_OTHER_VARIABLES = {"WHATSIT_CACHE"}  # where training keeps what it downloads
_Workers = Annotated[str | None, typer.Option(help="Processes that share the port: a number, or auto.")]
_Engine = Annotated[str | None, typer.Option(help="own: each worker runs graphs itself; shared: one process for all.")]
_Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]


def serve(  # noqa: PLR0913, PLR0917 - one for each option
    host: _Host = None,
    port: _Port = None,
    store: StoreOption = None,
    model: _Model = None,
    workers: _Workers = None,
    device: _Device = None,
    precision: PrecisionOption = None,
    engine: _Engine = None,
) -> None:
    """Serve the models of a store over HTTP until stopped.

    Every setting can also be given as WHATSIT_NAME in the environment or in whatsit.toml.

    Example: whatsit serve --port 9000 --store my-store --model pets
    """
    # Late, so that `whatsit --help` need not import a web server.
    from service.observability.logs import configure_logs
    from service.workers.apart import apart
    from service.workers.launch import serve as run

    _refuse_unknown_variables()
    given: dict[str, Any] = {"host": host, "port": port, "store": store, "default_model": model}
    given |= {"workers": workers, "device": device, "precision": precision, "engine": engine}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    # A package that is missing, a key that cannot be read and a typing mistake are said before anything runs. What is
    # imported here, the workers share.
    place = store_of(settings, serving=True)
    # To speak with a bucket takes a thread, which does not survive a fork.
    near: Callable[[Callable[[], object]], object] = (lambda work: work()) if place.is_near else apart
    if settings.default_model is not None:
        with nullcontext() if place.is_near else suppress(StoreUnavailable):  # which may be there later
            near(partial(place.resolve, parse_ref(settings.default_model)))
    if settings.device == "cuda" or settings.precision != "auto":
        prove = partial(_prove_as_asked, place, settings)
        near(prove) if settings.workers == 1 else apart(prove)
    configure_logs(settings.log_level)
    raise typer.Exit(run(settings))


def _refuse_unknown_variables() -> None:
    """A misspelt variable must not pass as a default, no more than a misspelt name in whatsit.toml does."""
    known = {f"WHATSIT_{name.upper()}" for name in Settings.model_fields} | _OTHER_VARIABLES
    unknown = sorted(name for name in os.environ if name.startswith("WHATSIT_") and name not in known)
    if unknown:
        raise typer.BadParameter(f"there is no setting {', '.join(unknown)}; docs/settings.md lists all")


def _prove_as_asked(place: Store, settings: Settings) -> None:
    """Raise before anything listens, where the device or the precision that was asked for is not to be had."""
    resolved = place.resolve(default_ref(place.names, settings.default_model))
    open_version(place, resolved.name, resolved.version, settings.device, settings.threads, settings.precision)
