"""``whatsit``: the commands of the service, and those that other installed rooms add."""

import sys
from importlib.metadata import entry_points, version
from tomllib import TOMLDecodeError
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from models.errors import WhatsitError
from models.problems import describe_problems
from service.cli import importing, keys, models, predict, serve, signing, tune
from service.settings import Settings

app = typer.Typer(
    name="whatsit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("predict")(predict.predict)
app.command("tune")(tune.tune)
models.app.command("import", help=importing.HELP)(importing.import_)
models.app.command("sign")(signing.sign)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
for command in entry_points(group="whatsit.commands"):
    command.load()(app)


def _tell_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"whatsit {version('whatsit')}")
        raise typer.Exit


_Version = Annotated[
    bool, typer.Option("--version", help="Print the version of Whatsit.", is_eager=True, callback=_tell_version)
]


@app.callback()
def whatsit(told: _Version = False) -> None:
    """From a folder of labelled pictures to an HTTP service that says what is in a new one."""


def main() -> None:
    """Run a command: exit code 0 when done, 1 when it failed with a one-line reason, 2 for wrong usage."""
    try:
        app()
    except WhatsitError as error:
        _fail(str(error), 1)
    except ValidationError as error:
        _fail(f"setting {describe_problems(error, Settings.model_fields, 'all')}", 2)
    except (TOMLDecodeError, UnicodeDecodeError) as error:
        _fail(f"whatsit.toml is not TOML: {error}", 2)
    except OSError as error:
        _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), 1)


def _fail(reason: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]error:[/red] {escape(' '.join(reason.split()))}")
    sys.exit(code)


if __name__ == "__main__":
    main()
