"""How a graph takes images and gives answers: which input and output, in which layout, type and size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto
from pydantic import ValidationError

from models.errors import ImportRefused
from models.importing.wanted import Layout, Preprocessing, Wanted
from models.manifest import InputSpec, first_problem

Taken = type[np.float32] | type[np.float16] | type[np.uint8]
_TYPES: dict[int, Taken] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.UINT8: np.uint8,
}
_CHANNELS = {1, 3}
_AXES: dict[Layout, tuple[int, int, int]] = {"nchw": (1, 2, 3), "nhwc": (3, 1, 2)}  # of channels, height and width

Shape = tuple[int | None, ...]  # None: any


@dataclass(frozen=True, slots=True)
class Interface:
    """What there is to know of a graph's input and output; ``batch`` is the number of images it takes, None for any.

    ``reversed`` says that it takes blue, green and red; ``spec`` is how an image becomes pixels for it.
    """

    input: str
    output: str
    dtype: Taken
    layout: Layout
    reversed: bool
    batch: int | None
    spec: InputSpec


def find_interface(model: onnx.ModelProto, wanted: Wanted) -> Interface:
    """Find out how ``model`` takes images, with what is ``wanted`` of it where it does not say.

    Raises ImportRefused for what is no image classifier, or is not what ``wanted`` says.
    """
    taken = _input(model)
    kind = taken.type.tensor_type.elem_type
    if kind not in _TYPES:
        name = TensorProto.DataType.Name(kind) if kind else "no tensor"
        raise ImportRefused(f"the input {taken.name} is {name.lower()}; an image must be float, float16 or uint8")
    shape = _shape(taken)
    if len(shape) != 4:
        raise ImportRefused(f"the input {taken.name} is {_said(shape)}; images are four axes: batch, channels, sides")
    asked = wanted.preprocessing
    layout = _layout(shape) if asked.layout == "auto" else asked.layout
    return Interface(
        input=taken.name,
        output=_output(model, wanted).name,
        dtype=_TYPES[kind],
        layout=layout,
        reversed=asked.colour == "bgr",
        batch=shape[0],
        spec=_spec(shape, layout, asked),
    )


def _input(model: onnx.ModelProto) -> onnx.ValueInfoProto:
    """The input that is no weight: old files list these as well."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs: list[onnx.ValueInfoProto] = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise ImportRefused(f"the graph has {len(inputs)} inputs ({names}); an image classifier has one, the image")
    return inputs[0]


def _output(model: onnx.ModelProto, wanted: Wanted) -> onnx.ValueInfoProto:
    """The output that was named, the only one, or the only one with as many values as there are labels."""
    outputs: dict[str, onnx.ValueInfoProto] = {value.name: value for value in model.graph.output}
    names = ", ".join(outputs)
    if wanted.output is not None:
        if wanted.output not in outputs:
            raise ImportRefused(f"the graph has no output {wanted.output!r}; it has: {names}")
        return outputs[wanted.output]
    fitting = [value for value in outputs.values() if len(wanted.labels) in _shape(value)[1:]]
    found = fitting if len(outputs) > 1 else list(outputs.values())
    if len(found) != 1:
        raise ImportRefused(f"the graph has several outputs: say with --output which one the classes are: {names}")
    return found[0]


def _shape(value: onnx.ValueInfoProto) -> Shape:
    return tuple(dim.dim_value or None for dim in value.type.tensor_type.shape.dim)


def _layout(shape: Shape) -> Layout:
    fitting = [layout for layout, (channels, *_) in _AXES.items() if shape[channels] in _CHANNELS]
    if len(fitting) != 1:
        raise ImportRefused(
            f"the input is {_said(shape)}, which does not show where the channels are: say --layout nchw, as torch has "
            "it, or --layout nhwc, as Keras has it"
        )
    return fitting[0]


def _spec(shape: Shape, layout: Layout, asked: Preprocessing) -> InputSpec:
    channels, height, width = (shape[axis] for axis in _AXES[layout])
    colour = asked.colour or ("grey" if channels == 1 else "rgb")
    if channels not in {None, 1 if colour == "grey" else 3}:
        raise ImportRefused(
            f"the graph takes {channels} channels, read as {layout}, which does not fit --colour {colour}"
        )
    size = asked.size or (height, width)
    if None in size:
        raise ImportRefused(f"the input is {_said(shape)}, of any size: say with --size which one it was trained on")
    if height not in {None, size[0]} or width not in {None, size[1]}:
        raise ImportRefused(f"the graph takes {height} x {width} pixels, and --size says {size[0]} x {size[1]}")
    try:
        return InputSpec(
            height=size[0],
            width=size[1],
            colour="grey" if colour == "grey" else "rgb",
            resize=asked.resize,
            crop_fraction=asked.crop_fraction if asked.resize == "crop" else 1,
            filter=asked.filter,
        )
    except ValidationError as error:
        raise ImportRefused(first_problem(error)) from error


def _said(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('?' if side is None else str(side) for side in shape)}]"
