"""Makes the works: networks with random weights, which take the time of trained ones, published as real versions."""

import io
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from PIL import Image
from skimage import data
from torch import nn

from benchmarks.serving.mobilenet import MobileNetV2, settle
from benchmarks.serving.works import Work
from models.golden import GoldenImage
from models.manifest import ClassMetrics, Decision, InputSpec, Measured, Metrics, Precision, Provenance
from models.preprocess import Pixels, load_pixels
from models.publish import GraphFile, Release, publish
from models.runtime import open_session
from models.store import Store
from training.architectures.settings import Vgg16Settings
from training.architectures.vgg16 import build_vgg16
from training.config import load_recipe
from training.data.augment import to_unit
from training.export import Served, export
from training.network import Network, build_network
from training.variants.int8 import quantise

_CLASSES = tuple(f"class-{index:04}" for index in range(1000))
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # as networks of ImageNet have them
_SOURCE = "skimage.data.coffee, photograph by Rachel Michetti, CC0"


def make(work: Work) -> None:
    """Publish the network of ``work`` into its store and put its image beside it."""
    folder = work.store.parent
    shutil.rmtree(folder, ignore_errors=True)
    work.store.mkdir(parents=True)
    work.image_file.write_bytes(_photograph(work))
    spec, labels = _input(work)
    with TemporaryDirectory(prefix="whatsit-work-", dir=folder) as temporary:
        release = _release(work, spec, labels, Path(temporary))
        publish(Store(work.store), work.model, release, who="benchmarks", why="to be measured")
    probabilities = open_session(work.graph).run(load_pixels(work.image, spec)[None])[0]
    likely = [labels[index] for index in np.argsort(-probabilities, kind="stable")[:5]]
    (folder / "likely.json").write_text(json.dumps(likely) + "\n", encoding="utf-8")  # last: it says that all is there


def _photograph(work: Work) -> bytes:
    """A free photograph, cut to 4 : 3."""
    image = Image.fromarray(_coffee()).crop((33, 0, 566, 400))  # of 600 x 400
    buffer = io.BytesIO()
    if work.image_file.suffix == ".png":
        image.resize((32, 32), Image.Resampling.LANCZOS).save(buffer, "PNG")
    else:
        image.resize((500, 375), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _coffee() -> Pixels:
    image: Pixels = data.coffee()  # type: ignore[no-untyped-call] # uint8 [400, 600, 3]
    return image


def _input(work: Work) -> tuple[InputSpec, tuple[str, ...]]:
    side, labels = (32, _CIFAR10) if work.name == "small" else (224, _CLASSES)
    return InputSpec(height=side, width=side), labels


def _network(work: Work, classes: int) -> Network:
    torch.manual_seed(0)
    if work.name == "small":
        network = build_network(load_recipe("cifar10-tutorial-a"), classes)
    elif work.name == "mid":
        network = Network(MobileNetV2(classes), 3)
    else:
        network = Network(build_vgg16(Vgg16Settings(name="vgg16"), (224, 224, 3), classes), 3)
    for buffer, values in ((network.mean, _MEAN), (network.std, _STD)):
        buffer.copy_(torch.tensor(values)[None, :, None, None])
    return network


def _release(work: Work, spec: InputSpec, labels: tuple[str, ...], folder: Path) -> Release:
    network, pixels = _network(work, len(labels)), _crops(spec)
    if work.name == "mid":
        settle(network, to_unit(torch.from_numpy(pixels)))
        _export_unnormalised(network.eval(), spec, work.unnormalised_graph)
    graph = folder / "model.onnx"
    export(Served(network, 1.0), spec, graph)
    graphs: dict[Precision, GraphFile] = {"fp32": GraphFile(graph)}
    if work.name == "vgg16":
        eight = folder / "int8.onnx"
        eight.write_bytes(quantise(graph, pixels))
        graphs["int8"] = GraphFile(eight, _unmeasured(eight))
    release = Release(
        labels=labels,
        input=spec,
        graphs=graphs,
        decision=Decision(threshold=0.5, accuracy=1, coverage=1),
        metrics=_no_metrics(labels),
        provenance=_provenance(work),
        golden=[GoldenImage(work.image_file.name, work.image, _SOURCE)],
        description=f"{work.title}: random weights, to be measured",
    )
    return replace(release, documents={"MODEL_CARD.md": f"# {work.title}\n\nKnows nothing: its weights are random.\n"})


def _crops(spec: InputSpec, count: int = 16) -> Pixels:
    """Parts of a photograph, uint8 ``[count, height, width, 3]``: what ranges of activations are measured on."""
    rng, image = np.random.default_rng(0), _coffee()
    places = rng.integers((0, 0), (image.shape[0] - spec.height + 1, image.shape[1] - spec.width + 1), (count, 2))
    return np.stack([image[top : top + spec.height, left : left + spec.width] for top, left in places])


def _export_unnormalised(network: Network, spec: InputSpec, path: Path) -> None:
    """The graph without its first steps: float32 ``[N, 3, height, width]``, normalised, to probabilities."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)  # as in training.export
        program = torch.onnx.export(
            nn.Sequential(network.body, nn.Softmax(1)).eval(),
            (torch.zeros(2, 3, spec.height, spec.width),),
            dynamo=True,
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    if program is None:
        raise TypeError("torch.onnx.export returned nothing")
    onnx.save(program.model_proto, path)


def _unmeasured(graph: Path) -> Measured:
    return Measured(accuracy=0, expected_calibration_error=0, bytes=graph.stat().st_size, hardware="not measured")


def _no_metrics(labels: Sequence[str]) -> Metrics:
    return Metrics(
        split="none",
        images=1,
        correct=0,
        accuracy=0,
        top5_accuracy=0,
        loss=0,
        macro_f1=0,
        expected_calibration_error=0,
        per_class=tuple(ClassMetrics(label=label, precision=0, recall=0, f1=0, support=0) for label in labels),
        confusion_matrix=(),
    )


def _provenance(work: Work) -> Provenance:
    return Provenance(
        recipe={"work": work.name},
        data={},
        data_fingerprint="none",
        git_commit=None,
        packages={"torch": torch.__version__},
        hardware="none",
        training_seconds=0,
        epochs=0,
        temperature=1,
    )
