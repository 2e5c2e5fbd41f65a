"""Served equals evaluated: all 10,000 CIFAR-10 test images as PNG through ``predict/batch``, counted.

    python -m benchmarks.served_equals_evaluated DIR [--model cifar10] [--precision auto]

DIR holds test_batch.bin of the binary version. The count must be the one that ``whatsit evaluate`` gives for the same
graph of the same version, which publishing wrote into its manifest.
"""

import argparse
import io
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.decoding_memory import as_multipart
from service.background import Running, running

_BATCH = 50


def read_test_split(folder: Path) -> tuple[list[bytes], list[int]]:
    """The test images as PNG, and their classes."""
    records = np.fromfile(folder / "test_batch.bin", np.uint8).reshape(-1, 3073)
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return [_png(image) for image in images], records[:, 0].tolist()


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def served(server: Running, model: str, images: list[bytes]) -> list[int]:
    """The class that the service answers for each image."""
    answers: list[int] = []
    for start in range(0, len(images), _BATCH):
        body = b"".join(as_multipart(image, 1).removesuffix(b"--x--\r\n") for image in images[start : start + _BATCH])
        kind = "multipart/form-data; boundary=x"
        status, answer = server.ask("POST", f"/v1/models/{model}/predict/batch?top_k=1", body + b"--x--\r\n", kind)
        if status != 200 or answer["summary"]["failed"]:
            raise SystemExit(f"{status}: {answer}")
        answers += [result["predictions"][0]["index"] for result in answer["results"]]
    return answers


def evaluated(manifest: Mapping[str, Any], precision: str) -> int:
    """How many test images were right when the graph of ``precision`` was measured for publishing."""
    metrics, measured = manifest["metrics"], manifest["graphs"][precision]["measured"]
    return round((measured or metrics)["accuracy"] * metrics["images"])


def main() -> None:
    """Count and print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--model", default="cifar10")
    arguments.add_argument("--precision", default="auto", help="the graph to serve")
    given = arguments.parse_args()
    images, classes = read_test_split(given.folder)
    settings = {"log_level": "warning", "precision": given.precision}
    with running(settings, subprocess.DEVNULL) as server:
        started = time.monotonic()
        answers = served(server, given.model, images)
        seconds = time.monotonic() - started
        versions = server.ask("GET", f"/v1/models/{given.model}")[1]["versions"]
        version, graph = next((v["version"], v["running"]["precision"]) for v in versions if v["running"])
        manifest = server.ask("GET", f"/v1/models/{given.model}/versions/{version}")[1]["manifest"]
    correct = sum(answer == truth for answer, truth in zip(answers, classes, strict=True))
    print(f"{given.model}@{version} in {graph}")
    print(f"served: {correct} of {len(classes)} correct in {seconds:.1f} s ({len(classes) / seconds:.0f} images/s)")
    print(f"evaluated: {evaluated(manifest, graph)} of {manifest['metrics']['images']} correct")


if __name__ == "__main__":
    main()
