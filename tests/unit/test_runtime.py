"""TensorFlow as `runtime.start` sets it up, in processes of their own, as jobs are."""

import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

import cxrnoise
from cxrnoise.networks import runtime

PROGRAM = """
import hashlib, json, sys
import numpy as np
import tensorflow as tf
from cxrnoise.networks import architectures as network, runtime

runtime.start(**json.loads(sys.argv[1]))
model = network.build("small", 16, 0.9)
model.compile("sgd", "sparse_categorical_crossentropy")
images = np.random.default_rng(0).uniform(0, 255, (8, 16, 16, 1)).astype("float32")
for _ in range(3):
    model.train_on_batch(images, np.arange(8) % 2)
print(json.dumps({
    "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    "operators": tf.config.threading.get_inter_op_parallelism_threads(),
    "convolution": model.get_layer("conv1_conv").compute_dtype,
    "classifier": model.get_layer("classifier").compute_dtype,
    "kernel": str(model.get_layer("conv1_conv").kernel.dtype),
    "weights": hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest(),
}))
"""


def computed(**options):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(options)],
        env={"PYTHONPATH": str(Path(cxrnoise.__file__).parents[1])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_processes_with_the_same_seed_and_threads_compute_the_same_bits():
    first = computed(threads=2, seed=3)
    assert computed(threads=2, seed=3) == first
    assert (first["threads"], first["operators"]) == (2, 1)
    assert first["convolution"] == "float32"


def test_mixed_precision_computes_in_float16_and_keeps_weights_and_softmax_in_float32():
    mixed = computed(threads=1, seed=4, mixed_precision=True)
    assert mixed["convolution"] == "float16"
    assert (mixed["kernel"], mixed["classifier"]) == ("float32", "float32")


@pytest.mark.parametrize(("gpus", "seen"), [(0, []), (1, ["first"])])
def test_a_job_sees_no_more_gpus_than_it_asked_for(monkeypatch, gpus, seen):
    tensorflow = MagicMock()
    tensorflow.config.list_physical_devices.return_value = ["first", "second"]
    monkeypatch.setattr(runtime, "tf", tensorflow)
    runtime.start(threads=1, seed=0, gpus=gpus)
    tensorflow.config.set_visible_devices.assert_called_once_with(seen, "GPU")
