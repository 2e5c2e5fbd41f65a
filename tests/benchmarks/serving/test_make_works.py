from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.serving import make_works
from benchmarks.serving.mobilenet import MobileNetV2, settle
from benchmarks.serving.works import WORKS
from models.opening import prove_version
from models.store import Store


def test_the_mid_network_is_the_one_of_the_paper() -> None:
    with torch.device("meta"):
        network = MobileNetV2(1000)
    assert sum(parameter.numel() for parameter in network.parameters()) == 3_504_872  # as torchvision has it


def test_random_weights_leave_values_that_are_not_nothing() -> None:
    torch.manual_seed(0)
    network, images = MobileNetV2(10), torch.randn(2, 3, 32, 32)
    settle(network, images)
    with torch.no_grad():
        assert network.features(images).abs().mean() > 1e-3
    assert not network.training


def test_a_work_is_a_published_version_with_an_image(tmp_path: Path) -> None:
    work = replace(WORKS["small"], store=tmp_path / "small" / "store", image_file=tmp_path / "small" / "image.png")
    assert not work.is_made
    make_works.make(work)
    assert work.is_made
    prove_version(Store(work.store), "small", 1)
    assert work.graph.exists()
    assert work.likely[0] in work.manifest.labels
    assert work.content_type == "image/png"
    assert [path.name for path in work.store.parent.iterdir() if path.is_dir()] == ["store"]  # nothing is left over
