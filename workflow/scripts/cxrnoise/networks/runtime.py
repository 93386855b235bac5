"""TensorFlow's threads, determinism and memory, set before anything is computed.

Importing any module of `cxrnoise.networks` imports this one first, which imports TensorFlow
without the lines that it prints on every machine.
"""

import logging
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from cxrnoise.core import allocator

# Lines about nothing: of the CPU's instructions, and of a missing driver where there is no GPU.
NOISE = (
    "All log messages before absl::InitializeLog",
    "oneDNN custom operations are on",
    "Could not find cuda drivers on your machine",
    r"failed call to cuInit: .*(UNKNOWN ERROR \(303\)|CUDA_ERROR_NO_DEVICE)",
)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # no lines of level INFO


@contextmanager
def _without_noise() -> Iterator[None]:
    """Pass stderr through a filter; TensorFlow prints `NOISE` whatever its log level.

    The filter is a process, which prints the last words even of a process that crashes.
    """
    stderr = os.dup(2)
    command = ["grep", "-vE", "|".join(NOISE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stderr) as grep:
        os.dup2(grep.stdin.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


with _without_noise():
    # Before TensorFlow, which would import Keras with all that `quick` leaves out.
    from cxrnoise.networks.quick import keras

    # isort: split
    import tensorflow as tf

log = logging.getLogger(__name__)


def start(
    threads: int, seed: int, gpus: int = 0, mixed_precision: bool = False, xla: bool = False
) -> None:
    """Make this process compute the same bits in every run with the same `threads`.

    One operator runs at a time and uses all `threads`: on a CPU this is about twice as fast as
    TensorFlow's default, which lets operators compete for the same cores.
    The process sees the first `gpus` GPUs, because the others may be another job's. A GPU's memory
    is taken as it is needed. Keras does not compile with XLA where TensorFlow is held to
    deterministic operators, so with `xla` the last bits may differ between runs.
    """
    allocator.keep_memory()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with _without_noise():
        visible = tf.config.list_physical_devices("GPU")[:gpus]
    if len(visible) < gpus:
        log.info("network.gpus is %d and TensorFlow found %d", gpus, len(visible))
    tf.config.set_visible_devices(visible, "GPU")
    for gpu in visible:
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(seed)
    if not xla:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy("mixed_float16" if mixed_precision else "float32")
