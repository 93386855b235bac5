"""TensorFlow's threads, determinism and memory, set before anything is computed."""

import keras
import tensorflow as tf


def start(
    threads: int, seed: int, gpus: int = 0, mixed_precision: bool = False, xla: bool = False
) -> None:
    """Make this process compute the same bits in every run with the same `threads`.

    One operator runs at a time and uses all `threads`: on a CPU this is about twice as fast
    as TensorFlow's default, which lets operators compete for the same cores.
    Of the GPUs it sees the first `gpus`: those that the job did not ask for may be another job's.
    A GPU's memory is taken as it is needed. Keras does not compile with XLA where TensorFlow is
    held to deterministic operators, so that with `xla` the last bits may differ between runs.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    visible = tf.config.list_physical_devices("GPU")[:gpus]
    tf.config.set_visible_devices(visible, "GPU")
    for gpu in visible:
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(seed)
    if not xla:
        tf.config.experimental.enable_op_determinism()
    keras.config.set_dtype_policy("mixed_float16" if mixed_precision else "float32")
