import subprocess
import sys
from pathlib import Path

import pytest

from models.locations import default_root
from models.store import Store
from tests.training.support import recipe_file
from training.config import load_recipe
from training.describe import describe, known_classes
from training.errors import InvalidRecipe, RunUnusable
from training.run import Run

NOWHERE = Store(Path("nowhere"))
VGG16 = ("architecture={name='vgg16'}", "input.height=224", "input.width=224")


def test_vgg16_has_the_known_figures() -> None:
    found = describe("cifar10", NOWHERE, VGG16, classes=1000)
    assert found.parameters == found.trainable == 138_357_544
    assert found.multiply_adds == 15_470_264_320
    assert found.bytes == 4 * (138_357_544 + 6)  # and mean and standard deviation
    assert (found.classes, found.assumed_classes) == (1000, False)
    rows = {row.name: row for row in found.layers}
    assert rows["features.0"].model_dump() == {
        "name": "features.0",
        "kind": "Conv2d 3x3",
        "output": (64, 224, 224),
        "parameters": 1792,
        "multiply_adds": 86_704_128,
    }
    assert rows["features.30"].output == (512, 7, 7)
    assert rows["classifier.0"].multiply_adds == 25_088 * 4096
    assert len(rows) == len(found.layers) == 31 + 1 + 7


def test_the_tutorials_network_is_as_counted_by_hand() -> None:
    found = describe("cifar10-tutorial-a", NOWHERE)
    weighted = [(row.output, row.parameters, row.multiply_adds) for row in found.layers if row.parameters]
    assert weighted == [
        ((32, 30, 30), 896, 3 * 9 * 32 * 30 * 30),
        ((64, 13, 13), 18_496, 32 * 9 * 64 * 13 * 13),
        ((64, 4, 4), 36_928, 64 * 9 * 64 * 4 * 4),
        ((64,), 65_600, 1024 * 64),
        ((10,), 650, 640),
    ]
    assert found.parameters == 122_570
    assert found.multiply_adds == 4_548_608
    assert found.subject == "recipe cifar10-tutorial-a"


def test_what_does_not_learn_is_told_apart(tmp_path: Path) -> None:
    found = describe(str(recipe_file(tmp_path)), NOWHERE)
    assert found.parameters - found.trainable == 24 * 3 * 2 * 2  # the whitening
    assert (found.classes, found.assumed_classes) == (10, True)


def test_what_a_recipe_begins_with_and_freezes_is_told_apart() -> None:
    start = describe("intel-vgg16-tutorial", NOWHERE, classes=6).initial
    assert start is not None
    assert start.model_dump() == {"weights": "imagenet", "frozen": 5, "epochs": 5}
    assert describe("intel-tutorial", NOWHERE, classes=6).initial is None


def test_a_published_graph_is_described_from_its_file() -> None:
    found = describe("cifar10@1", Store(default_root()))
    assert found.subject == "cifar10@1 (fp32)"
    assert (found.input, found.classes, found.trainable) == ((32, 32, 3), 10, None)
    assert found.bytes == (default_root() / "cifar10/1/model.onnx").stat().st_size
    recipe = describe("cifar10", NOWHERE, ["architecture.blocks.1.channels=128"])  # as it was when that was trained
    assert found.multiply_adds == recipe.multiply_adds == 65_431_840
    products = [[row for row in one.layers if row.multiply_adds] for one in (found, recipe)]
    assert [(row.name, row.output) for row in products[0]] == [(row.name, row.output) for row in products[1]]
    assert found.layers[-1].kind == "Softmax"
    # Three batch norms are folded: a weight and a bias for each channel became a bias.
    assert recipe.parameters - found.parameters == 64 + 128 + 256


def test_a_run_is_described_by_its_recipe_and_its_labels(finished: Run, tmp_path: Path) -> None:
    found = describe(str(finished.folder), NOWHERE)
    assert found.model_dump(exclude={"subject", "assumed_classes"}) == describe(
        str(recipe_file(tmp_path)), NOWHERE, classes=3
    ).model_dump(exclude={"subject", "assumed_classes"})
    with pytest.raises(RunUnusable):
        describe(str(tmp_path), NOWHERE)


def test_only_recipes_can_be_changed(finished: Run) -> None:
    with pytest.raises(InvalidRecipe, match="--set and --classes are for recipes"):
        describe(str(finished.folder), NOWHERE, classes=4)
    with pytest.raises(InvalidRecipe, match="'cifar10@1' is none"):
        describe("cifar10@1", Store(default_root()), ["seed=3"])


@pytest.mark.parametrize("name", ["nonesuch", "runs/nonesuch", "nonesuch.toml"])
def test_nothing_of_all_this_is_told(name: str) -> None:
    with pytest.raises(InvalidRecipe, match=rf"'{name}' is no recipe \(cats-dogs, .*no folder of a run, no version"):
        describe(name, Store(default_root()))


def test_a_mistyped_run_is_told_which_there_are(finished: Run) -> None:
    with pytest.raises(InvalidRecipe, match=f"no folder of a run, no version; known runs: {finished.folder}$"):
        describe(f"{finished.folder}s", NOWHERE)


def test_classes_are_known_where_the_data_tells() -> None:
    assert known_classes(load_recipe("cifar10").data) == 10
    assert known_classes(load_recipe("fashion-mnist", ["data.labels=['a', 'b', 'c']"]).data) == 3
    assert known_classes(load_recipe("folder").data) is None


def test_a_graph_needs_no_torch() -> None:
    code = (
        "import sys; from models.locations import default_root; from models.store import Store;"
        "from training.describe import describe;"
        "describe('cifar10@1', Store(default_root())); sys.exit(int('torch' in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
