"""Networks, their weights, inputs, training and sampling."""

from cxrnoise.networks import runtime  # noqa: F401  TensorFlow is imported there, without its noise
