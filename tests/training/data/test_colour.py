from collections.abc import Callable

import pytest
import torch
from PIL import ImageEnhance
from torch import Tensor

from tests.training.data.support import as_batch, levels_apart, photos
from training.data.colour import brighten, contrast, jitter, saturate, turn_hue
from training.settings import AugmentSettings

LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.8])
@pytest.mark.parametrize(
    ("change", "enhance"),
    [(brighten, ImageEnhance.Brightness), (contrast, ImageEnhance.Contrast), (saturate, ImageEnhance.Color)],
)
def test_a_factor_does_what_it_does_in_pillow(
    change: Callable[[Tensor, Tensor], Tensor], enhance: type, factor: float, mode: str
) -> None:
    originals = photos(mode=mode)
    changed = change(as_batch(originals), torch.full((4,), factor))
    assert levels_apart(changed, [enhance(image).enhance(factor) for image in originals]) < 2


def test_a_turn_of_the_hue_keeps_luma_and_grey() -> None:
    images = as_batch(photos()) * 0.4 + 0.3  # away from black and white, so that nothing is clipped
    turned = turn_hue(images, torch.tensor([0.1, -0.2, 0.25, 0.5]))
    assert ((images - turned).abs().amax((1, 2, 3)) > 0.1).all()
    assert ((images - turned) * LUMA).sum(1).abs().max() < 1e-2
    grey = images.mean(1, keepdim=True).repeat(1, 3, 1, 1)
    assert torch.allclose(turn_hue(grey, torch.full((4,), 0.3)), grey, atol=1e-2)


def test_turns_of_the_hue_add_up_to_a_circle() -> None:
    images = as_batch(photos()) * 0.4 + 0.3
    third = torch.full((4,), 1 / 3)
    assert not torch.allclose(turn_hue(turn_hue(images, third), third), images, atol=0.05)
    assert torch.allclose(turn_hue(turn_hue(turn_hue(images, third), third), third), images, atol=1e-5)
    assert torch.allclose(turn_hue(images, torch.zeros(4)), images, atol=1e-6)


def test_a_turn_takes_red_through_green_and_blue() -> None:
    red = torch.tensor([0.6, 0.2, 0.2]).view(1, 3, 1, 1).repeat(6, 1, 2, 2)
    strongest = turn_hue(red, torch.arange(6) / 6)[:, :, 0, 0].argmax(1)
    assert set(strongest.tolist()) == {0, 1, 2}
    assert strongest[0] == 0


@pytest.mark.parametrize("key", ["brightness", "contrast", "saturation", "hue"])
def test_each_image_gets_a_factor_of_its_own_and_stays_in_range(key: str) -> None:
    torch.manual_seed(0)
    images = as_batch(photos()[:1]).repeat(30, 1, 1, 1)
    changed = jitter(images, AugmentSettings.model_validate({key: 0.5}))
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1
    strength = (changed - images).abs().mean((1, 2, 3))
    assert len(strength.unique()) > 25
    assert strength.max() > 0.02
    assert strength.min() < strength.max() / 5


def test_brightness_is_a_factor_within_its_bounds() -> None:
    torch.manual_seed(0)
    plain = torch.full((200, 3, 2, 2), 0.5)
    changed = jitter(plain, AugmentSettings(brightness=0.3))
    assert 0.35 <= changed.min() < 0.36
    assert 0.64 < changed.max() <= 0.65
