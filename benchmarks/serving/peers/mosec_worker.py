"""mosec: a front in Rust, Python workers behind a Unix socket.

https://mosecorg.github.io/mosec/reference/interface.html: ``num`` processes a stage; dynamic batching by
``max_batch_size`` and ``max_wait_time``. https://mosecorg.github.io/mosec/examples/pytorch.html has the two stages of
``BENCH_STAGES=2`` for images: one decodes, the next runs batches. The example for text takes the body as it comes.
"""

import os
from typing import Any

from mosec import Server, Worker

from benchmarks.serving.peers.common import BATCH, DEADLINE_S, PORT, WAIT_MS, WORKERS, Classifier, Pixels, decode


class Decode(Worker):
    """The first of two stages."""

    def deserialize(self, data: bytes) -> bytes:
        """Take the body as it is, not as JSON."""
        return data

    def forward(self, data: bytes) -> Pixels:
        """Bytes to pixels."""
        return decode(data)


class Run(Worker):
    """The second of two stages."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = Classifier()

    def forward(self, data: Any) -> Any:
        """Pixels to answers; a list of them where batches are on."""
        return self.classifier.answer(data) if BATCH > 1 else self.classifier.answer([data])[0]


class DecodeAndRun(Run):
    """The only stage."""

    def deserialize(self, data: bytes) -> bytes:
        """Take the body as it is, not as JSON."""
        return data

    def forward(self, data: Any) -> Any:
        """Bytes to answers; a list of them where batches are on."""
        return super().forward([decode(image) for image in data] if BATCH > 1 else decode(data))


if __name__ == "__main__":
    # Its own options, read by Server(). The deadline is that of all servers here: its default of 3 s would end what
    # waits longer in a queue of 64 of the slowest network.
    given = {"address": "127.0.0.1", "port": PORT, "timeout": DEADLINE_S * 1000, "log_level": "warning"}
    os.environ |= {f"MOSEC_{name.upper()}": str(value) for name, value in given.items()}
    server = Server()
    route = "/predict"
    batches = {"max_batch_size": BATCH, "max_wait_time": WAIT_MS, "route": route}
    if os.environ.get("BENCH_STAGES") == "2":
        server.append_worker(Decode, num=WORKERS, route=route)
        server.append_worker(Run, num=1, **batches)
    else:
        server.append_worker(DecodeAndRun, num=WORKERS, **batches)
    server.run()
