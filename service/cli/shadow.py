"""``whatsit models shadow``: what a challenger says of the live images of a service that runs."""

import json
import os
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.refs import check_name
from service.cli.options import JsonOption, print_json

_TIMEOUT_S = 10.0
_ROWS = 20


def shadow(
    name: Annotated[str, typer.Argument(help="The model.")],
    url: Annotated[str, typer.Option(help="Where the service is.", envvar="WHATSIT_URL")] = "http://127.0.0.1:8000",
    as_json: JsonOption = False,
) -> None:
    """Show how the version that the alias shadow names answers live images, beside those that answered them.

    Let the alias name a challenger first: `whatsit models promote cifar10@4 shadow`. A share of the images
    (shadow_share) then goes to it as well, when nobody waits. The service counts since it was started. A key is taken
    from WHATSIT_KEY.

    Example: whatsit models shadow cifar10
    """
    reports = _ask(f"{url.rstrip('/')}/v1/models/{check_name(name)}/shadow")
    if as_json:
        print_json(reports)
        return
    if not reports:
        typer.echo(f"nobody has challenged {name} since the service was started")
    for report in reports:
        _show(name, report)


def _show(name: str, report: dict[str, Any]) -> None:
    compared = report["agreed"] + report["disagreed"]
    share = f"{report['agreed'] / compared:.2%}" if compared else "-"
    typer.echo(
        f"{name}@{report['challenger']} beside {name}@{report['version']}: {compared} images, {share} answered alike; "
        f"{report['skipped']} skipped, {report['failed']} failed"
    )
    table = Table("label", "challenger's label", "images")
    for row in report["disagreements"][:_ROWS]:
        table.add_row(escape(row["label"]), escape(row["challenger_label"]), str(row["images"]))
    Console().print(table)
    for change, images in report["decisions"].items():
        typer.echo(f"{change}: {images}")
    if report["examples"]:
        typer.echo(f"{len(report['examples'])} images are kept: /v1/models/{name}/shadow/examples/ID")


def _ask(url: str) -> Any:
    if not url.startswith(("http://", "https://")):
        raise OSError(0, f"{url} is no address of a service: it begins with http:// or https://")
    key = os.environ.get("WHATSIT_KEY")
    request = Request(url, headers={"authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - seen to above
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)
    except HTTPError as error:
        told = json.loads(error.read() or b"{}")
        raise OSError(0, f"the service answered {error.code}: {told.get('detail', error.reason)}") from error
    except (URLError, OSError) as error:
        raise OSError(0, f"no service answers at {url}: {error}; say where with --url") from error
