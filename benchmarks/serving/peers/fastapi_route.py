"""A plain FastAPI route: uvicorn with a worker a core.

https://fastapi.tiangolo.com/deployment/server-workers says how to start several processes. Routes that are not async
run in a pool of threads, which leaves the loop free (https://fastapi.tiangolo.com/async); ``BENCH_POOL=0`` computes on
the loop, which saves the way to another thread.
"""

import os
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Request, UploadFile
from fastapi.concurrency import run_in_threadpool

from benchmarks.serving.peers.common import PORT, WORKERS, Classifier, decode

POOL = os.environ.get("BENCH_POOL", "1") == "1"

app = FastAPI()
classifier = Classifier() if os.environ.get("BENCH_IN_WORKER") else None  # the parent of the workers needs none


def classify(images: list[bytes]) -> list[dict[str, Any]]:
    """Decode and run; images of one request are one batch."""
    assert classifier is not None  # noqa: S101 - in a worker it is there
    return classifier.answer([decode(image) for image in images])


async def _answer(images: list[bytes]) -> list[dict[str, Any]]:
    return await run_in_threadpool(classify, images) if POOL else classify(images)


@app.post("/predict")
async def predict(request: Request) -> dict[str, Any]:
    """The image is the body."""
    return (await _answer([await request.body()]))[0]


@app.post("/predict/multipart")
async def predict_multipart(file: UploadFile) -> dict[str, Any]:
    """The image is a file of a form."""
    return (await _answer([await file.read()]))[0]


@app.post("/predict/batch")
async def predict_batch(files: Annotated[list[UploadFile], "one image each"]) -> list[dict[str, Any]]:
    """The images are the files of a form."""
    return await _answer([await file.read() for file in files])


if __name__ == "__main__":
    os.environ["BENCH_IN_WORKER"] = "1"
    uvicorn.run(f"{__spec__.name}:app", port=PORT, workers=WORKERS, access_log=False, log_level="warning")
