import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.aliases import move_alias
from models.errors import ImageError, InvalidRef, PromotionRefused
from models.manifest import ACCEPTS_NOTHING, Conformal, Decision, Origin
from models.opening import open_version, prove_version
from models.policy import Policy
from models.promotion import Terms
from models.store import Store
from tests.support.bundles import publish_tiny
from tests.support.images import encode
from tests.training.report.support import START
from tests.training.support import drawing
from training.card import model_card
from training.environment import processor
from training.errors import RunUnusable, VariantFailed
from training.release import Contents, publish
from training.run import Run, write_model
from training.settings import TransferSettings
from training.starts import go_on
from training.variants.choose import graphs_of


def test_a_published_run_opens_and_says_where_it_is_from(finished: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    publish(finished, store, "shapes", who="tests")
    manifest = open_version(store, "shapes", 1).manifest
    assert manifest.metrics == finished.metrics()
    assert manifest.decision == finished.calibration().decision
    provenance = manifest.provenance
    assert provenance.recipe == finished.recipe().model_dump(mode="json")
    assert provenance.data["images"] == {"train": 108, "validation": 12, "test": 30}
    assert len(provenance.data_fingerprint) == 64
    assert {"torch", "onnx", "onnxruntime", "numpy", "pillow", "python"} <= provenance.packages.keys()
    assert provenance.epochs == 3
    assert provenance.training_seconds > 0
    assert provenance.data_check["counts"]["train"] == [36, 36, 36]
    assert provenance.starts == ()
    assert "examples" not in json.dumps(provenance.data_check)  # names of files are nobody's business
    assert store.aliases("shapes") == {}


def test_a_run_that_was_interrupted_says_how_often_it_started(finished: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    go_on(run)
    info = run.info()
    elsewhere = info.starts[-1].model_copy(update={"hardware": "an abacus"})
    run.note(info.model_copy(update={"starts": (info.first, elsewhere)}))
    manifest = publish(run, Store(tmp_path / "store"), "shapes", who="tests")
    first, second = manifest.provenance.starts
    assert (first.epochs, second.epochs) == (0, 3)
    assert first.at < second.at
    assert manifest.provenance.hardware == info.first.hardware, "the second start trained nothing"
    assert manifest.graphs["fp32"].measured == graphs_of(finished)["fp32"]


def test_the_graph_of_float32_was_measured_where_its_run_came_to_its_end(finished: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    go_on(run)
    info = run.info()
    run.note(info.model_copy(update={"starts": (info.first, START)}))
    assert graphs_of(run)["fp32"].hardware == processor()
    write_model(run.variants_file, run.variants().model_copy(update={"measured_on": None}))  # as older runs are
    assert graphs_of(run)["fp32"].hardware == "paper"


def test_what_a_run_began_with_is_published_and_not_where_it_lay(finished: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    home = tmp_path / "home"
    transfer = TransferSettings(weights=str(home / "old"))
    write_model(run.recipe_file, run.recipe().model_copy(update={"transfer": transfer}))
    origin = Origin(kind="run", name="old", epoch=3, sha256="ab" * 32, layers=4)
    run.note(run.info().model_copy(update={"origin": origin}))
    store = Store(tmp_path / "store")
    provenance = publish(run, store, "shapes", who="tests").provenance
    assert (provenance.origin, provenance.recipe["transfer"]["weights"]) == (origin, "old")
    bundle = store.bundle("shapes", 1)
    texts = [(bundle / name).read_text() for name in ("manifest.json", "report.html", "MODEL_CARD.md")]
    assert not any(str(home) in text for text in texts)
    assert f"old, epoch 3; sha256 of the file: {'ab' * 32}" in texts[1]


def test_an_alias_moves_to_the_new_version(finished: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(2):
        publish(finished, store, "shapes", alias="production", who="tests")
    assert store.versions("shapes") == [1, 2]
    assert store.aliases("shapes") == {"production": 2}


def test_other_labels_are_neither_published_nor_promoted_unless_meant(finished: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    publish_tiny(tmp_path, "shapes")
    move_alias(store, "shapes", "production", 1, who="tests", why="")
    with pytest.raises(PromotionRefused, match="new: across, disc, down; gone: red, green, blue; if its clients"):
        publish(finished, store, "shapes", alias="production", who="tests")
    assert store.versions("shapes") == [1]
    publish(finished, store, "shapes", alias="next", who="tests")
    publish(finished, store, "shapes", alias="production", terms=Terms(new_labels=True, force=True), who="tests")
    assert store.aliases("shapes") == {"next": 2, "production": 3}


def test_a_wrong_alias_is_found_before_anything_is_published(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidRef):
        publish(finished, Store(tmp_path), "shapes", alias="12", who="tests")
    assert Store(tmp_path).names() == []


def test_golden_images_of_ones_own_take_the_place_of_the_test_splits(finished: Run, tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    golden.mkdir()
    (golden / "mine.jpg").write_bytes(encode(drawing("disc", 5), "JPEG"))
    (golden / "SOURCES.toml").write_text('[images]\n"mine.jpg" = "drawn by the tests, CC0"\n')
    store = Store(tmp_path / "store")
    publish(finished, store, "shapes", Contents(golden), who="tests")
    (entry,) = open_version(store, "shapes", 1).golden.images
    assert (entry.file, entry.source) == ("mine.jpg", "drawn by the tests, CC0")


def test_a_golden_file_that_is_no_image_publishes_nothing(finished: Run, tmp_path: Path) -> None:
    golden = tmp_path / "golden"
    golden.mkdir()
    (golden / "notes.txt").write_text("not an image")
    with pytest.raises(ImageError, match=r"the golden image notes\.txt: the content is not a JPEG"):
        publish(finished, Store(tmp_path / "store"), "shapes", Contents(golden), who="tests")
    assert Store(tmp_path / "store").names() == []


def test_what_is_no_run_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(RunUnusable, match="there is no run"):
        publish(Run(tmp_path), Store(tmp_path), "shapes", who="tests")


def test_a_run_that_is_not_there_is_not_published(finished: Run, tmp_path: Path) -> None:
    mistyped = finished.folder.with_name("rnu")
    with pytest.raises(RunUnusable, match=f"rnu: there is no run; known runs: {finished.folder}$"):
        publish(Run(mistyped), Store(tmp_path), "shapes", who="tests")


def card_of(run: Run) -> str:
    return model_card("shapes", run, graphs_of(run))


def test_all_graphs_that_are_good_enough_go_along(finished: Run, tmp_path: Path) -> None:
    store = Store(tmp_path)
    manifest = publish(finished, store, "shapes", who="tests")
    prove_version(store, "shapes", 1)
    assert list(manifest.graphs) == ["fp32", "fp16", "int8"]
    variants = finished.variants()
    for precision in ("fp16", "int8"):
        graph = manifest.graphs[precision]
        assert graph.measured == variants.of(precision).measured
        assert graph.measured.bytes == (store.bundle("shapes", 1) / graph.file).stat().st_size
        assert graph.tolerance is not None
    exact = manifest.graphs["fp32"].measured
    assert exact is not None
    assert (exact.accuracy, exact.speed_up) == (manifest.metrics.accuracy, 1)
    card = (store.bundle("shapes", 1) / "MODEL_CARD.md").read_text()
    assert [line[:7] for line in card.splitlines() if line.startswith(("| fp", "| int"))] == [
        *("| fp32 ", "| fp16 ", "| int8 ")
    ]
    assert "fp16 was measured on a processor that computes it in float32" in card
    graphs = graphs_of(finished)
    on_cuda = {"fp16": graphs["fp16"].model_copy(update={"speed_up": 2.1})}
    for others in (graphs | on_cuda, graphs_of(finished, ["fp32", "int8"])):
        assert "computes it in float32" not in model_card("shapes", finished, others)


def test_a_version_may_have_the_graph_of_eight_bits_alone(finished: Run, tmp_path: Path) -> None:
    """Its numbers are then its own, and what is asked of it is what is there."""
    store = Store(tmp_path)
    manifest = publish(finished, store, "shapes", Contents(precisions=["int8"]), who="tests")
    facts = finished.variants().of("int8")
    assert (list(manifest.graphs), manifest.reference) == (["int8"], "int8")
    assert (manifest.metrics, manifest.decision) == (facts.metrics, facts.calibration.decision)
    assert not (store.bundle("shapes", 1) / "model.onnx").exists()
    exact = f"right in {finished.metrics().accuracy:.2%}"
    for document in ("MODEL_CARD.md", "report.html"):
        text = " ".join((store.bundle("shapes", 1) / document).read_text().split())
        assert exact in text.partition("not part of this version")[2]
    assert open_version(store, "shapes", 1, precision="auto").precision == "int8"


def test_what_is_refused_stays_behind(finished: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    write_model(run.variants_file, run.variants().model_copy(update={"refused": {"int8": "it loses 3 points"}}))
    store = Store(tmp_path / "store")
    assert list(publish(run, store, "shapes", who="tests").graphs) == ["fp32", "fp16"]
    with pytest.raises(VariantFailed, match="int8 is not to be published: it loses 3 points"):
        publish(run, store, "shapes", Contents(precisions=["fp32", "int8"]), who="tests")
    assert store.versions("shapes") == [1]


def test_what_was_not_made_cannot_be_published(finished: Run, tmp_path: Path) -> None:
    run = Run(shutil.copytree(finished.folder, tmp_path / "run"))
    run.variants_file.unlink()
    assert list(graphs_of(run)) == ["fp32"]
    with pytest.raises(VariantFailed, match=r"no int8 graph: its recipe says which to make, in export\.variants"):
        graphs_of(run, ["int8"])


def test_the_card_has_the_numbers(finished: Run) -> None:
    metrics, card = finished.metrics(), card_of(finished)
    assert card.startswith("# shapes\n\nStripes and discs\n")
    assert f"| accuracy | {metrics.accuracy:.2%} ({metrics.correct:,} right) |" in card
    assert metrics.accuracy_interval is not None
    low, high = metrics.accuracy_interval
    assert f"| where it lies at 95 % confidence | {low:.2%} to {high:.2%} |" in card
    error, before = metrics.expected_calibration_error, metrics.uncalibrated_error
    assert before is not None
    assert before < error
    assert f"| {error:.4f} ({before:.4f} before calibration, which did not lower it) |" in card
    assert "108 for train, 12 for validation, 30 for test" in card
    assert card.count("| 10 |") == 3
    assert "best five" not in card  # of three classes
    assert "{" not in card


def changed(finished: Run, folder: Path, **changes: object) -> Run:
    """A copy of the run with another calibration."""
    shutil.copytree(finished.folder, folder / "run")
    run = Run(folder / "run")
    write_model(run.calibration_file, run.calibration().model_copy(update=changes))
    return run


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (Decision(threshold=0.5, accuracy=0.96, coverage=0.9), "at least 0.500 are right in 96.00% of the cases"),
        (Decision(threshold=ACCEPTS_NOTHING, accuracy=0, coverage=0), "right in 95 % of the cases, so every answer is"),
    ],
)
def test_the_card_says_what_is_accepted(finished: Run, tmp_path: Path, decision: Decision, said: str) -> None:
    assert said in card_of(changed(finished, tmp_path, decision=decision))


def test_the_card_says_what_is_accepted_of_each_class(finished: Run, tmp_path: Path) -> None:
    own = Decision(threshold=0.7, accuracy=0.97, coverage=0.9, target=0.95, thresholds=(0, 0.7, ACCEPTS_NOTHING))
    rows = card_of(changed(finished, tmp_path, decision=own)).splitlines()
    head = next(place for place, row in enumerate(rows) if row.startswith("| class | "))
    column = rows[head].split(" | ").index("threshold")
    assert [row.split(" | ")[column] for row in rows[head + 2 : head + 5]] == ["0.000", "0.700", "none"]


@pytest.mark.parametrize(
    ("shared", "thresholds", "told"),
    [
        (
            0.7,
            (0.1, 0.7, ACCEPTS_NOTHING),
            "own, and of those together that share 0.700. Of a class with the threshold",
        ),
        (0.7, (0.1, 0.7, 0.7), "of its own, and of those together that share 0.700. The temperature"),
        (ACCEPTS_NOTHING, (0.1, 0.2, ACCEPTS_NOTHING), "own. Of a class with the threshold none it shows too little"),
        (ACCEPTS_NOTHING, (0.1, 0.2, 0.3), "with a threshold of its own. The temperature"),
    ],
)
def test_the_card_tells_of_shared_thresholds_where_there_are_any(
    finished: Run, tmp_path: Path, shared: float, thresholds: tuple[float, ...], told: str
) -> None:
    own = Decision(threshold=shared, accuracy=0.97, coverage=0.9, target=0.95, thresholds=thresholds)
    assert told in card_of(changed(finished, tmp_path, decision=own))


def test_the_sets_of_a_run_are_published_and_told(finished: Run, tmp_path: Path) -> None:
    assert "too small for them" in card_of(finished)
    sets = Conformal(coverage=0.95, threshold=0.0123, test_coverage=0.9512, mean_size=1.236)
    run = changed(finished, tmp_path, conformal=sets)
    assert publish(run, Store(tmp_path), "shapes", who="tests").conformal == sets
    card = card_of(run)
    assert "scored at least 0.0123" in card
    assert "on the test split they do so in 95.12%, with 1.24 classes" in card


def test_a_run_that_does_not_pass_the_gate_is_not_published_unless_forced(finished: Run, tmp_path: Path) -> None:
    store, terms = Store(tmp_path), Terms(Policy(class_floors={"a class that is not there": 0.5}))
    with pytest.raises(PromotionRefused, match=r"recall of a class that is not there 0\.0000, at least 0\.5000"):
        publish(finished, store, "shapes", alias="production", terms=terms, who="tests")
    assert store.names() == []
    forced = replace(terms, force=True)
    publish(finished, store, "shapes", alias="production", terms=forced, who="tests", why="to show")
    assert [(entry.action, entry.forced, entry.why) for entry in store.history("shapes")] == [
        ("publish", None, "to show"),
        ("move", True, "to show"),
    ]
