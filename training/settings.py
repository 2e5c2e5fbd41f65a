"""What the tables of a recipe may say; needs no torch, so that recipes can be read without it."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from models.labels import Label
from models.manifest import Strict, Variant

Share = Annotated[float, Field(ge=0, lt=1)]
Part = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
# TOML knows no null, so that ``--set`` could not take away what a recipe names.
Optional = Annotated[str | None, BeforeValidator(lambda value: None if value == "none" else value)]


class DataSettings(Strict):
    """Where the images come from and how they are split.

    ``validation`` and ``test`` are the shares that are drawn, stratified and seeded, where the data has no such
    split of its own; neither can be 0, as no version goes without calibration and numbers. ``labels`` names the
    classes of IDX files in rising order of their numbers; ``transpose`` exchanges the rows and columns of their images,
    as those of EMNIST lie on their side. ``download`` is the data set that is fetched when no ``--data`` is given.
    ``licence`` is noted beside every image of the data that is published, as a golden image.
    """

    kind: Literal["folder", "cifar10", "idx"]
    download: Literal["cifar10", "fashion-mnist"] | None = None
    labels: tuple[Label, ...] = ()
    transpose: bool = False
    licence: str = ""
    validation: Part = 0.1
    test: Part = 0.15

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.transpose and self.kind != "idx":
            raise ValueError("transpose: for IDX files only")
        return self


class AugmentSettings(Strict):
    """Random changes of the training images only, for each image anew.

    ``flip`` mirrors left and right: ``random`` each time anew, ``alternating`` every second epoch, which shows both
    sides equally often (Jordan 2024, arXiv:2404.00498). ``translate`` is in pixels, ``rotate`` and ``shear`` in
    degrees, ``zoom`` a fraction of the size, all to either side. ``crop`` cuts out a part with at least that share of
    the area, of an aspect between 3:4 and 4:3 of the image's own, and enlarges it (Szegedy et al. 2014,
    arXiv:1409.4842); 1 cuts nothing. ``brightness``, ``contrast`` and ``saturation`` are by how much factors around 1
    differ from it, ``hue`` is a share of the colour circle to either side; grey images have neither saturation nor
    hue. ``policy`` ``trivial`` makes one change of random kind and strength, of the wide space (TrivialAugment, Müller
    and Hutter 2021, arXiv:2103.10158). ``cutout`` is the side in pixels of a square that is covered (DeVries and
    Taylor 2017, arXiv:1708.04552). ``mixup`` is the alpha of the Beta distribution that pairs of images and their
    labels are mixed by (Zhang et al. 2017, arXiv:1710.09412).
    """

    flip: Literal["none", "random", "alternating"] = "none"
    translate: int = Field(default=0, ge=0, le=512)
    crop: float = Field(default=1, ge=0.01, le=1)
    rotate: float = Field(default=0, ge=0, le=180)
    shear: float = Field(default=0, ge=0, le=45)
    zoom: float = Field(default=0, ge=0, le=0.9)
    brightness: Fraction = 0
    contrast: Fraction = 0
    saturation: Fraction = 0
    hue: float = Field(default=0, ge=0, le=0.5)
    policy: Literal["none", "trivial"] = "none"
    cutout: int = Field(default=0, ge=0, le=2048)
    mixup: float = Field(default=0, ge=0, le=10)


class OptimizerSettings(Strict):
    """``momentum`` and ``nesterov`` are for ``sgd``; weight decay spares biases and batch norm."""

    name: Literal["sgd", "adam", "adamw"] = "adamw"
    learning_rate: float = Field(gt=0)
    momentum: Share = 0.9
    nesterov: bool = True
    weight_decay: float = Field(default=0, ge=0)


class ScheduleSettings(Strict):
    """The course of the learning rate over all steps.

    ``one-cycle`` rises linearly from ``start`` times the rate during the share ``warmup`` and falls linearly to
    ``end`` times the rate (Smith and Topin 2017, arXiv:1708.07120); ``cosine`` falls along a half cosine instead.
    """

    name: Literal["constant", "one-cycle", "cosine"] = "one-cycle"
    warmup: Share = 0.2
    start: float = Field(default=0.1, ge=0, le=1)
    end: float = Field(default=0.01, ge=0, le=1)


class TransferSettings(Strict):
    """Weights to start from, in place of random ones.

    ``weights``: ``imagenet`` are those that torchvision publishes for the architecture; else a file of a state_dict,
    the folder of a run, or the ref of a published version. Layers are taken in their order, from the first on, as long
    as their shapes fit; the head always begins anew. Taken weights stay as they are for ``freeze`` epochs; from then on
    they learn at ``rate`` times the rate of the others.
    """

    weights: Optional = None
    freeze: int = Field(default=0, ge=0)
    rate: float = Field(default=1, gt=0, le=1)

    @model_validator(mode="after")
    def _has_weights(self) -> Self:
        if self.weights is None and (self.freeze or self.rate != 1):
            raise ValueError(
                "freeze and rate are about weights to start from: say which, or drop all (--set transfer={})"
            )
        return self


class FitSettings(Strict):
    """``patience`` is how many epochs without a better validation loss end the run; 0 never ends it early.

    An epoch is ``steps`` batches, by default as many as show every image once. ``balance``: ``weights`` lets each
    class count the same in the loss, ``sampling`` draws images so that the classes come up equally often.
    ``average`` is how much the running average of all weights, which is what is validated and exported, keeps of
    itself at each step (Polyak and Juditsky 1992); 0 takes the weights as they are. ``precision`` ``auto`` is mixed
    precision where the hardware computes in bfloat16 or float16, else float32; ``compile`` is ``torch.compile``,
    ``auto`` where it pays.
    """

    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=2, le=65_536)
    steps: int | None = Field(default=None, ge=1)
    label_smoothing: Share = 0
    patience: int = Field(default=0, ge=0)
    balance: Literal["none", "weights", "sampling"] = "none"
    average: Share = 0
    precision: Literal["auto", "float32"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"


class DecisionSettings(Strict):
    """What the answers are to keep.

    ``accuracy`` is what accepted answers are to reach; the validation split must prove it, at 95 % confidence.
    ``coverage`` is how often the set of likely labels is to hold the right one.
    """

    accuracy: Part = 0.95
    coverage: Part = 0.95


class ExportSettings(Strict):
    """``variants``: graphs of lower precision to make beside the one of float32."""

    variants: tuple[Variant, ...] = ("fp16", "int8")
