"""What the tests of importing share: classifiers in files, and images that a test can look at."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from models.importing.wanted import Preprocessing, Wanted
from tests.support.bundles import golden_images
from tests.support.classifiers import LABELS, MEAN, STD, classifier

IMAGES = golden_images(LABELS)
WANTED = Wanted(LABELS, Preprocessing(mean=MEAN, std=STD))


def wanted(**changes: object) -> Wanted:
    """WANTED with other fields, of its preprocessing too."""
    how = {field.name: changes.pop(field.name) for field in fields(Preprocessing) if field.name in changes}
    return replace(WANTED, preprocessing=replace(WANTED.preprocessing, **how), **changes)


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "classifier.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def half_precision() -> onnx.ModelProto:
    """A classifier most of whose weights are stored in half precision."""
    model = classifier()
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1000, np.float16), "more"))
    return model
