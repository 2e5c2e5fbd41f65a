"""Matplotlib's figures as SVG that belongs to the page: its colours, its fonts, no styles of their own.

Colours become CSS variables, so that a plot follows the reader's choice of light or dark. Styles become attributes, as
the page's policy allows no style but its own. Nothing of pyplot is used: it keeps every figure in a global state.
"""

import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# What matplotlib draws with each colour gets the CSS variable of that name.
INK, QUIET, GRID, TRAIN, VALIDATION, RIGHT, WRONG = (f"#0000{number:02x}" for number in range(1, 8))
_VARIABLES = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    GRID: "var(--grid)",
    TRAIN: "var(--train)",
    VALIDATION: "var(--validation)",
    RIGHT: "var(--right)",
    WRONG: "var(--wrong)",
}
_STYLE = {
    "font.size": 11,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 2,
    "svg.fonttype": "none",
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
# In points, so that a screen of 360 pixels shows the plot at its own size; the margin above is the legend's.
_WIDTH, _HEIGHT = 320, 240
_LEFT, _RIGHT, _BELOW, _ABOVE = 58, 18, 38, 36


def plot(name: str, told: str, draw: Callable[[Axes], None], height: int = _HEIGHT) -> Markup:
    """The SVG of one pair of axes, filled by ``draw``.

    ``name`` is unlike that of every other plot of the page, ``told`` is what the plot shows, for those who do not see
    it. The same call gives the same bytes on every day.
    """
    buffer = io.BytesIO()
    with style.context(["default", _STYLE | {"svg.hashsalt": name}]):
        figure = Figure(figsize=(_WIDTH / 72, height / 72))
        axes = figure.add_axes(_place(height, _ABOVE))
        draw(axes)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="upper left", ncols=3, columnspacing=1, handlelength=1.6, borderaxespad=0)
        else:
            axes.set_position(_place(height, _RIGHT))
        figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
    return _inline(buffer.getvalue(), told)


def _place(height: int, above: int) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of the axes, as shares of the figure."""
    return _LEFT / _WIDTH, _BELOW / height, 1 - (_LEFT + _RIGHT) / _WIDTH, 1 - (_BELOW + above) / height


def _inline(svg: bytes, told: str) -> Markup:
    root = ET.fromstring(svg)  # noqa: S314 - what matplotlib has just written
    for parent in root.iter():
        for child in [child for child in parent if _name(child) in {"style", "metadata"}]:
            parent.remove(child)
    for element in root.iter():
        element.attrib = _attributes(element)
        element.tag = _name(element)
    for size in ("width", "height", "version"):
        del root.attrib[size]
    root.attrib |= {"class": "plot", "role": "img", "aria-label": told}
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree has escaped it


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]  # in HTML, SVG needs no namespace


def _attributes(element: ET.Element) -> dict[str, str]:
    """Those of the element, its style taken apart; the ids of groups would not differ from plot to plot."""
    attributes: dict[str, Any] = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    if _name(element) == "g":
        attributes.pop("id", None)
    for declaration in attributes.pop("style", "").split(";"):
        name, _, value = declaration.partition(":")
        if name.strip() and name.strip() != "font-family":
            attributes[name.strip()] = value.strip()
    return {name: _VARIABLES.get(value, value) for name, value in attributes.items()}
