"""The Open Inference Protocol V2 over HTTP, as clients of Triton and KServe speak it: docs/open-inference.md."""

from service.api.openinference import health, infer, metadata, repository, statistics

# Of routes that fit a path the first counts: /v2/models/stats is no model.
ROOMS = (health, statistics, metadata, infer, repository)
