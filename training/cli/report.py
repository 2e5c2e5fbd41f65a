"""``whatsit report``."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli.options import Json, print_json, require_torch


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a finished run.")],
    as_json: Json = False,
) -> None:
    """Write report.html of a finished run anew, from its folder alone.

    Example: whatsit report runs/cifar10
    """
    require_torch()
    from training.nearby import check_run
    from training.report.write import write_report
    from training.run import Run

    found = Run(run)
    check_run(found)
    path = write_report(found)
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
        return
    typer.echo(f"{path}: {path.stat().st_size / 1000:,.0f} kB")
