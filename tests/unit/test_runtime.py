"""TensorFlow as `runtime.start` sets it up, in processes of their own, as jobs are."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest

import cxrnoise
from cxrnoise.networks import runtime

START = "from cxrnoise.networks import runtime; runtime.start(1, 0)\n"
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
    "convolution": model.get_layer("conv1").compute_dtype,
    "classifier": model.get_layer("classifier").compute_dtype,
    "kernel": str(model.get_layer("conv1").kernel.dtype),
    "weights": hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest(),
}))
"""


def run(program, *arguments):
    path = [str(Path(cxrnoise.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={"PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
    )


def computed(**options):
    done = run(PROGRAM, json.dumps(options))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("first", ["runtime", "checkpoints, models, runtime, training"])
def test_tensorflow_starts_without_a_word(first):
    done = run(f"from cxrnoise.networks import {first}; runtime.start(1, 0)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_tensorflows_errors_are_shown():
    done = run(START + "import tensorflow as tf; tf.matmul(tf.ones((2, 3)), tf.ones((2, 3)))")
    assert "Local rendezvous is aborting with status: INVALID_ARGUMENT" in done.stderr  # from C++
    assert "InvalidArgumentError: {{function_node" in done.stderr  # from Python


LINES = """
E0000 00:00:1.1 1 cuda_platform.cc:52] failed call to cuInit: INTERNAL: UNKNOWN ERROR (303)
E0000 00:00:1.1 1 cuda_platform.cc:52] failed call to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH
W0000 00:00:1.1 1 gpu_device.cc:1] Cannot dlopen some GPU libraries.
"""


def test_problems_with_a_gpu_are_shown_even_if_the_process_crashes():
    printing = f"with runtime._without_noise(): os.write(2, {LINES.encode()}); os.abort()"
    done = run(f"{START}import os\n{printing}")
    assert done.returncode == -signal.SIGABRT
    assert "DRIVER_MISMATCH" in done.stderr and "dlopen" in done.stderr
    assert "303" not in done.stderr


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
