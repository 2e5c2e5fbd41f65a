import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.store import Store
from tests.training.support import tiny_recipe
from training import origins
from training.architectures.settings import Vgg16Settings
from training.architectures.vgg16 import build_vgg16
from training.data.download import Remote
from training.errors import InvalidRecipe, WeightsUnusable
from training.network import Network, build_network
from training.release import publish
from training.run import Run, load_checkpoint
from training.settings import TransferSettings
from training.weights import load_weights

IMAGES = torch.rand(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def features(network: Network, images: Tensor = IMAGES) -> Tensor:
    """What the head is given."""
    seen: list[Tensor] = []
    *_, head = (layer for layer in network.modules() if isinstance(layer, nn.Linear))
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    with torch.no_grad():
        network(images)
    handle.remove()
    return seen[0]


def trained(run: Run) -> Network:
    network = build_network(run.recipe(), 3)
    network.load_state_dict(load_checkpoint(run.best)["network"])
    return network.eval()


def fresh(tmp_path: Path, *changes: str, classes: int = 5) -> Network:
    torch.manual_seed(7)
    return build_network(tiny_recipe(tmp_path, *changes), classes)


def start(weights: str) -> TransferSettings:
    return TransferSettings(weights=weights)


def test_a_run_gives_all_but_its_head(finished: Run, tmp_path: Path) -> None:
    network = fresh(tmp_path)
    head = network.body[15].weight.clone()
    taken = load_weights(network, start(str(finished.folder)), None)
    expected = trained(finished)
    assert torch.equal(features(network.eval()), features(expected))
    assert torch.equal(network.mean, expected.mean)
    assert torch.equal(network.std, expected.std)
    assert torch.equal(network.body[15].weight, head)
    assert taken.source.startswith("the run run, epoch ")
    assert taken.origin is not None
    assert taken.origin.layers == 4
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert set(taken.names) == learning - {"body.15.weight", "body.15.bias"}


@pytest.fixture
def store(finished: Run, tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    publish(finished, store, "shapes", alias="production", who="tests")
    return store


def test_a_version_gives_the_same_features_although_its_norms_are_folded(
    finished: Run, store: Store, tmp_path: Path
) -> None:
    network = fresh(tmp_path)
    taken = load_weights(network, start("shapes@production"), store)
    assert taken.source == "shapes@1 (fp32)"
    assert torch.allclose(features(network.eval()), features(trained(finished)), rtol=1e-4, atol=1e-4)
    assert torch.allclose(network.mean, trained(finished).mean, rtol=1e-6)


PLAIN = "architecture={name='cnn', blocks=[{channels=6}, {channels=7}], head={pool='max'}}"


def save(network: Network, path: Path) -> str:
    torch.save(network.body.state_dict(), path)
    return str(path)


def test_with_images_folded_norms_pass_on_the_same_in_training_too(tmp_path: Path) -> None:
    bare = "architecture={name='cnn', blocks=[{channels=6, batch_norm=false}, {channels=7, batch_norm=false}]}"
    source = fresh(tmp_path, bare)
    for layer in source.modules():
        if isinstance(layer, nn.Conv2d):
            layer.bias.data.normal_()
    file, expected = save(source, tmp_path / "folded.pt"), features(source)
    plain, settled = (fresh(tmp_path, bare.replace(", batch_norm=false", "")) for _ in range(2))
    load_weights(plain, start(file), None)
    load_weights(settled, start(file), None, IMAGES)
    assert torch.allclose(features(plain.eval()), expected, atol=1e-6)
    assert not torch.allclose(features(plain.train()), expected, atol=0.1)
    assert settled.training
    assert torch.allclose(features(settled.eval()), expected, atol=1e-5)
    assert torch.allclose(features(settled.train()), expected, atol=1e-3)


def test_grey_images_get_the_sum_of_the_weights_for_colours(tmp_path: Path) -> None:
    colour = fresh(tmp_path, PLAIN).eval()
    grey = fresh(tmp_path, PLAIN, "input.colour=grey").eval()
    load_weights(grey, start(save(colour, tmp_path / "colour.pt")), None)
    images = IMAGES[:, :1]
    assert torch.allclose(features(grey, images), features(colour, images.expand(-1, 3, -1, -1)), atol=1e-5)


def test_the_first_layer_that_does_not_fit_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(fresh(tmp_path, PLAIN, "architecture.blocks.1.kernel=5"), tmp_path / "a.pt")
    network = fresh(tmp_path, PLAIN)
    taken = load_weights(network, start(file), None)
    assert taken.names == ("body.0.weight", "body.1.weight", "body.1.bias")
    assert taken.origin is not None
    assert (taken.origin.kind, taken.origin.name, taken.origin.layers) == ("file", "a.pt", 1)
    told = " ".join(capsys.readouterr().err.split())
    assert "1 of 2 layers fit; body.4 begins anew: its shape is 7 x 6 x 3 x 3, that of the source 7 x 6 x 5 x 5" in told


def test_a_shorter_source_gives_what_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = save(fresh(tmp_path, PLAIN), tmp_path / "a.pt")
    longer = fresh(tmp_path, "architecture={name='cnn', blocks=[{channels=6}, {channels=7}], head={dense=[5, 5, 5]}}")
    assert len(load_weights(longer, start(file), None).names) == 8
    assert "the source has no more" in capsys.readouterr().err


def test_nothing_that_fits_is_an_error(tmp_path: Path) -> None:
    file = save(fresh(tmp_path, PLAIN), tmp_path / "a.pt")
    with pytest.raises(WeightsUnusable, match=r"nothing of a\.pt .*fits: body\.0: its shape is 24 x 3 x 2 x 2"):
        load_weights(fresh(tmp_path), start(file), None)
    empty = tmp_path / "empty.pt"
    torch.save({}, empty)
    with pytest.raises(WeightsUnusable, match=r"nothing of empty\.pt"):
        load_weights(fresh(tmp_path), start(str(empty)), None)


SMALL = "architecture={name='vgg16', batch_norm=true, dense=[], pool=1}"


def test_imagenet_weights_come_with_their_normalisation(
    site: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, folder = site
    file = folder / "vgg16_bn-6c64b313.pth"
    published = build_vgg16(Vgg16Settings(name="vgg16", batch_norm=True, dense=(9,), pool=1), (32, 32, 3), 1000)
    torch.save(published.state_dict(), file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setitem(origins.PUBLISHED, "vgg16_bn", Remote(f"{address}/{file.name}", digest))
    network = fresh(tmp_path, "input.height=32", "input.width=32", SMALL).eval()
    taken = load_weights(network, start("imagenet"), None)
    assert len(taken.names) == 13 * 4
    assert network.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert network.std.flatten().tolist() == pytest.approx([0.229, 0.224, 0.225])
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = published.eval().features(network.normalise(images)).flatten(1)
    assert torch.equal(features(network, images), expected)

    grey = fresh(tmp_path, "input.height=32", "input.width=32", SMALL, "input.colour=grey")
    load_weights(grey, start("imagenet"), None)
    assert grey.mean.item() == pytest.approx(0.449)
    assert torch.allclose(grey.body.features[0].weight, published.features[0].weight.sum(1, keepdim=True))


def test_there_are_imagenet_weights_for_vgg16_only(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe, match="vgg16 only"):
        load_weights(fresh(tmp_path), start("imagenet"), None)


def test_without_weights_nothing_is_taken(tmp_path: Path) -> None:
    network, same = fresh(tmp_path), fresh(tmp_path)
    taken = load_weights(network, TransferSettings(), None)
    assert (taken.names, taken.origin, taken.source) == ((), None, "random weights")
    assert torch.equal(network.body[0].weight, same.body[0].weight)
