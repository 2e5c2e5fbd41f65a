"""What training and service agree on: what a version is, how bytes become pixels, where versions live.

Imports pydantic, numpy, Pillow and onnxruntime; never a web framework, never torch.
"""

import os

# Since 1.29 onnxruntime reports to its makers from the moment that it is imported, in a thread of its own; its
# Privacy.md names this as the way to prevent it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
