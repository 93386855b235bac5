"""Which labels of a medical image archive are wrong, and how much it matters."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before TensorFlow is imported anywhere
