"""BentoML: Starlette workers, started by its own command.

https://docs.bentoml.com/en/latest/build-with-bentoml/parallelize-requests.html: a worker for each core.
https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html: ``batchable``, for images as files of a form.
https://docs.bentoml.com/en/latest/build-with-bentoml/iotypes.html: what is positional only is the body itself.
"""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml
from PIL.Image import Image

from benchmarks.serving.peers.common import BATCH, DEADLINE_S, PORT, WORKERS, Classifier, resize

_batches = {"batchable": True, "max_batch_size": max(2, BATCH), "max_latency_ms": DEADLINE_S * 1000}


@bentoml.service(workers=WORKERS, traffic={"timeout": DEADLINE_S}, logging={"access": {"enabled": False}})
class Service:
    """Decodes and runs in a worker."""

    def __init__(self) -> None:
        self.classifier = Classifier()

    @bentoml.api(route="/predict")
    def predict(self, image: Image, /) -> dict[str, Any]:
        """The image is the body."""
        return self.classifier.answer([resize(image)])[0]

    @bentoml.api(route="/predict/batched", **_batches)
    def predict_batched(self, file: list[Image]) -> list[dict[str, Any]]:
        """The image is a file of a form; those of several requests are one batch."""
        return self.classifier.answer([resize(image) for image in file])


if __name__ == "__main__":
    command = [str(Path(sys.executable).with_name("bentoml")), "serve", f"{__spec__.name}:Service"]
    os.execv(command[0], [*command, "--host", "127.0.0.1", "--port", str(PORT)])  # noqa: S606 - its own command
