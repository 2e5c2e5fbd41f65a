"""Writing the report: one HTML file that asks no other host for anything and runs nothing."""

import base64
import hashlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from models.manifest import Precision
from training.report import prose
from training.report.content import Content, read_content
from training.report.rows import class_rows, confusion_cells
from training.run import Run, write_text

# Of more classes a table is folded up to the weakest ones, and cut at last; a matrix becomes a heat map.
_UNFOLDED, _WEAKEST, _MOST_ROWS, _WIDEST_MATRIX = 30, 10, 300, 30
_FEW_PIXELS = 64
_SECTIONS = {
    "training": "Training",
    "classes": "Classes",
    "confidence": "Confidence",
    "mistakes": "Worst mistakes",
    "data": "Data",
    "graphs": "Graphs",
    "environment": "Environment",
}


def write_report(run: Run) -> Path:
    """Write ``report.html`` of a finished run, images and all, into its folder; raises RunUnusable."""
    write_text(run.report_file, render_report(run, run.info().recipe_name, illustrated=True))
    return run.report_file


def render_report(run: Run, title: str, precisions: Collection[Precision] = (), *, illustrated: bool) -> str:
    """The report of a finished run as HTML, or of a version with the graphs of these ``precisions`` alone.

    Raises RunUnusable when the run is not finished, VariantFailed for a graph that it has not.

    Where it is not ``illustrated``, no image of the data is in it, nor the name of a file: who publishes them needs the
    right to.
    """
    content = read_content(run, title, precisions, illustrated=illustrated)
    style = (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    template = _environment().get_template("report.html.j2")
    return template.render(facts=content, policy=_policy(style), style=Markup(style), **_view(content))  # noqa: S704


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("training.report"),
        autoescape=True,  # labels and file names are what strangers call their folders
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "count": "{:,}".format, "threshold": _threshold}
    return environment


def _view(content: Content) -> dict[str, object]:
    """What the templates show besides the plain facts."""
    classes = len(content.labels)
    return {
        "sections": _sections(content),
        "plots": _plots(content, with_matrix=classes > _WIDEST_MATRIX),
        "cells": confusion_cells(content.metrics) if classes <= _WIDEST_MATRIX else None,
        "classes": class_rows(content.metrics, content.calibration.decision, content.acceptance.labels)[:_MOST_ROWS],
        "training": prose.training_facts(content),
        "turning": prose.turning(content),
        "calibrating": prose.calibrating(content),
        "deciding": prose.deciding(content),
        "covering": prose.covering(content),
        "data": prose.data_facts(content),
        "few_pixels": max(content.recipe.input.width, content.recipe.input.height) <= _FEW_PIXELS,
        "unfolded": _UNFOLDED,
        "weakest": _WEAKEST,
        "most": _MOST_ROWS,
    }


def _sections(content: Content) -> list[tuple[str, str]]:
    """The places of the page and their names, without those that have nothing to say."""
    missing = set()
    if not content.evidence.mistakes:
        missing.add("mistakes")
    if list(content.graphs) == ["fp32"] and not content.refused:
        missing.add("graphs")
    return [(place, name) for place, name in _SECTIONS.items() if place not in missing]


def _plots(content: Content, *, with_matrix: bool) -> dict[str, Markup]:
    from training.report import figures  # matplotlib takes half a second, and only reports need it

    history, best, turn = content.history, content.best, content.turn
    plots = {
        "loss": figures.learning_curve(history, "loss", best, turn),
        "accuracy": figures.learning_curve(history, "accuracy", best, turn),
        "before": figures.reliability_diagram(content.before, "before"),
        "after": figures.reliability_diagram(content.after, "after"),
        "coverage": figures.coverage_curve(content.acceptance),
    }
    if with_matrix:
        plots["confusion"] = figures.heat_map(np.array(content.metrics.confusion_matrix))
    return plots


def _policy(style: str) -> str:
    """What the page may do, for the browser to enforce wherever the file is opened: show itself."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"


def _percent(share: float, digits: int = 2) -> str:
    return f"{share:.{digits}%}"


def _threshold(value: float) -> str:
    return f"{value:.3f}" if value <= 1 else "all for review"
