"""Keras and TensorFlow, imported without what they would import for nothing.

Keras imports scikit-learn and matplotlib where they are installed, for wrappers and plots that
nobody here uses: 0.9 of 2.9 CPU seconds of every job with a network. A job may still import them
afterwards.
"""

import sys

_UNUSED = [name for name in ("sklearn", "matplotlib") if name not in sys.modules]

for _name in _UNUSED:
    sys.modules[_name] = None  # Python then says that it is not installed
try:
    import keras
    import tensorflow as tf
finally:
    for _name in _UNUSED:
        del sys.modules[_name]

__all__ = ["keras", "tf"]
