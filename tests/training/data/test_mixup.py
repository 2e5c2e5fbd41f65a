import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.training.data.support import as_batch, photos
from training.data.mixup import mix

CLASSES = 5


def plain(count: int) -> tuple[Tensor, Tensor]:
    """Images whose grey level tells their class."""
    targets = torch.arange(count) % CLASSES
    return (targets / 10).view(-1, 1, 1, 1).expand(count, 3, 4, 4).contiguous(), targets


def test_labels_are_mixed_by_the_same_shares_as_images() -> None:
    torch.manual_seed(0)
    images, targets = plain(200)
    mixed, soft = mix(images, targets, CLASSES, 1.0)
    assert mixed.shape == images.shape
    assert soft.shape == (200, CLASSES)
    assert torch.allclose(soft.sum(1), torch.ones(200))
    assert ((soft > 0).sum(1) <= 2).all()
    assert (soft.gather(1, targets[:, None]) > 0).all()
    level = (soft * torch.arange(CLASSES) / 10).sum(1)
    assert torch.allclose(mixed.amax((1, 2, 3)), level, atol=1e-6)
    assert torch.allclose(mixed.amin((1, 2, 3)), level, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_are_drawn_from_the_beta_distribution(alpha: float) -> None:
    torch.manual_seed(0)
    targets = torch.zeros(4000, dtype=torch.int64)
    targets[::2] = 1
    _, soft = mix(torch.zeros(4000, 1, 1, 1), targets, 2, alpha)
    share = soft.gather(1, targets[:, None])[soft.amin(1) > 0]  # of those mixed with another class
    assert abs(share.mean() - 0.5) < 0.03
    assert abs(share.var() * 4 * (2 * alpha + 1) - 1) < 0.1


def test_photographs_lie_between_the_two() -> None:
    torch.manual_seed(1)
    images = as_batch(photos())
    mixed, soft = mix(images, torch.arange(4), 4, 1.0)
    assert torch.allclose(mixed, torch.einsum("nk,kchw->nchw", soft, images), atol=1e-6)
    assert not torch.allclose(mixed, images, atol=0.05)
    assert mixed.is_contiguous(memory_format=torch.channels_last)


def test_without_alpha_nothing_is_mixed_and_the_loss_is_the_same() -> None:
    images, targets = plain(8)
    mixed, soft = mix(images, targets, CLASSES, 0)
    assert torch.equal(mixed, images)
    logits = torch.randn(8, CLASSES)
    hard = functional.cross_entropy(logits, targets, label_smoothing=0.1)
    assert torch.allclose(functional.cross_entropy(logits, soft, label_smoothing=0.1), hard)


def test_the_smallest_alpha_gives_numbers_and_a_single_image_itself() -> None:
    images, targets = plain(50)
    mixed, soft = mix(images, targets, CLASSES, 1e-6)
    assert mixed.isfinite().all()
    assert torch.allclose(soft.sum(1), torch.ones(50))
    alone, label = mix(images[3:4], targets[3:4], CLASSES, 0.3)
    assert torch.allclose(alone, images[3:4])
    assert torch.allclose(label, functional.one_hot(targets[3:4], CLASSES).float())
