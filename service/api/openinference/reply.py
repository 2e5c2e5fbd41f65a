"""The answer to an inference: its JSON, and the tensor that may follow it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pydantic_core import to_json

from models.manifest import Manifest
from models.postprocess import Probabilities, answer
from service.api.openinference.request import Inference
from service.api.openinference.tensors import PROBABILITIES, float_bytes, text_bytes


class Reply(NamedTuple):
    """``json_length`` bytes of ``body`` are JSON; all, where that is None."""

    body: bytes
    json_length: int | None


def reply(inference: Inference, rows: Sequence[Probabilities], manifest: Manifest) -> Reply:
    """Write what was asked for of ``rows``, float32 ``[classes]`` each."""
    tensor, binary = _labels(rows, manifest, inference) if inference.classes else _probabilities(rows, inference)
    members = {
        "model_name": manifest.name,
        "model_version": str(manifest.version),
        **({} if inference.id is None else {"id": inference.id}),
        "outputs": [{"name": PROBABILITIES, **tensor}],
    }
    text = to_json(members)
    return Reply(text + binary, len(text) if inference.binary else None)


def _probabilities(rows: Sequence[Probabilities], inference: Inference) -> tuple[dict[str, object], bytes]:
    values = np.stack(rows)
    tensor: dict[str, object] = {"datatype": "FP32", "shape": list(values.shape)}
    if inference.binary:
        return _with_binary(tensor, float_bytes(values))
    return {**tensor, "data": values.ravel().tolist()}, b""


def _labels(rows: Sequence[Probabilities], manifest: Manifest, inference: Inference) -> tuple[dict[str, object], bytes]:
    """``score:index:label`` of the best classes of each image; the score to six decimals, as in every answer."""
    best = [answer(row, manifest, inference.classes).predictions for row in rows]
    texts = [f"{one.score:f}:{one.index}:{one.label}" for predictions in best for one in predictions]
    tensor: dict[str, object] = {"datatype": "BYTES", "shape": [len(rows), inference.classes]}
    return _with_binary(tensor, text_bytes(texts)) if inference.binary else ({**tensor, "data": texts}, b"")


def _with_binary(tensor: dict[str, object], binary: bytes) -> tuple[dict[str, object], bytes]:
    return {**tensor, "parameters": {"binary_data_size": len(binary)}}, binary
