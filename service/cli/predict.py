"""``whatsit predict``: classify files without a server."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.decode import Limits
from models.errors import ImageError
from models.opening import Opened, open_version
from models.postprocess import Answer, answer
from models.preprocess import load_pixels
from service.cli.options import JsonOption, PrecisionOption, StoreOption, open_store, print_json
from service.inference.fleet import default_ref
from service.settings import Settings

_Files = Annotated[list[Path], typer.Argument(help="Image files.", exists=True, dir_okay=False, readable=True)]
_Model = Annotated[str | None, typer.Option("--model", help="A ref: name, name@version or name@alias.")]
_TopK = Annotated[int, typer.Option("--top-k", min=1, help="How many classes to list with --json.")]


def predict(
    files: _Files,
    model: _Model = None,
    store: StoreOption = None,
    precision: PrecisionOption = None,
    top_k: _TopK = 5,
    as_json: JsonOption = False,
) -> None:
    """Classify image files without a server.

    Exit code 1 when the content of one cannot be used; the others are answered all the same.

    Example: whatsit predict cat.jpg dog.png --model cifar10@1
    """
    settings = Settings()
    place = open_store(store)
    resolved = place.resolve(default_ref(place, model or settings.default_model))
    opened = open_version(place, resolved.name, resolved.version, precision=precision or settings.precision)
    answers = [(file, _answer(opened, file, top_k, settings.limits)) for file in files]
    (_print_json if as_json else _print_table)(answers)
    if any(isinstance(given, ImageError) for _, given in answers):
        raise typer.Exit(1)


def _answer(opened: Opened, file: Path, top_k: int, limits: Limits) -> Answer | ImageError:
    try:
        pixels = load_pixels(file.read_bytes(), opened.manifest.input, limits)
    except ImageError as error:
        return error
    return answer(opened.session.run(pixels[None])[0], opened.manifest, top_k)


def _print_json(answers: list[tuple[Path, Answer | ImageError]]) -> None:
    print_json(
        [
            {"file": str(file), "error": str(given)}
            if isinstance(given, ImageError)
            else {"file": str(file), **asdict(given)}
            for file, given in answers
        ]
    )


def _print_table(answers: list[tuple[Path, Answer | ImageError]]) -> None:
    table = Table("file", "label", "score", "decision", "candidates")
    for file, given in answers:
        if isinstance(given, ImageError):
            table.add_row(escape(file.name), f"[red]{escape(str(given))}[/red]")
        else:
            candidates = "-" if given.candidates is None else ", ".join(given.candidates)
            cells = (file.name, given.label, f"{given.score:.1%}", given.decision, candidates)
            table.add_row(*map(escape, cells))
    Console().print(table)
