"""``whatsit predict``: classify files without a server."""

import mimetypes
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from models.decode import Limits
from models.errors import ImageError
from models.opening import Opened, open_version
from models.postprocess import Answer, answer
from models.preprocess import load_pixels
from service.cli.options import JsonOption, PrecisionOption, StoreOption, open_store, print_json
from service.inference.fleet import default_ref
from service.settings import Settings

_Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Image files, or folders of them.")]
_Model = Annotated[str | None, typer.Option("--model", help="A ref: name, name@version or name@alias.")]
_TopK = Annotated[int, typer.Option("--top-k", min=1, help="How many classes to list with --json.")]
# A row of a table that goes into a file or to another program is one line, however long.
_ONE_LINE = 10_000

Answered = list[tuple[Path, Answer | str]]  # the reason, where there is no answer


def predict(
    paths: _Paths,
    model: _Model = None,
    store: StoreOption = None,
    precision: PrecisionOption = None,
    top_k: _TopK = 5,
    as_json: JsonOption = False,
) -> None:
    """Classify image files without a server; of a folder all images in it and below it, in order.

    In folders, what is hidden or named like no image is left out.

    Exit code 1 when a file is missing or cannot be used; the others are answered all the same.

    Example: whatsit predict cat.jpg holidays/ --model cifar10@1
    """
    settings = Settings()
    place = open_store(store)
    resolved = place.resolve(default_ref(place.names, model or settings.default_model))
    opened = open_version(place, resolved.name, resolved.version, precision=precision or settings.precision)
    files = [file for path in paths for file in _files(path)]
    answers = [(file, _answer(opened, file, top_k, settings.limits)) for file in _watched(files)]
    (_print_json if as_json else _print_table)(answers)
    if any(isinstance(given, str) for _, given in answers):
        raise typer.Exit(1)


def _files(path: Path) -> list[Path]:
    """``path`` itself; of a folder the images below it, sorted, through links too, and what cannot be looked into."""
    if not path.is_dir():
        return [path]
    found, known = list[Path](), set[str]()

    def tell(error: OSError) -> None:
        found.append(Path(error.filename))

    for base, folders, names in os.walk(path, onerror=tell, followlinks=True):
        real = os.path.realpath(base)
        if real in known:  # a link to a folder above it
            folders.clear()
            continue
        known.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(base, name) for name in names if _is_image(name)]
    return sorted(found) or [path]


def _is_image(name: str) -> bool:
    """By its name, of any kind of image: one that cannot be used is to be told, not left out."""
    kind, _ = mimetypes.guess_type(name, strict=False)
    return not name.startswith(".") and kind is not None and kind.startswith("image/")


def _watched(files: list[Path]) -> Iterable[Path]:
    """The same, with a progress bar for people."""
    aside = Console(stderr=True)
    return track(files, "classifying", console=aside, transient=True, disable=not sys.stderr.isatty())


def _answer(opened: Opened, file: Path, top_k: int, limits: Limits) -> Answer | str:
    try:
        pixels = load_pixels(file.read_bytes(), opened.manifest.input, limits)
    except ImageError as error:
        return str(error)
    except IsADirectoryError:
        return "a folder without images, or that cannot be looked into"
    except OSError as error:
        return f"{error.strerror or error}".lower()
    return answer(opened.session.run(pixels[None])[0], opened.manifest, top_k)


def _print_json(answers: Answered) -> None:
    print_json(
        [
            {"file": str(file), "error": given} if isinstance(given, str) else {"file": str(file), **asdict(given)}
            for file, given in answers
        ]
    )


def _print_table(answers: Answered) -> None:
    table = Table("file", "label", "score", "decision", "candidates")
    for file, given in answers:
        name = os.fsencode(file).decode(errors="replace")  # which need not be text
        if isinstance(given, str):
            table.add_row(escape(name), f"[red]{escape(given)}[/red]")
        else:
            candidates = "-" if given.candidates is None else ", ".join(given.candidates)
            cells = (name, given.label, f"{given.score:.1%}", given.decision, candidates)
            table.add_row(*map(escape, cells))
    Console(width=None if sys.stdout.isatty() else _ONE_LINE).print(table)
