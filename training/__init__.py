"""Makes versions: recipe, data, network, ONNX graph, bundle. Imports torch and ``models``; never ``service``."""
