"""The manifest: everything about one version that is not the network itself."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from models.errors import InvalidManifest
from models.labels import Labels
from models.refs import NAME_PATTERN

Precision = Literal["fp32", "fp16", "int8"]
Variant = Literal["fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")  # from the most exact
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# One or more plain names joined by '/': never absolute, never '..', so that it cannot leave the bundle.
FILE_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
FileName = Annotated[str, StringConstraints(pattern=f"^{FILE_NAME}$")]
BundlePath = Annotated[str, StringConstraints(pattern=f"^{FILE_NAME}(/{FILE_NAME})*$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
Activation = Literal["none", "softmax", "sigmoid", "complement"]
# A threshold that no score reaches; 1 would not do, for scores of exactly 1 exist.
ACCEPTS_NOTHING = 1.01
Threshold = Annotated[float, Field(ge=0, le=ACCEPTS_NOTHING)]


class Strict(BaseModel):
    """Immutable; an unknown key is an error, so that a typing mistake cannot pass as a default.

    No number is infinite or none at all: such a one passes every comparison, or fails every one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class InputSpec(Strict):
    """How an image becomes ``pixels``, uint8 ``[height, width, channels]``."""

    height: int = Field(ge=1, le=4096)
    """The height of the pixels; larger and smaller images are resized."""
    width: int = Field(ge=1, le=4096)
    """The width of the pixels."""
    colour: Literal["rgb", "grey"] = "rgb"
    """Three channels, or one."""
    resize: Literal["stretch", "crop", "pad"] = "stretch"
    """``stretch`` ignores the aspect, ``crop`` takes the central part of the aspect of the input, ``pad`` fits the
    whole image and fills the rest.
    """
    crop_fraction: float = Field(default=1.0, gt=0, le=1)
    """For ``crop``: how much of that central part is taken."""
    pad_value: int = Field(default=0, ge=0, le=255)
    """For ``pad``: the grey level of the rest."""
    filter: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    """Pillow's resampling filter, antialiased when shrinking."""

    @property
    def channels(self) -> int:
        """3 for ``rgb``, 1 for ``grey``."""
        return 3 if self.colour == "rgb" else 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(height, width, channels)``."""
        return (self.height, self.width, self.channels)


class Measured(Strict):
    """What one graph was measured to be, so that precisions can be chosen between.

    ``accuracy`` and ``expected_calibration_error`` are of the test split. ``speed_up`` is how many times as many
    images a second it answers as the fp32 graph does on ``hardware``, in one thread and in batches of 1 or of 32,
    whichever gains less: fp16 on CUDA, int8 on a CPU. It is None where that cannot run it at speed; the accuracy of
    fp16 is then that of a CPU, which computes it in float32, where no sum overflows.
    """

    accuracy: Fraction
    expected_calibration_error: Fraction
    bytes: int = Field(ge=1)
    speed_up: float | None = Field(default=None, gt=0)
    hardware: str


class Graph(Strict):
    """One ONNX file of the version; ``tolerance`` is for its golden images, in place of the one that they state.

    It is what the graph differs by from the most exact one (see ``models.golden``), and what machines differ by.
    """

    file: BundlePath
    opset: int = Field(ge=1)
    tolerance: float | None = Field(default=None, gt=0, lt=0.5)
    measured: Measured | None = None


class Decision(Strict):
    """A best guess scored below ``threshold`` is answered ``review``, the others ``accept``.

    ``accuracy`` and ``coverage`` are those of the accepted images of the validation split: how often an
    accepted answer was right, and what share of the images was accepted; None where a person chose the threshold and
    nothing was measured. A threshold of ``ACCEPTS_NOTHING`` leaves everything for review; accuracy and coverage are 0
    then. ``target`` is the accuracy that was asked for. ``thresholds``, where there are any, has one for each label,
    which holds for the guesses of that label in place of ``threshold``.
    """

    threshold: Threshold
    accuracy: Fraction | None
    coverage: Fraction | None
    target: Fraction | None = None
    thresholds: tuple[Threshold, ...] = ()

    def threshold_of(self, index: int) -> float:
        """The threshold for guesses of the label at ``index``."""
        return self.thresholds[index] if self.thresholds else self.threshold


class Conformal(Strict):
    """The candidates of an answer: the labels scored at least ``threshold``, and the best guess.

    ``coverage`` is how often a set was asked to hold the right label, ``test_coverage`` how often it did on the test
    split, ``mean_size`` how many labels a set has there (Vovk et al. 2005; Sadinle et al. 2019, arXiv:1609.00451).
    """

    coverage: Fraction
    threshold: Fraction
    test_coverage: Fraction
    mean_size: float = Field(ge=1)


class ClassMetrics(Strict):
    """Precision, recall and F1 of one class over ``support`` images."""

    label: str
    precision: Fraction
    recall: Fraction
    f1: Fraction
    support: int = Field(ge=0)


class Metrics(Strict):
    """What the exported graph reached; ``confusion_matrix[true][predicted]`` counts images, ``loss`` is in nats.

    ``accuracy_interval`` is where the accuracy lies at 95 % confidence, ``uncalibrated_error`` the expected
    calibration error that the same logits have without the temperature.
    """

    split: str
    images: int = Field(ge=1)
    correct: int = Field(ge=0)
    accuracy: Fraction
    accuracy_interval: tuple[Fraction, Fraction] | None = None
    top5_accuracy: Fraction
    loss: float
    macro_f1: Fraction
    expected_calibration_error: Fraction
    uncalibrated_error: Fraction | None = None
    per_class: tuple[ClassMetrics, ...]
    confusion_matrix: tuple[tuple[int, ...], ...]


class Start(Strict):
    """One start of a training run: the first, or one that went on after ``epochs`` were done.

    ``processes`` trained together, each in ``threads``.
    """

    at: datetime
    git_commit: str | None
    packages: dict[str, str]
    hardware: str
    precision: str
    processes: int = Field(ge=1)
    threads: int = Field(ge=1)
    epochs: int = Field(default=0, ge=0)


class Origin(Strict):
    """The weights that a training began with in place of random ones: what they are, not where they lay.

    ``name`` is that of a file, of a run's folder, or of a model; ``imagenet`` is a file that torchvision publishes.
    Of a run these were the weights of ``epoch``, of a ``version`` those of its graph of ``precision``. ``sha256`` is of
    the file that they were in; ``layers`` is how many of them were taken, from the first on. Of the images of the test
    split they are known to have learnt from ``learnt_test_images``; None where that is not known.
    """

    kind: Literal["imagenet", "file", "run", "version"]
    name: str
    version: int | None = None
    precision: Precision | None = None
    epoch: int | None = None
    sha256: Sha256
    layers: int = Field(default=0, ge=0)
    learnt_test_images: int | None = Field(default=None, ge=0)

    @property
    def title(self) -> str:
        """What to call them."""
        match self.kind:
            case "imagenet":
                return f"ImageNet ({self.name})"
            case "file":
                return f"{self.name} (sha256 {self.sha256[:8]})"
            case "run":
                return f"the run {self.name}, epoch {self.epoch}"
            case "version":
                return f"{self.name}@{self.version} ({self.precision})"


class Provenance(Strict):
    """Where a version comes from: enough to make it again; ``precision`` is the one that it was trained in.

    Commit, packages and precision are those of the first start; ``starts`` has them all where there were several, also
    those that trained no epoch. ``hardware`` is all that did. ``origin`` is None where training began with random
    weights, and where older versions did not note it.
    """

    recipe: dict[str, Any]
    origin: Origin | None = None
    data: dict[str, Any]
    data_fingerprint: str
    git_commit: str | None
    packages: dict[str, str]
    hardware: str
    precision: str = "32-true"
    starts: tuple[Start, ...] = ()
    training_seconds: float
    epochs: int
    temperature: float
    data_check: dict[str, Any] = {}


class Imported(Strict):
    """What a version was made of that was not trained here: an ONNX file, and how it wants its images.

    ``files`` are that file and those that held its weights, by their names, and their sha256; ``producer`` is what
    wrote it, ``source`` where it is from and its licence, as whoever imported it said. The pixels are divided by 255,
    ``mean`` is taken away and ``std`` divided by, a value for each channel in the order in which the network takes
    them, ``colour``; ``layout`` is that of its input. ``activation`` is what was put behind its output: nothing, a
    softmax, or, for one value, that of the second of two classes, a sigmoid and its complement, or that alone.
    ``freed_batch`` says that the file took a fixed number of images at a time. ``difference`` is the largest between a
    probability of the version and of the file itself, over ``compared`` images.
    """

    files: dict[str, Sha256] = Field(min_length=1)
    producer: str
    source: str
    colour: Literal["rgb", "bgr", "grey"]
    layout: Literal["nchw", "nhwc"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    activation: Activation
    freed_batch: bool
    difference: float = Field(ge=0)
    compared: int = Field(ge=1)
    packages: dict[str, str]


class Manifest(Strict):
    """``manifest.json``; ``files`` holds the sha256 of every other file of the bundle.

    A version was either trained, and has its ``provenance``, or ``imported``; only an imported one may have no
    ``metrics``, which says that it was not evaluated.
    """

    schema_version: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
    version: int = Field(ge=1)
    created_at: datetime
    description: str = ""
    labels: Labels
    input: InputSpec
    graphs: dict[Precision, Graph]
    decision: Decision
    conformal: Conformal | None = None
    metrics: Metrics | None
    provenance: Provenance | None
    imported: Imported | None = None
    files: dict[BundlePath, Sha256]

    @property
    def reference(self) -> Precision:
        """The precision that metrics, decision and golden images are of: the most exact of the graphs."""
        return next(precision for precision in PRECISIONS if precision in self.graphs)

    @property
    def accuracy(self) -> float | None:
        """The share of the test images that it was right on; None for a version that was not evaluated."""
        return None if self.metrics is None else self.metrics.accuracy

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if not self.graphs:
            raise ValueError("graphs: there is none")
        unlisted = [graph.file for graph in self.graphs.values() if graph.file not in self.files]
        if unlisted:
            raise ValueError(f"files: no sha256 for {', '.join(unlisted)}")
        if (self.provenance is None) == (self.imported is None):
            raise ValueError("provenance: a version has that of its training, or what it was imported from")
        if self.metrics is None and self.imported is None:
            raise ValueError("metrics: a version that was trained was evaluated too")
        if self.metrics and tuple(entry.label for entry in self.metrics.per_class) != self.labels:
            raise ValueError("metrics.per_class: not one entry for each label, in their order")
        if self.decision.thresholds and len(self.decision.thresholds) != len(self.labels):
            raise ValueError("decision.thresholds: not one for each label")
        if self.conformal is not None and self.conformal.mean_size > len(self.labels):
            raise ValueError("conformal.mean_size: more than there are labels")
        return self


def parse_manifest(text: str | bytes) -> Manifest:
    """Read ``manifest.json``; raise InvalidManifest naming the first field that is wrong."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise InvalidManifest(first_problem(error)) from error


def first_problem(error: ValidationError, whole: str = "manifest") -> str:
    """What is wrong with the first field that is, for people; ``whole`` is what they call all fields together."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or whole
    return f"{where}: {first['msg']}"
