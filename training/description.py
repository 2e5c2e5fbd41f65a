"""What is said of a network: its layers with shapes, parameters and multiply-adds, as a model summary has them."""

from rich.markup import escape
from rich.table import Table

from models.manifest import Strict


class Row(Strict):
    """One layer, or one node of a graph; ``output`` is the shape that one image has after it.

    ``multiply_adds`` are those of convolutions and matrix products, which are nearly all there are.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int


class Description(Strict):
    """A network; ``input`` is height, width and channels, ``multiply_adds`` are those for one image.

    ``trainable`` of the ``parameters`` learn; None for a graph, in which nothing does. ``bytes`` are those of the
    weights as float32, or of the graph's file. ``assumed_classes``: nobody knows how many there will be.
    """

    subject: str
    input: tuple[int, int, int]
    classes: int
    assumed_classes: bool = False
    layers: tuple[Row, ...]
    parameters: int
    trainable: int | None
    multiply_adds: int
    bytes: int


def description_table(description: Description) -> Table:
    """One row a layer, totals below."""
    height, width, channels = description.input
    classes = f"{description.classes} classes" + (" (assumed: --classes tells)" if description.assumed_classes else "")
    table = Table(
        title=f"{escape(description.subject)}: {height} x {width} x {channels} to {classes}",
        caption=_totals(description),
    )
    for heading in ("layer", "kind"):
        table.add_column(heading, overflow="fold")
    for heading in ("output", "parameters", "multiply-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in description.layers:
        output = " x ".join(map(str, row.output))
        counts = (f"{count:,}" if count else "" for count in (row.parameters, row.multiply_adds))
        table.add_row(escape(row.name), row.kind, output, *counts)
    return table


def _totals(description: Description) -> str:
    parameters = f"{description.parameters:,} parameters"
    if description.trainable is not None:
        fixed = description.parameters - description.trainable
        parameters += f" ({description.trainable:,} trainable, {fixed:,} not)"
    return f"{parameters}, {_short(description.multiply_adds)} multiply-adds an image, {description.bytes / 1e6:.1f} MB"


def _short(count: int) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return str(count)
