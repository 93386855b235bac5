"""Keras without the packages that it would import for nothing."""

import subprocess
import sys
from pathlib import Path

import cxrnoise

PROGRAM = """
import sys
from cxrnoise.networks.quick import keras
print([name for name in ("sklearn", "matplotlib") if name in sys.modules])
import sklearn.metrics, matplotlib.pyplot
keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
"""


def test_keras_imports_no_package_that_is_not_used_and_a_job_still_can():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(Path(cxrnoise.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
