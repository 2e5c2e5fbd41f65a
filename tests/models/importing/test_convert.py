"""Classifiers as all kinds of exporters write them answer as before; what does not fit is refused with a reason."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from models.errors import ImportRefused
from models.importing.convert import Converted, convert
from models.runtime import Session
from tests.models.importing.support import IMAGES, saved, wanted
from tests.support.classifiers import LABELS, classifier

SOLID = np.stack([np.full((8, 8, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))])
CAFFE = tuple(value / 255 for value in (103.939, 116.779, 123.68))
UNIT = (1 / 255,)
TWO = ("black", "white")


def converted(model: onnx.ModelProto, folder: Path, **changes: object) -> Converted:
    return convert(saved(model, folder), wanted(**changes), IMAGES)


def answers(made: Converted, pixels: np.ndarray = SOLID) -> list[int]:
    session = Session(made.graph)
    session.check_signature(made.spec, len(LABELS))
    return session.run(pixels).argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("export", "changes"),
    [
        ({}, {}),
        ({"layout": "nhwc"}, {}),
        ({"dtype": "float16"}, {}),
        ({"ends_in": "softmax"}, {}),
        ({"ends_in": "softmax"}, {"softmax": "no"}),
        ({}, {"softmax": "yes"}),
        ({"batch": 1, "reshape": [1, 3]}, {}),
        ({"batch": 1, "reshape": [1, -1]}, {}),
        ({"batch": 1, "reshape": [1, -1], "allow_zero": True}, {}),  # as torch.onnx.export(..., dynamo=True) has it
        ({"batch": 4, "reshape": [4, 3]}, {}),
        ({"batch": 4, "reshape": [4, 3], "ends_in": "softmax", "layout": "nhwc", "dtype": "float16"}, {}),
        ({"reshape": [0, 3, 1, 1]}, {}),
        ({"size": "side"}, {"size": (8, 8)}),
        ({"batch": None, "size": None}, {"size": (8, 8)}),
        ({"names": ("pixels", "probabilities")}, {}),
        ({"names": ("probabilities", "pixels")}, {}),
        ({"names": ("whatsit_before_0", "whatsit_after_constant_3")}, {}),
        ({"opset": 11}, {}),
        ({"opset": 7, "ends_in": "softmax"}, {}),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3, "layout": "nhwc"}, {"mean": (0.5,), "std": (0.5,)}),  # Keras, -1 to 1
        ({"mean": CAFFE, "std": UNIT * 3, "bgr": True}, {"mean": CAFFE, "std": UNIT, "colour": "bgr"}),
        ({"mean": (0,) * 3, "std": UNIT * 3}, {"mean": (0,), "std": UNIT}),  # values from 0 to 255
        ({"mean": (0,) * 3, "std": (1,) * 3}, {"mean": (0,), "std": (1,)}),
        ({"dtype": "uint8", "layout": "nhwc"}, {"mean": (0,), "std": (1,)}),
        ({"dtype": "uint8", "layout": "nchw", "bgr": True}, {"mean": (0,), "std": (1,), "colour": "bgr"}),
    ],
    ids=str,
)
def test_a_version_answers_as_the_classifier(export: dict, changes: dict, tmp_path: Path) -> None:
    made = converted(classifier(**export), tmp_path, **changes)
    assert answers(made) == [0, 1, 2]
    assert made.imported.difference < (1e-5 if export.get("dtype") != "float16" else 5e-3)
    assert made.imported.compared == 8
    assert made.imported.freed_batch == isinstance(export.get("batch"), int)
    assert (made.spec.height, made.spec.width, made.spec.colour) == (8, 8, "rgb")


def test_what_was_found_out_is_written_down(tmp_path: Path) -> None:
    model = classifier(batch=1, reshape=[1, 3], layout="nhwc", dtype="float16")
    made = converted(model, tmp_path, source="drawn by the tests", mean=(0.5,), std=(0.25,))
    imported = made.imported
    assert (imported.colour, imported.layout, imported.activation) == ("rgb", "nhwc", "softmax")
    assert (imported.mean, imported.std) == ((0.5,) * 3, (0.25,) * 3)
    assert (imported.producer, imported.source) == ("pytorch 2.0.0", "drawn by the tests")
    assert list(imported.files) == ["classifier.onnx"]
    assert set(imported.packages) == {"onnx", "onnxruntime"}


def test_grey_images(tmp_path: Path) -> None:
    model = classifier(("black", "white"), mean=(0.5,), std=(0.5,))
    made = converted(model, tmp_path, labels=("black", "white"), mean=(0.5,), std=(0.5,))
    assert made.spec.colour == made.imported.colour == "grey"
    pixels = np.stack([np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), 255, np.uint8)])
    assert Session(made.graph).run(pixels).argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize(("ends_in", "activation"), [("logit", "sigmoid"), ("sigmoid", "complement")])
def test_one_output_is_the_second_of_two_classes(ends_in: str, activation: str, tmp_path: Path) -> None:
    labels = ("black", "white")
    made = converted(classifier(labels, ends_in=ends_in), tmp_path, labels=labels)
    assert made.imported.activation == activation
    session = Session(made.graph)
    session.check_signature(made.spec, 2)
    given = session.run(np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)]))
    assert given.argmax(axis=1).tolist() == [0, 1]
    assert given.sum(axis=1) == pytest.approx(1)


def test_how_an_image_is_brought_to_the_size(tmp_path: Path) -> None:
    made = converted(classifier(size=None), tmp_path, size=(10, 6), resize="pad", filter="bilinear")
    assert (made.spec.height, made.spec.width, made.spec.resize, made.spec.filter) == (10, 6, "pad", "bilinear")
    assert made.spec.crop_fraction == 1  # of what crop takes
    assert converted(classifier(), tmp_path).spec.crop_fraction == 0.875


def test_the_first_thing_people_forget_is_told(tmp_path: Path) -> None:
    made = converted(classifier(), tmp_path, mean=(0.0,), std=(1.0,))
    assert "without --mean and --std the network is given values from 0 to 1" in made.warnings[0]
    assert converted(classifier(), tmp_path).warnings == ()
    dull = classifier()
    weight = next(tensor for tensor in dull.graph.initializer if tensor.name == "weight")
    weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros((3, 3), np.float32), "weight"))
    assert "answers all of 8 images alike" in converted(dull, tmp_path).warnings[0]


@pytest.mark.parametrize(
    ("export", "changes", "reason"),
    [
        ({}, {"labels": ("a", "b")}, "gives 3 values, and there are 2 labels.*class for the background"),
        ({}, {"labels": ("a", "b", "c", "d")}, "gives 3 values, and there are 4 labels.*take its line out"),
        ({}, {"labels": tuple("abcdefg")}, "gives 3 values, and there are 7 labels, of which each wants one$"),
        ({}, {"size": (16, 16)}, "takes 8 x 8 pixels, and --size says 16 x 16"),
        ({"size": None}, {}, "of any size: say with --size"),
        ({}, {"size": (8, 9)}, "takes 8 x 8 pixels, and --size says 8 x 9"),
        ({"size": None}, {"size": (5000, 8)}, "height: .*4096"),
        ({}, {"colour": "grey"}, "takes 3 channels, read as nchw, which does not fit --colour grey"),
        ({}, {"layout": "nhwc"}, "takes 8 channels, read as nhwc"),
        ({"size": 3}, {}, "does not show where the channels are: say --layout"),
        ({}, {"mean": (123.675, 116.28, 103.53)}, r"--mean 123\.675/255,116\.28/255,103\.53/255"),
        ({}, {"std": (58.4, 57.1, 57.4)}, r"--std 58\.4/255,57\.1/255,57\.4/255"),
        ({}, {"mean": (0.5, 0.5)}, "mean: 2 values for 3 channels"),
        ({}, {"mean": (-0.5,)}, "mean must not be below 0"),
        ({}, {"std": (0,)}, "nor std 0 or below"),
        ({}, {"std": (float("nan"),)}, "not all numbers"),
        ({"dtype": "uint8"}, {}, "takes pixels of uint8 and normalises them itself"),
        ({}, {"softmax": "no"}, "not to 1: they are no probabilities, and want a softmax"),
        ({"ends_in": "softmax"}, {"softmax": "yes"}, "a second softmax would flatten them"),
        ({"ends_in": "sigmoids"}, {}, "gives an image several labels, which cannot be served"),
        ({"labels": TWO, "ends_in": "logit"}, {"labels": TWO, "softmax": "no"}, "wants a sigmoid"),
        ({}, {"output": "logit"}, "has no output 'logit'; it has: output"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told(export: dict, changes: dict, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=reason):
        converted(classifier(**export), tmp_path, **changes)


def test_sigmoids_that_are_said_to_be_logits_are_taken_at_that(tmp_path: Path) -> None:
    assert converted(classifier(ends_in="sigmoids"), tmp_path, softmax="yes").imported.activation == "softmax"


def test_of_several_outputs_one_must_be_named(tmp_path: Path) -> None:
    model = classifier()
    model.graph.output.append(helper.make_tensor_value_info("colour", onnx.TensorProto.FLOAT, [None, 3]))
    with pytest.raises(ImportRefused, match=r"several outputs: say with --output .*: output, colour"):
        converted(model, tmp_path)
    assert answers(converted(model, tmp_path, output="output")) == [0, 1, 2]
    model.graph.output[1].CopyFrom(helper.make_tensor_value_info("colour", onnx.TensorProto.FLOAT, [None, None]))
    assert answers(converted(model, tmp_path)) == [0, 1, 2]  # the only one that fits the labels


def test_a_graph_of_two_inputs_is_no_image_classifier(tmp_path: Path) -> None:
    model = classifier()
    model.graph.input.append(helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, [None, 3]))
    with pytest.raises(ImportRefused, match=r"has 2 inputs \(input\.1, mask\)"):
        converted(model, tmp_path)


def test_weights_that_are_inputs_as_well_are_none(tmp_path: Path) -> None:
    model = classifier(opset=11)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    assert answers(converted(model, tmp_path)) == [0, 1, 2]


def ending_in(*nodes: onnx.NodeProto, batch: int | str = "batch", **constants: np.ndarray) -> onnx.ModelProto:
    """A classifier whose logits go through ``nodes``."""
    model = classifier(batch=batch)
    del model.graph.node[6:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    return model


def test_a_batch_that_is_fixed_within_cannot_be_freed(tmp_path: Path) -> None:
    """A vision transformer puts a token before the parts of an image: one token, where it was exported for one."""
    model = ending_in(
        helper.make_node("Concat", ["token", "logits"], ["both"], axis=1),
        helper.make_node("Slice", ["both", "three", "six", "axis"], ["output"]),
        batch=1,
        token=np.zeros((1, 3), np.float32),
        three=np.array([3]),
        six=np.array([6]),
        axis=np.array([1]),
    )
    with pytest.raises(ImportRefused, match="export it again with a free batch axis"):
        converted(model, tmp_path)


def test_a_classifier_whose_answers_are_chance_is_refused(tmp_path: Path) -> None:
    noise = helper.make_node("RandomNormalLike", ["logits"], ["noise"])
    model = ending_in(noise, helper.make_node("Add", ["logits", "noise"], ["output"]))
    with pytest.raises(ImportRefused, match=r"call model\.eval\(\)"):
        converted(model, tmp_path)


def test_neighbours_in_a_batch_must_not_matter(tmp_path: Path) -> None:
    average = helper.make_node("ReduceMean", ["logits", "first"], ["average"])
    model = ending_in(average, helper.make_node("Sub", ["logits", "average"], ["output"]), first=np.array([0]))
    with pytest.raises(ImportRefused, match=r"answered otherwise among 8 than alone.*training mode"):
        converted(model, tmp_path, softmax="yes")


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    model = ending_in(helper.make_node("Log", ["logits"], ["output"]))
    with pytest.raises(ImportRefused, match="values that are no numbers"):
        converted(model, tmp_path)


def test_a_graph_that_fails_or_answers_something_else(tmp_path: Path) -> None:
    model = ending_in(helper.make_node("ReduceMean", ["logits"], ["output"], keepdims=0))
    with pytest.raises(ImportRefused, match=r"is float32 \(\) for 1 images"):
        converted(model, tmp_path)
    with pytest.raises(ImportRefused, match="onnxruntime cannot open the graph"):
        converted(ending_in(helper.make_node("Undreamt", ["logits"], ["output"])), tmp_path)
