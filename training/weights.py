"""Beginning with the weights of another network in place of random ones.

Layers are taken from the first on, as long as they fit; a layer after a new one would be given features that it does
not know. The head, which is the last layer, always begins anew (Yosinski et al. 2014, arXiv:1411.1792).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from models.manifest import Origin
from models.store import Store
from training.architectures.vgg16 import Vgg16
from training.config import Recipe
from training.errors import InvalidRecipe, WeightsUnusable
from training.layers import Layer, Place, places
from training.learnt import NOTHING_KNOWN, Learnt
from training.network import Network, build_network
from training.origins import Weights, find_weights, published
from training.progress import say
from training.settings import TransferSettings

# Enough to know the mean and spread of a channel by, a few at a time.
_SETTLING_IMAGES = 256
_SETTLING_BATCH = 32


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken: the names of the parameters that learn on, as the network names them, and where from.

    ``learnt`` is what all of it has learnt from.
    """

    names: tuple[str, ...] = ()
    origin: Origin | None = None
    learnt: Learnt = NOTHING_KNOWN

    @property
    def source(self) -> str:
        """What the network begins with, for people."""
        return "random weights" if self.origin is None else self.origin.title


def load_weights(
    network: Network, transfer: TransferSettings, store: Store | None, images: Tensor | None = None
) -> Taken:
    """Let ``network`` begin with the weights that ``transfer`` names, and with the normalisation that goes with them.

    The exporter folds batch norms into convolutions, and what a graph has folded begins here as a batch norm that
    passes everything on. That is exact as long as it does not learn; for when it does, its statistics are taken from
    ``images`` of the training split, float ``[N, channels, height, width]`` in 0..1.

    Raises WeightsUnusable when there are none or nothing fits, InvalidRecipe when there is nothing published for the
    architecture, and what the source raises: DownloadFailed or BundleError.
    """
    if transfer.weights is None:
        return Taken()
    weights = _find(network, transfer.weights, store)
    fitting, rest = _match(network, weights)
    if rest:
        say(rest)
    for place, layer in fitting:
        place.fill(layer)
    if weights.normalisation is not None:
        for own, other in zip((network.mean, network.std), weights.normalisation, strict=True):
            # Of one channel: the mean of red, green and blue.
            own.copy_(other.view(1, -1, 1, 1) if len(other) == own.shape[1] else other.mean())
    folded = [place.norm for place, layer in fitting if place.norm is not None and layer.norm is None]
    if folded and images is not None:
        settle(network, folded, images[:: math.ceil(len(images) / _SETTLING_IMAGES)])
    names = tuple(name for place, _ in fitting for name in place.learning())
    return Taken(names, weights.origin.model_copy(update={"layers": len(fitting)}), weights.learnt)


def check_weights(recipe: Recipe, store: Store | None) -> None:
    """Raise what load_weights would, before any work is done."""
    if recipe.transfer.weights is not None:
        with torch.device("meta"):
            network = build_network(recipe, classes=2)
        _match(network, _find(network, recipe.transfer.weights, store))


def settle(network: Network, norms: Sequence[nn.BatchNorm2d], images: Tensor) -> None:
    """Set the statistics of ``norms``, which pass on what they are given, to those of what they see of ``images``.

    What goes out of them stays the same, up to rounding; and in training, where the statistics of each batch take the
    place of theirs, it stays about the same, instead of losing the mean and spread of every channel.
    """
    sums: dict[nn.Module, Tensor] = {}

    def watch(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1)
        found = torch.stack([values.sum(1), values.square().sum(1), torch.full_like(values[:, 0], values.shape[1])])
        sums[norm] = sums[norm] + found if norm in sums else found

    was_training = network.training
    network.eval()
    watched = [norm.register_forward_pre_hook(watch) for norm in norms]
    with torch.no_grad():
        for batch in torch.split(images, _SETTLING_BATCH):
            network(batch)
    for handle in watched:
        handle.remove()
    network.train(was_training)
    for norm in norms:
        total, squares, count = sums[norm]
        mean = total / count
        _restore(norm, mean, squares / count - mean.square())


def _restore(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a batch norm without running statistics")
    with torch.no_grad():
        norm.bias.add_(mean)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


def _find(network: Network, name: str, store: Store | None) -> Weights:
    if name != "imagenet":
        return find_weights(name, store)
    if not isinstance(network.body, Vgg16):
        raise InvalidRecipe("transfer.weights: there are imagenet weights for vgg16 only; give a file, a run or a ref")
    normed = any(isinstance(layer, nn.BatchNorm2d) for layer in network.body.features)
    return published("vgg16_bn" if normed else "vgg16")


def _match(network: Network, weights: Weights) -> tuple[list[tuple[Place, Layer]], str]:
    """The layers that fit, each with the place that it fits, and what is to be said of the rest, if there is one."""
    *wanted, head = places(network)
    fitting: list[tuple[Place, Layer]] = []
    reason = None
    for place, layer in zip(wanted, weights.layers, strict=False):
        taken = _as_grey(layer) if not fitting and _is_grey(place, layer) else layer
        reason = place.misfit(taken)
        if reason is not None:
            break
        fitting.append((place, taken))
    if not fitting:
        first = wanted[0].name if wanted else head.name
        raise WeightsUnusable(
            f"nothing of {weights.origin.title} fits: {first}: {reason or 'there is no layer but the head'}"
        )
    if len(fitting) == len(wanted):
        return fitting, ""
    new = wanted[len(fitting)].name
    why = reason or "the source has no more"
    return fitting, f"{len(fitting)} of {len(wanted)} layers fit; {new} begins anew: {why}"


def _is_grey(place: Place, layer: Layer) -> bool:
    channels = place.layer.weight.shape[1], layer.weight.shape[1]
    return channels == (1, 3) and layer.weight.ndim == 4


def _as_grey(layer: Layer) -> Layer:
    """The layer for grey images: what it answers where red, green and blue are the same."""
    return replace(layer, weight=layer.weight.sum(1, keepdim=True))
