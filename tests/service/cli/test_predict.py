"""``whatsit predict``: files without a server."""

import json
import os
from pathlib import Path

import pytest

from models.manifest import Conformal
from models.store import Store
from tests.service.cli.conftest import Whatsit, assert_failed
from tests.support.bundles import publish_tiny
from tests.support.graphs import colour_graph
from tests.support.images import encode, solid


def write(name: str, content: bytes | None = None) -> Path:
    path = Path(name)
    path.write_bytes(encode(solid("green"), "PNG") if content is None else content)
    return path


def test_a_table_for_people(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("predict", write("a.png"), "--store", store.location, "--model", "tiny@1")
    assert (result.code, result.err) == (0, "")
    [row] = [line for line in result.out.splitlines() if "a.png" in line]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["a.png", "green", "100.0%", "accept", "-"]


def test_candidates_for_people_and_programs(whatsit: Whatsit, tmp_path: Path) -> None:
    sets = Conformal(coverage=0.95, threshold=0.2, test_coverage=0.95, mean_size=1.5)
    publish_tiny(tmp_path / "sets", conformal=sets)
    files = [write("grey.png", encode(solid("grey"), "PNG")), write("green.png"), "--store", tmp_path / "sets"]
    grey, green = [line.split("│")[5].strip() for line in whatsit("predict", *files).out.splitlines() if ".png" in line]
    assert sorted(grey.split(", ")) == ["blue", "green", "red"]
    assert green == "green"
    assert [len(given["candidates"]) for given in json.loads(whatsit("predict", *files, "--json").out)] == [3, 1]


def test_json_for_programs(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("predict", write("a.png"), "--store", store.location, "--json", "--top-k", 2)
    assert result.code == 0
    [answer] = json.loads(result.out)
    assert list(answer) == ["file", "label", "score", "decision", "candidates", "predictions"]
    assert (answer["file"], answer["label"], len(answer["predictions"])) == ("a.png", "green", 2)


def test_a_file_that_cannot_be_used_fails_alone(whatsit: Whatsit, store: Store) -> None:
    files = [write("a.png"), write("bad.png", b"text"), write("empty.png", b""), write("z.png")]
    result = whatsit("predict", *files, "--store", store.location, "--json")
    assert result.code == 1
    answers = json.loads(result.out)
    assert [answer.get("label") for answer in answers] == ["green", None, None, "green"]
    assert "not a JPEG" in answers[1]["error"]
    table = whatsit("predict", *files, "--store", store.location)
    assert table.code == 1
    assert "not a JPEG" in table.out


@pytest.mark.parametrize("name", ["[x].png", "[bold]b[:].png", "[red].png"])
def test_a_name_is_no_markup(whatsit: Whatsit, store: Store, name: str) -> None:
    result = whatsit("predict", write(name), "--store", store.location)
    assert result.code == 0
    assert name in result.out


def test_a_label_is_no_markup(whatsit: Whatsit, tmp_path: Path) -> None:
    publish_tiny(tmp_path / "odd", labels=("[red]", "[/]", "blue"))
    result = whatsit("predict", write("a.png"), "--store", tmp_path / "odd")
    assert result.code == 0
    assert "[red]" in result.out or "[/]" in result.out or "blue" in result.out


def test_the_model_is_found_as_the_service_finds_it(
    whatsit: Whatsit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHATSIT_STORE", str(store.location))
    image = write("a.png")
    assert whatsit("predict", image).code == 0
    publish_tiny(store.location, "other")
    assert_failed(whatsit("predict", image), 1, "holds not one model but: other, tiny")
    Path("whatsit.toml").write_text('default_model = "other"')
    assert whatsit("predict", image).code == 0


def test_the_store_may_be_named_in_the_file(whatsit: Whatsit, store: Store) -> None:
    Path("whatsit.toml").write_text(f'store = "{store.location}"')
    assert whatsit("predict", write("a.png")).code == 0
    assert "tiny" in whatsit("models", "list").out


def test_limits_are_those_of_the_settings(whatsit: Whatsit, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHATSIT_MAX_IMAGE_SIDE", "7")
    result = whatsit("predict", write("a.png"), "--store", store.location)
    assert result.code == 1
    assert "8 x 8" in result.out


def test_of_a_folder_all_images_in_order(whatsit: Whatsit, store: Store) -> None:
    for folder in ("pets/dogs", "pets/cats", "pets/.hidden", "pets/cats/more"):
        Path(folder).mkdir(parents=True)
    red = encode(solid("red"), "PNG")
    for name in ("dogs/1.PNG", "cats/2.png", "cats/10.png", "cats/more/3.png"):
        write(f"pets/{name}", red)
    write("pets/cats/cut.heic", b"no image")
    for name in ("cats/.4.png", ".hidden/5.png", "cats/notes.txt", "Thumbs.db"):
        write(f"pets/{name}")
    Path("pets/dogs/round").symlink_to(Path("pets").resolve())
    result = whatsit("predict", "pets", write("a.png"), "--store", store.location, "--json")
    names = ["cats/10.png", "cats/2.png", "cats/cut.heic", "cats/more/3.png", "dogs/1.PNG"]
    answers = json.loads(result.out)
    assert [answer["file"] for answer in answers] == [*(f"pets/{name}" for name in names), "a.png"]
    assert [answer.get("label") for answer in answers] == ["red", "red", None, "red", "red", "green"]
    assert result.code == 1  # for the one that is named like an image
    rows = [line for line in whatsit("predict", "pets", "--store", store.location).out.splitlines() if "pets/" in line]
    assert len(rows) == len(names)


@pytest.mark.parametrize(
    ("path", "reason"), [("nothing.png", "no such file or directory"), ("empty", "a folder without images")]
)
def test_a_path_that_gives_nothing_fails_alone(whatsit: Whatsit, store: Store, path: str, reason: str) -> None:
    Path("empty").mkdir()
    result = whatsit("predict", path, write("a.png"), "--store", store.location)
    assert result.code == 1
    assert reason in result.out
    assert "green" in result.out


def test_a_name_that_is_no_text_is_shown(whatsit: Whatsit, store: Store) -> None:
    result = whatsit("predict", write(os.fsdecode(b"\xff.png")), "--store", store.location)
    assert (result.code, "green" in result.out) == (0, True)


def test_a_version_that_fails_its_proof(whatsit: Whatsit, store: Store) -> None:
    (store.bundle("tiny", 1) / "model.onnx").write_bytes(b"changed")
    assert_failed(
        whatsit("predict", write("a.png"), "--store", store.location), 1, "model.onnx is not what was published"
    )


def test_the_graph_of_the_precision_asked_for_answers(whatsit: Whatsit, tmp_path: Path) -> None:
    publish_tiny(tmp_path / "variants", variants={"int8": colour_graph(sharpness=1.5)})
    file = write("red.png", encode(solid("red"), "PNG"))
    scores = {}
    for precision in ("fp32", "int8"):
        result = whatsit("predict", file, "--store", tmp_path / "variants", "--precision", precision, "--json")
        scores[precision] = json.loads(result.out)[0]["score"]
    assert scores["fp32"] > 0.99
    assert 0.9 < scores["int8"] < 0.95
