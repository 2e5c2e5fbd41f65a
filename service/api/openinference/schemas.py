"""The protocol's answers but for that to an inference, as OpenAPI describes them."""

from typing import Literal

from pydantic import BaseModel, Field


class ServerLive(BaseModel):
    """The process answers."""

    live: Literal[True] = True


class ServerReady(BaseModel):
    """The default model has answered its golden images, and still would."""

    ready: Literal[True] = True


class ModelReady(BaseModel):
    """The version that was asked for is open and would answer."""

    name: str
    ready: Literal[True] = True


class ServerMetadata(BaseModel):
    """Who answers, and what of the protocol beyond its core."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """One input or output; -1 is an axis of any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """What a model takes, one of ``inputs``, and gives; ``versions`` can all be asked for."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class IndexEntry(BaseModel):
    """One version of the store, and what the process that is asked makes of it."""

    name: str
    version: str
    state: Literal["READY", "LOADING", "UNAVAILABLE"]
    reason: str


class Duration(BaseModel):
    """How often, and how long in all."""

    count: int
    ns: int = Field(description="Nanoseconds.")


class InferenceStatistics(BaseModel):
    """Each image is counted as a request of its own, for so it is queued and run."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration = Field(description="Decoding and resizing.")
    compute_infer: Duration = Field(description="The run of the graph that an image was in.")
    compute_output: Duration = Field(description="From the end of that run until the row was at hand.")
    cache_hit: Duration


class BatchStatistics(BaseModel):
    """The runs of the graph with this many images."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(BaseModel):
    """What one version has done since the service was started."""

    name: str
    version: str
    last_inference: int = Field(description="Milliseconds since 1970; 0 for never.")
    inference_count: int
    execution_count: int
    inference_stats: InferenceStatistics
    batch_stats: list[BatchStatistics]


class Statistics(BaseModel):
    """Those of every version that was asked for."""

    model_stats: list[ModelStatistics]
