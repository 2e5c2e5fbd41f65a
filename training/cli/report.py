"""``whatsit report``."""

from pathlib import Path
from typing import Annotated

import typer

from training.cli.options import Data, Json, print_json, require_torch


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a finished run.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Write report.html of a finished run anew, from its folder alone.

    Only a run of an older Whatsit, which kept less, needs its data once more.

    Example: whatsit report runs/cifar10
    """
    require_torch()
    from training.report.again import keep_again
    from training.report.evidence import has_evidence
    from training.report.write import write_report
    from training.run import Run

    chosen = Run(run)
    if not has_evidence(chosen):
        keep_again(chosen, data)
    path = write_report(chosen)
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
        return
    typer.echo(f"{path}: {path.stat().st_size / 1000:,.0f} kB")
