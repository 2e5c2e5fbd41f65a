"""What the tables of a recipe may say; needs no torch, so that recipes can be read without it.

docs/recipes.md is made of these descriptions by ``python -m training.reference``; a test compares.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from models.labels import Label
from models.manifest import Strict, Variant

Share = Annotated[float, Field(ge=0, lt=1)]
Part = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def _none(value: object) -> object:
    if value == "":
        raise ValueError("is empty: give a value, or none")
    return None if value == "none" else value


# TOML knows no null, so that ``--set`` could not take away what a recipe names.
Optional = Annotated[str | None, BeforeValidator(_none)]


class DataSettings(Strict):
    """Where the images come from and how they are split.

    Splits that the data lacks are drawn by the seed, from all classes alike. Neither can be empty: no version goes
    without calibration and numbers.
    """

    kind: Literal["folder", "cifar10", "idx"]
    """How it lies there: ``folder`` is a folder for each class, with or without ``train``, ``val`` and ``test`` above
    them; ``cifar10`` the binary files of that data set; ``idx`` files as MNIST has them.
    """
    download: Literal["cifar10", "fashion-mnist"] | None = None
    """The data set that is fetched where no ``--data`` is given."""
    labels: tuple[Label, ...] = ()
    """The names of the classes of IDX files, by rising numbers."""
    transpose: bool = False
    """Exchange the rows and columns of images in IDX files, as those of EMNIST lie on their side."""
    licence: str = ""
    """The licence of the images, noted beside each that is published; without one, a published report shows no image of
    the data.
    """
    validation: Part = 0.1
    """The share of the images that is drawn for validation where the data has no such split. To accept any answers
    takes 59 images at the least, where 95 % of these are to be right, and better some hundreds.
    """
    test: Part = 0.15
    """The share that is drawn for the test where the data has no such split."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.transpose and self.kind != "idx":
            raise ValueError("transpose: for IDX files only")
        return self


class AugmentSettings(Strict):
    """Random changes of the training images, for each image anew; without this table there are none."""

    flip: Literal["none", "random", "alternating"] = "none"
    """Mirror left and right: at random, or alternating, in every second epoch, which shows both sides equally often
    (Jordan 2024, arXiv:2404.00498).
    """
    translate: int = Field(default=0, ge=0, le=512)
    """Pixels that an image is moved by, at most; fewer than its height and width."""
    crop: float = Field(default=1, ge=0.01, le=1)
    """The least share of the area that is cut out and enlarged, of an aspect between 3:4 and 4:3 of the image's own
    (Szegedy et al. 2014, arXiv:1409.4842); 1 cuts nothing.
    """
    rotate: float = Field(default=0, ge=0, le=180)
    """Degrees that it is turned by, at most."""
    shear: float = Field(default=0, ge=0, le=45)
    """Degrees that it is sheared by, at most."""
    zoom: float = Field(default=0, ge=0, le=0.9)
    """The fraction that it is enlarged or shrunk by, at most."""
    brightness: Fraction = 0
    """By how much the factor of the brightness differs from 1, at most."""
    contrast: Fraction = 0
    """By how much the factor of the contrast differs from 1, at most."""
    saturation: Fraction = 0
    """By how much the factor of the saturation differs from 1, at most; not for grey images."""
    hue: float = Field(default=0, ge=0, le=0.5)
    """The share of the colour circle that hues turn by, at most; not for grey images."""
    policy: Literal["none", "trivial"] = "none"
    """One change of random kind and strength, of the wide space (TrivialAugment, Müller and Hutter 2021,
    arXiv:2103.10158).
    """
    cutout: int = Field(default=0, ge=0, le=2048)
    """The side in pixels of a square that is covered (DeVries and Taylor 2017, arXiv:1708.04552); less than height and
    width.
    """
    mixup: float = Field(default=0, ge=0, le=10)
    """The alpha of the Beta distribution that pairs of images and their labels are mixed by (Zhang et al. 2017,
    arXiv:1710.09412); 0 mixes nothing.
    """


class OptimizerSettings(Strict):
    """How weights follow their gradients."""

    name: Literal["sgd", "adam", "adamw"] = "adamw"
    """Stochastic gradient descent, Adam, or Adam with decoupled weight decay, as torch has them."""
    learning_rate: float = Field(gt=0)
    """The highest learning rate of the schedule."""
    momentum: Share = 0.9
    """For ``sgd``: what is kept of the last steps."""
    nesterov: bool = True
    """For ``sgd``: Nesterov's momentum in place of the plain one, which needs a momentum above 0."""
    weight_decay: float = Field(default=0, ge=0)
    """Weight decay; it spares biases and batch norms."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.name == "sgd" and self.nesterov and not self.momentum:
            raise ValueError("nesterov: needs a momentum above 0; without momentum say nesterov=false")
        return self


class ScheduleSettings(Strict):
    """The course of the learning rate over all steps; the other keys are for all but ``constant``."""

    name: Literal["constant", "one-cycle", "cosine"] = "one-cycle"
    """``one-cycle`` rises and falls linearly (Smith and Topin 2017, arXiv:1708.07120), ``cosine`` falls along a half
    cosine, ``constant`` does neither.
    """
    warmup: Share = 0.2
    """The share of the steps during which the rate rises."""
    start: float = Field(default=0.1, ge=0, le=1)
    """What it rises from, as a share of the learning rate."""
    end: float = Field(default=0.01, ge=0, le=1)
    """What it falls to, as a share of the learning rate."""


class TransferSettings(Strict):
    """Weights to start from, in place of random ones.

    Layers are taken in their order, from the first on, as long as their shapes fit; the head always begins anew.
    """

    weights: Optional = None
    """``imagenet``, those that torchvision publishes for the architecture; a file of a state_dict; the folder of a run;
    or the ref of a published version. ``none`` is the same as leaving it out.
    """
    freeze: int = Field(default=0, ge=0)
    """Epochs for which the weights that were taken stay as they are."""
    rate: float = Field(default=1, gt=0, le=1)
    """What the learning rate is multiplied by for the weights that were taken, once they learn."""

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if self.weights is None and (self.freeze or self.rate != 1):
            raise ValueError(
                "freeze and rate are about weights to start from: say which, or drop all (--set transfer={})"
            )
        return self


class FitSettings(Strict):
    """How long to train, and on what at a time."""

    epochs: int = Field(ge=1, le=100_000)
    """The epochs of the training."""
    batch_size: int = Field(ge=2, le=65_536)
    """The images of one step, over all processes together."""
    steps: int | None = Field(default=None, ge=1)
    """Batches of an epoch; where it is not set, as many as show every image once."""
    label_smoothing: Share = 0
    """What share of each label is spread over all classes (Szegedy et al. 2015, arXiv:1512.00567)."""
    patience: int = Field(default=0, ge=0)
    """Epochs without a better validation loss that end the run; 0 never ends it early."""
    balance: Literal["none", "weights", "sampling"] = "none"
    """For classes of unequal size: ``weights`` lets each count the same in the loss, ``sampling`` draws images so that
    all come up equally often.
    """
    average: Share = 0
    """What the running average of all weights, which is validated and exported, keeps of itself at each step (Polyak
    and Juditsky 1992); 0 takes the weights as they are.
    """
    clip: float = Field(default=0, ge=0)
    """The largest norm that the gradients of a step may have together; longer ones are shortened to it (Pascanu et al.
    2012, arXiv:1211.5063). 0 sets no bound.
    """
    precision: Literal["auto", "float32"] = "auto"
    """``auto`` is mixed precision where the hardware computes in bfloat16 or float16, else float32."""
    compile: Literal["auto", "on", "off"] = "auto"
    """``torch.compile``; ``auto`` is where it pays."""


class DecisionSettings(Strict):
    """What the answers are to keep."""

    accuracy: Part = 0.95
    """What the accepted answers are to reach, as the validation split must prove at 95 % confidence; the others are for
    review.
    """
    coverage: Part = 0.95
    """How often the candidates of an answer are to hold the right label."""


class ExportSettings(Strict):
    """What is made of the trained network beside the graph of float32."""

    variants: tuple[Variant, ...] = ("fp16", "int8")
    """Graphs of lower precision."""
