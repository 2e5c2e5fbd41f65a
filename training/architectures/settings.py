"""What a recipe says about its network; needs no torch, so that recipes can be read without it."""

from typing import Annotated, Literal

from pydantic import Field

from models.manifest import Strict

Activation = Literal["relu", "gelu", "silu"]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=8192)]


class StemSettings(Strict):
    """A first convolution that decorrelates the patches of the training images; computed once, not trained.

    It has twice as many channels as a patch has values (each principal direction and its negative).
    """

    kernel: int = Field(default=2, ge=1, le=7)
    """The side of the patches in pixels."""


class BlockSettings(Strict):
    """Convolutions of one width with one pooling."""

    channels: Width
    """The channels of each convolution."""
    convolutions: int = Field(default=1, ge=1, le=16)
    """How many convolutions there are."""
    kernel: int = Field(default=3, ge=1, le=15)
    """The side of their kernels."""
    padding: Literal["same", "valid"] = "same"
    """``same`` keeps height and width, ``valid`` loses the kernel's side less 1 of each."""
    pool: Literal["max", "average", "none"] = "max"
    """The pooling of the block."""
    pool_size: int = Field(default=2, ge=2, le=16)
    """What it divides height and width by."""
    pool_at: Literal["first", "last"] = "last"
    """``first`` pools right after the first convolution, before its batch norm and activation, ``last`` ends the block
    with it.
    """
    batch_norm: bool = True
    """A batch norm after each convolution, in place of a bias."""
    dropout: Dropout = 0
    """Dropout at the end of the block."""


class HeadSettings(Strict):
    """From feature maps to logits: global pooling or flattening, dense layers, one linear layer."""

    pool: Literal["max", "average", "none"] = "average"
    """Global pooling to one value a channel; ``none`` flattens all values."""
    dense: tuple[Width, ...] = ()
    """The widths of the dense layers before the last one."""
    dropout: Dropout = 0
    """Dropout before the last layer."""
    bias: bool = True
    """Whether the last layer has a bias."""
    scale: float = Field(default=1, gt=0)
    """What the logits are multiplied by."""


class CnnSettings(Strict):
    """A stack of convolution blocks."""

    name: Literal["cnn"]
    """The kind of network."""
    activation: Activation = "relu"
    """What follows each convolution and each dense layer but the last."""
    init: Literal["default", "dirac"] = "default"
    """``dirac`` lets convolutions begin by passing their input on, as far as they have room for it; ``default`` is
    torch's.
    """
    stem: StemSettings | None = None
    blocks: tuple[BlockSettings, ...] = Field(min_length=1, max_length=64)
    head: HeadSettings = HeadSettings()


class Vgg16Settings(Strict):
    """VGG16, configuration D of Simonyan and Zisserman 2014 (arXiv:1409.1556), with the defaults of torchvision.

    It takes images from 32 x 32 on. The published weights of the dense layers fit the defaults only; images of 32 x 32
    leave one pixel to pool, so that a pool of 1 and narrow dense layers, or none, say as much there.
    """

    name: Literal["vgg16"]
    """The kind of network."""
    batch_norm: bool = False
    """A batch norm after each convolution."""
    pool: int = Field(default=7, ge=1, le=32)
    """The height and width that the features are averaged to."""
    dense: tuple[Width, ...] = Field(default=(4096, 4096), max_length=8)
    """The widths of the dense layers before the one to the classes."""
    dropout: Dropout = 0.5
    """Dropout after each of these dense layers."""


Architecture = Annotated[CnnSettings | Vgg16Settings, Field(discriminator="name")]
