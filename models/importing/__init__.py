"""Making a version of an ONNX classifier that was trained elsewhere: needs the package onnx (extra ``import``).

``read`` takes the file in, ``interface`` finds out how it takes images, ``original`` runs it as it is, ``activation``
decides what its outputs are, ``batch`` and ``wrap`` change the graph, ``convert`` proves that it answers as before, and
``publish`` makes it a version.
"""
