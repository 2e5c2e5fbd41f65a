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


class BlockSettings(Strict):
    """Convolutions of one width with one pooling.

    ``pool_at`` ``first`` pools right after the first convolution, before its batch norm and activation, ``last``
    ends the block with it. ``convolutions`` counts all convolutions of the block.
    """

    channels: Width
    convolutions: int = Field(default=1, ge=1, le=16)
    kernel: int = Field(default=3, ge=1, le=15)
    padding: Literal["same", "valid"] = "same"
    pool: Literal["max", "average", "none"] = "max"
    pool_size: int = Field(default=2, ge=2, le=16)
    pool_at: Literal["first", "last"] = "last"
    batch_norm: bool = True
    dropout: Dropout = 0


class HeadSettings(Strict):
    """From feature maps to logits: global pooling or flattening, dense layers, one linear layer.

    ``bias`` is that of the last layer, ``scale`` multiplies the logits.
    """

    pool: Literal["max", "average", "none"] = "average"
    dense: tuple[Width, ...] = ()
    dropout: Dropout = 0
    bias: bool = True
    scale: float = Field(default=1, gt=0)


class CnnSettings(Strict):
    """A stack of convolution blocks.

    ``init`` ``dirac`` lets convolutions begin by passing their input on, as far as they have room for it.
    """

    name: Literal["cnn"]
    activation: Activation = "relu"
    init: Literal["default", "dirac"] = "default"
    stem: StemSettings | None = None
    blocks: tuple[BlockSettings, ...] = Field(min_length=1, max_length=64)
    head: HeadSettings = HeadSettings()


class Vgg16Settings(Strict):
    """VGG16, configuration D of Simonyan and Zisserman 2014 (arXiv:1409.1556), with the defaults of torchvision.

    Features are averaged to ``pool`` x ``pool`` before the ``dense`` layers, each of which is followed by ``dropout``;
    the layer to the classes comes after them. The published weights of the dense layers fit the defaults only; images
    of 32 x 32 leave one pixel to pool, so that a pool of 1 and narrow dense layers, or none, say as much there.
    ``batch_norm`` follows every convolution.
    """

    name: Literal["vgg16"]
    batch_norm: bool = False
    pool: int = Field(default=7, ge=1, le=32)
    dense: tuple[Width, ...] = Field(default=(4096, 4096), max_length=8)
    dropout: Dropout = 0.5


Architecture = Annotated[CnnSettings | Vgg16Settings, Field(discriminator="name")]
