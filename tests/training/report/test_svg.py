from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes

from training.report.svg import TRAIN, WRONG, plot


def draw(axes: Axes) -> None:
    axes.plot([1, 2, 3], [3, 1, 2], color=TRAIN, marker="o", label="$x$ <b>")
    axes.axvspan(1, 2, color=WRONG)


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own


def test_it_has_the_colours_of_the_page_and_no_styles() -> None:
    svg = plot("one", 'told "so" & <so>', draw)
    assert "var(--train)" in svg
    assert "var(--wrong)" in svg
    assert "#0000" not in svg.replace("url(#", "")
    root = parse(svg)
    assert root.attrib["aria-label"] == 'told "so" & <so>'
    assert {"style", "metadata"}.isdisjoint(element.tag for element in root.iter())
    assert not [element for element in root.iter() if "style" in element.attrib]
    assert [element.text for element in root.iter("text")][-1] == "$x$ <b>"


def test_plots_of_one_page_share_no_id_and_find_their_own() -> None:
    svgs = [parse(plot(name, "told", draw)) for name in ("one", "two")]
    ids = [{element.attrib["id"] for element in svg.iter() if "id" in element.attrib} for svg in svgs]
    assert ids[0].isdisjoint(ids[1])
    for svg, own in zip(svgs, ids, strict=True):
        assert {element.attrib["href"][1:] for element in svg.iter("use")} <= own


def test_settings_of_others_are_neither_used_nor_changed() -> None:
    before = plot("one", "told", draw)
    with mpl.rc_context({"font.size": 40, "svg.fonttype": "path"}):
        assert plot("one", "told", draw) == before
        assert mpl.rcParams["font.size"] == 40
