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


class InitialWeights(Strict):
    """The ``weights`` that a recipe begins with; those that fit are frozen for the first ``frozen`` of ``epochs``."""

    weights: str
    frozen: int
    epochs: int


class Description(Strict):
    """A network; ``input`` is height, width and channels, ``multiply_adds`` are those for one image.

    ``trainable`` of the ``parameters`` learn, those that are frozen for a while among them; None for a graph, in which
    nothing does. ``bytes`` are those of the weights as float32, or of the graph's file. ``assumed_classes``: nobody
    knows how many there will be. ``initial`` is None where training begins with random weights, and for a graph.
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
    initial: InitialWeights | None = None


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
    size = f"{_short(description.multiply_adds)} multiply-adds an image, {description.bytes / 1e6:.1f} MB"
    return f"{parameters}, {size}" + ("" if description.initial is None else f"\n{_begins(description.initial)}")


def _begins(initial: InitialWeights) -> str:
    told = f"begins with the weights of {escape(initial.weights)}"
    if not initial.frozen:
        return told
    whole = initial.frozen >= initial.epochs
    until = f"all {initial.epochs} epochs" if whole else f"the first {initial.frozen} of {initial.epochs} epochs"
    return f"{told}; those that fit count as trainable here, and are frozen for {until}"


def _short(count: int) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return str(count)
