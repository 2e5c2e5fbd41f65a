"""What a model takes and gives, and how it is run."""

from fastapi import APIRouter

from models.manifest import Manifest
from models.refs import Ref
from service.api.openinference.errors import errors
from service.api.openinference.paths import RefDep, model_route
from service.api.openinference.schemas import ModelMetadata, TensorMetadata
from service.api.openinference.tensors import IMAGE, PIXELS, PROBABILITIES
from service.deps import Services, ServicesDep

router = APIRouter(tags=["open inference protocol"], responses=errors(400, 404, 503))

PLATFORM = "onnxruntime_onnx"


@model_route(router, "GET")
def model_metadata(services: ServicesDep, ref: RefDep) -> ModelMetadata:
    """Describe the inputs, of which a request has one, and the output of a model."""
    manifest = _manifest(services, ref)
    return ModelMetadata(
        name=manifest.name,
        versions=[str(version) for version in services.store.versions(manifest.name)],
        platform=PLATFORM,
        inputs=[
            TensorMetadata(name=PIXELS, datatype="UINT8", shape=[-1, *manifest.input.shape]),
            TensorMetadata(name=IMAGE, datatype="BYTES", shape=[-1]),
        ],
        outputs=[TensorMetadata(name=PROBABILITIES, datatype="FP32", shape=[-1, len(manifest.labels)])],
    )


@model_route(router, "GET", "/config")
def model_config(services: ServicesDep, ref: RefDep) -> dict[str, object]:
    """Describe a model as Triton's ModelConfig does, as far as that applies: dims are without the axis of the batch."""
    manifest, settings = _manifest(services, ref), services.settings
    return {
        "name": manifest.name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "max_batch_size": settings.max_images,
        "input": [
            {"name": PIXELS, "data_type": "TYPE_UINT8", "dims": list(manifest.input.shape), "optional": True},
            {"name": IMAGE, "data_type": "TYPE_STRING", "dims": [], "optional": True},
        ],
        "output": [{"name": PROBABILITIES, "data_type": "TYPE_FP32", "dims": [len(manifest.labels)]}],
        "dynamic_batching": {"max_queue_delay_microseconds": round(settings.max_wait_ms * 1000)},
    }


def _manifest(services: Services, ref: Ref) -> Manifest:
    return services.store.manifest(ref.name, services.fleet.find(ref).target.version)
