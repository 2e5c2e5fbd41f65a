import base64
import hashlib
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from models.manifest import Measured
from tests.training.report.page import Page
from tests.training.report.support import START, data_check, history, made_up_run, noise
from training.data.check.facts import Finding, Overlap, Span
from training.errors import RunUnusable
from training.report.evidence import keep
from training.report.write import render_report, write_report
from training.run import Run, write_model
from training.scores import score, softmax
from training.variants.facts import VariantFacts, Variants

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "$\\frac{1}{2}$ 'quoted' & more",
    "\u202egnp.exe",
)
SECTIONS = ["Training", "Classes", "Confidence", "Worst mistakes", "Data", "Environment"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return made_up_run(tmp_path_factory.mktemp("made-up"), ("cat", "dog", "bird"), "data.licence=CC0")


@pytest.fixture(scope="module")
def html(run: Run) -> str:
    return render_report(run, "animals", illustrated=True)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_says_what_was_measured(run: Run, page: Page) -> None:
    metrics, text = run.metrics(), page.text()
    assert page.all("h1")[0].text == "animals"
    assert [element.text for element in page.all("h2")][1:] == SECTIONS
    assert f"Right on {metrics.correct} of 60 test images" in text
    assert metrics.accuracy_interval is not None
    assert f"lies between {metrics.accuracy_interval[0]:.2%} and {metrics.accuracy_interval[1]:.2%}" in text
    for fact in ("Stripes and discs", "made-up", "c0ffee", "paper", "CC0", "broken.png", "60 for validation"):
        assert fact in text
    assert "In this run nothing was chosen on the test split but whether a graph of lower precision" in text
    for entry in metrics.per_class:
        assert f"{entry.precision:.1%}" in text
        assert f"{entry.f1:.3f}" in text


def test_it_lists_the_starts_where_there_were_several(tmp_path: Path, page: Page) -> None:
    run = made_up_run(tmp_path, ("a", "b"))
    assert "first start" not in page.text()
    again = START.model_copy(
        update={"packages": {"torch": "3"}, "hardware": "a better one", "processes": 4, "threads": 2, "epochs": 2}
    )
    run.note(run.info().model_copy(update={"starts": (START, again)}))
    cells = [element.text for element in Page(render_report(run, "x", illustrated=True)).all("th", "td")]
    assert cells[-7:] == ["2", "2026-11-01 00:00 UTC", "a better one, 32-true", "4", "2", "c0ffee", "torch 3"]


def test_it_has_the_plots_and_the_images(run: Run, page: Page) -> None:
    assert len(page.all("svg")) == 5
    told = " ".join(str(element.attributes["aria-label"]) for element in page.all("svg"))
    for what in ("Learning curve: loss", "Learning curve: accuracy", "before calibration", "Accuracy against coverage"):
        assert what in told
    mistakes = run.metrics().images - run.metrics().correct
    assert len(page.all("img")) >= min(24, mistakes)


def test_it_marks_where_validation_turned(tmp_path: Path, page: Page) -> None:
    assert "Validation turned at epoch 2: " in page.text()
    assert "crossover, 2" in page.all("svg")[0].text
    assert "best epoch, 2" in page.all("svg")[0].text
    learning = made_up_run(tmp_path, ("a", "b"), epochs=history((1.0, 1.0), (0.5, 0.5)))
    still = Page(render_report(learning, "x", illustrated=True))
    assert "Validation did not turn: its loss was least in the last epoch, 2" in still.text()
    assert "crossover, " not in still.all("svg")[0].text


def test_it_asks_no_other_host_for_anything_and_runs_nothing(html: str, page: Page) -> None:
    bare = re.sub(r"data:image/[a-z]+;base64,[\w+/=]+", "", html)
    assert re.findall(r"https?:|//|url\((?!#)|@import|data:", bare) == ["data:", "data:"]  # the policy, no favicon
    assert page.all("script", "iframe", "object", "embed", "base", "form", "foreignobject") == []
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href"):
            assert str(element.attributes.get(name, "#")).startswith(("#", "data:"))


def test_its_own_policy_lets_its_style_through_and_no_other(html: str) -> None:
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"content=\"default-src 'none'; img-src data:; style-src 'sha256-{digest}'\"" in html.replace("&#39;", "'")
    assert html.count("<style") == 1


def test_labels_and_file_names_never_become_markup(tmp_path: Path) -> None:
    changes = ("description=<b>bold</b>", "data.licence=<i>CC0</i>")
    run = made_up_run(tmp_path, HOSTILE, *changes, key='{}"><script>alert(2)</script>.png')
    html = render_report(run, HOSTILE[0], illustrated=True)
    page = Page(html)
    assert page.all("script", "i") == []
    assert not [element for element in page.elements if "onerror" in element.attributes]
    assert all(element.text in {"", *HOSTILE} for element in page.all("bdi"))
    assert {element.text for element in page.all("bdi")} == set(HOSTILE)
    assert any("<script>alert(2)" in str(image.attributes["alt"]) for image in page.all("img"))
    assert page.all("h1")[0].text == HOSTILE[0]
    assert "<b>bold</b>" in page.text()


def test_people_who_do_not_see_it_can_read_it(page: Page) -> None:
    levels = [int(element.name[1]) for element in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html")[0].attributes["lang"] == "en"
    assert all(image.attributes["alt"] for image in page.all("img"))
    assert all(
        (plot.attributes["role"], bool(plot.attributes["aria-label"])) == ("img", True) for plot in page.all("svg")
    )
    assert all(header.attributes["scope"] in {"col", "row"} for header in page.all("th"))
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    links = {str(element.attributes["href"])[1:] for element in page.all("a")}
    assert links < set(ids)
    regions = [element for element in page.elements if {"aria-labelledby", "role"} & element.attributes.keys()]
    names = [element.attributes.get("aria-label") or element.attributes["aria-labelledby"] for element in regions]
    assert len({str(name).lower() for name in names}) == len(names)
    for element in page.elements:
        assert {element.attributes.get("aria-labelledby"), element.attributes.get("aria-describedby")} <= {None, *ids}


def test_graphs_of_lower_precision_stand_beside_float32(tmp_path: Path, page: Page) -> None:
    assert "Graphs" not in page.text()
    run = made_up_run(tmp_path, ("a", "b"), each=2)
    measured = Measured(
        accuracy=0.75, expected_calibration_error=0.1, bytes=2_500_000, speed_up=3.2, hardware="<abacus>"
    )
    facts = VariantFacts(measured=measured, metrics=run.metrics(), calibration=run.calibration())
    write_model(run.variants_file, Variants(graphs={"int8": facts}, refused={"fp16": "it is 3.00 points worse"}))
    text = Page(render_report(run, "x", illustrated=True)).text()
    assert "int82.5 MB75.00%" in text
    assert "3.20 times <abacus>" in text
    assert "fp16 is not published: it is 3.00 points worse." in text


def test_of_a_version_without_float32_all_figures_are_of_what_it_has(tmp_path: Path) -> None:
    run, targets = made_up_run(tmp_path, ("a", "b")), np.repeat([0, 1], 20)
    probabilities = softmax(np.random.default_rng(1).normal(0, 1, (40, 2)))
    metrics = score(probabilities, targets, ("a", "b"), "test")
    assert metrics.accuracy < run.metrics().accuracy
    measured = Measured(accuracy=metrics.accuracy, expected_calibration_error=0.1, bytes=1, speed_up=3, hardware="x")
    facts = VariantFacts(measured=measured, metrics=metrics, calibration=run.calibration())
    write_model(run.variants_file, Variants(graphs={"int8": facts}))
    with pytest.raises(RunUnusable, match=r"no test\.int8\.npz"):
        render_report(run, "x", ["int8"], illustrated=True)
    keep(run, noise(("a", "b"), targets), probabilities, "int8")
    text = Page(render_report(run, "x", ["int8"], illustrated=True)).text()
    assert f"Right on {metrics.correct} of 40" in text
    assert f"is not part of this version; it is right in {run.metrics().accuracy:.2%}" in text


def test_what_was_found_in_the_data_is_told(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, ("a", "b"), each=1)
    example = "b/<7>.png"
    finding = Finding(
        kind="near-copies", severity="warning", images=2, text="2 are nearly <alike>", examples=(example,)
    )
    check = data_check(
        widths=Span(least=5, median=7, largest=9),
        formats={"PNG": 4, "JPEG": 2},
        overlaps=(Overlap(split="test", other="train", exact=0, near=17),),
        findings=(finding,),
    )
    write_model(run.check_file, check)
    run.sheet_file.write_bytes(b"a sheet")
    page = Page(render_report(run, "x", illustrated=True))
    for told in ("Warning: 2 are nearly <alike>", example, "testtrain017", "4 PNG, 2 JPEG", "5 to 9 pixels"):
        assert told in page.text()
    assert [image.attributes["src"] for image in page.all("img")] == ["data:image/jpeg;base64,YSBzaGVldA=="]
    plain = Page(render_report(run, "x", illustrated=False))
    assert plain.all("img") == []
    assert example not in plain.text()
    assert "2 are nearly <alike>" in plain.text()
    write_model(run.check_file, data_check())
    assert "found nothing that needs attention" in Page(render_report(run, "x", illustrated=True)).text()


def test_without_the_right_to_publish_them_there_are_no_images_and_no_names_of_files(run: Run) -> None:
    html = render_report(run, "animals", illustrated=False)
    assert Page(html).all("img") == []
    assert "data:image" not in html
    assert ".png" not in html
    assert "nobody said that they may be published" in Page(html).text()


def test_the_same_run_gives_the_same_bytes(run: Run, html: str) -> None:
    assert render_report(run, "animals", illustrated=True) == html
    assert write_report(run) == run.report_file
    assert Page(run.report_file.read_text(encoding="utf-8")).all("h1")[0].text == "made-up"


@pytest.mark.parametrize(("classes", "cells"), [(30, 900), (31, 0)])
def test_the_matrix_of_few_classes_is_a_table_that_of_many_a_heat_map(tmp_path: Path, classes: int, cells: int) -> None:
    run = made_up_run(tmp_path, tuple(f"class {number}" for number in range(classes)), each=4)
    page = Page(render_report(run, "x", illustrated=True))
    shaded = [cell for cell in page.all("td") if re.match("none|right-|wrong-", cell.attributes.get("class") or "")]
    assert len(shaded) == cells
    assert len(page.all("svg")) == (5 if cells else 6)
    assert len(page.all("image")) == (0 if cells else 1)


def test_however_many_classes_and_mistakes_there_are_it_stays_below_a_megabyte(tmp_path: Path) -> None:
    labels = tuple(f"a name as long as none should be, of class {number}".ljust(200, "x") for number in range(300))
    run = made_up_run(tmp_path, labels, "input.height=128", "input.width=128", each=1)
    run.sheet_file.write_bytes(bytes(200_000))
    assert 500_000 < write_report(run).stat().st_size < 1_000_000


def test_a_run_of_one_epoch_without_a_mistake_has_a_report_too(tmp_path: Path) -> None:
    run = made_up_run(tmp_path, ("a", "b"), each=1, epochs=history((1.0, 1.0)))
    assert run.metrics().correct == 2
    page = Page(render_report(run, "x", illustrated=True))
    assert "Worst mistakes" not in page.text()
    assert page.all("img") == []


def test_a_run_that_is_not_finished_has_none(tmp_path: Path) -> None:
    with pytest.raises(RunUnusable, match="there is no run"):
        render_report(Run(tmp_path), "x", illustrated=True)
