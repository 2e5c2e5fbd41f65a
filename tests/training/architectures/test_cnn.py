import numpy as np
import pytest
import torch
from torch import nn

from training.architectures.cnn import build_cnn, whiten
from training.architectures.settings import BlockSettings, CnnSettings, HeadSettings, StemSettings
from training.errors import InvalidRecipe


def settings(**changes: object) -> CnnSettings:
    return CnnSettings.model_validate({"name": "cnn", "blocks": [BlockSettings(channels=6)]} | changes)


def test_pooling_comes_before_norm_or_at_the_end_as_asked() -> None:
    def kinds(place: str) -> list[str]:
        block = BlockSettings(channels=4, convolutions=2, pool_at=place, dropout=0.1)
        return [type(layer).__name__ for layer in build_cnn(settings(blocks=[block]), (8, 8, 3), 2)][:8]

    assert kinds("first")[:4] == ["Conv2d", "MaxPool2d", "BatchNorm2d", "ReLU"]
    assert kinds("last")[6:] == ["MaxPool2d", "Dropout"]


def test_average_pooling_no_pooling_and_global_pooling() -> None:
    blocks = [BlockSettings(channels=4, pool="average"), BlockSettings(channels=5, pool="none")]
    head = HeadSettings(pool="average", dense=(9,), dropout=0.2, bias=False)
    layers = list(build_cnn(settings(blocks=blocks, head=head), (8, 8, 3), 2))
    assert any(isinstance(layer, nn.AvgPool2d) for layer in layers)
    assert [layer.in_features for layer in layers if isinstance(layer, nn.Linear)] == [5, 9]
    assert layers[-1].bias is None


def test_dirac_convolutions_pass_their_input_on() -> None:
    block = BlockSettings(channels=6, batch_norm=False, pool="none")
    first = build_cnn(settings(init="dirac", blocks=[block]), (8, 8, 3), 2)[0]
    images = torch.rand(2, 3, 8, 8)
    first.bias.data.zero_()
    assert torch.allclose(first(images)[:, :3], images)


def test_the_stem_is_not_trained_and_whitens() -> None:
    network = build_cnn(settings(stem=StemSettings(kernel=2)), (16, 16, 3), 2)
    noise = np.random.default_rng(0).normal(size=(64, 3, 16, 16)).cumsum(axis=3)  # neighbours resemble each other
    images = torch.from_numpy(noise).float()
    whiten(network, images)
    stem = network[0]
    assert stem.out_channels == 24
    assert not stem.weight.requires_grad
    out = (stem(images) - stem.bias[:, None, None]).transpose(0, 1).reshape(24, -1)[:12].double()
    assert torch.allclose(out @ out.T / out.shape[1], torch.eye(12, dtype=torch.float64), atol=0.02)


def test_whitening_takes_little_memory_whatever_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, pieces = (build_cnn(settings(stem=StemSettings(kernel=7)), (32, 32, 3), 2) for _ in range(2))
    images = torch.rand(120, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    largest = []
    unfold = nn.functional.unfold

    def watched(images: torch.Tensor, kernel: int) -> torch.Tensor:
        patches = unfold(images, kernel)
        largest.append(patches.numel())
        return patches

    monkeypatch.setattr(nn.functional, "unfold", watched)
    whiten(pieces, images)
    assert max(largest) <= 1 << 22 < sum(largest)
    monkeypatch.setattr("training.architectures.cnn._PATCH_VALUES", 1 << 40)
    whiten(whole, images)
    # A direction and its negative are the same one; the stem has both.
    assert torch.allclose(pieces[0].weight.abs(), whole[0].weight.abs(), atol=1e-3)


def test_the_stem_starts_without_bias_and_dirac_leaves_it_alone() -> None:
    network = build_cnn(settings(stem=StemSettings(kernel=3), init="dirac"), (16, 16, 1), 2)
    assert network[0].bias.abs().max() == 0
    assert network[0].out_channels == 18


def test_an_image_too_small_is_refused() -> None:
    blocks = [BlockSettings(channels=4)] * 4
    with pytest.raises(InvalidRecipe, match="8 x 8 is too small"):
        build_cnn(settings(blocks=blocks), (8, 8, 3), 2)


def test_whitening_needs_a_stem() -> None:
    with pytest.raises(TypeError, match="does not begin with a convolution"):
        whiten(nn.Sequential(nn.Flatten()), torch.rand(1, 3, 4, 4))
