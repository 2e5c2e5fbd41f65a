"""What training and service agree on: what a version is, how bytes become pixels, where versions live.

Imports pydantic, numpy, Pillow and onnxruntime; never a web framework, never torch.
"""
