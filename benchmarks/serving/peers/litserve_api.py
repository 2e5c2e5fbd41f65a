"""LitServe: FastAPI in front, worker processes behind queues.

https://lightning.ai/docs/litserve/api-reference/litserver: on a CPU a worker for each core; ``fast_queue`` (ZeroMQ) for
more than 100 requests a second. https://lightning.ai/docs/litserve/features/batching: ``max_batch_size`` and
``batch_timeout``.
https://lightning.ai/docs/litserve/features/request-response-format: files come as a form; it reads no raw body.
"""

import os
from typing import Any

import litserve
from fastapi import Request

from benchmarks.serving.peers.common import BATCH, DEADLINE_S, PORT, WAIT_MS, WORKERS, Classifier, Pixels, decode


class Api(litserve.LitAPI):
    """Decodes and runs in the worker."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the signature is LitServe's
        """Once in each worker."""
        self.classifier = Classifier()

    def decode_request(self, request: Request) -> Pixels:
        """The image is a file of a form, which LitServe hands on in place of the request."""
        return decode(request["file"].file.read())

    def batch(self, inputs: list[Pixels]) -> list[Pixels]:
        """Batches are lists; they are stacked where they run."""
        return inputs

    def predict(self, x: Any) -> Any:
        """Pixels to answers; a list of them where batches are on."""
        return self.classifier.answer(x) if BATCH > 1 else self.classifier.answer([x])[0]

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """They are a list already."""
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=WAIT_MS / 1000)
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=WORKERS,
        timeout=DEADLINE_S,
        fast_queue=os.environ.get("BENCH_FAST_QUEUE") == "1",
    )
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning", access_log=False)
