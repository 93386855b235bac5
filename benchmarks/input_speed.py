"""Images per second of the training input: from shards, beside decoding the PNGs at each epoch.

    python benchmarks/input_speed.py

Each side is a process of its own; the files are in the page cache.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import turns

BATCH, SIDE, CROP = 16, 240, 144
TARGET = 30


def ours(folder: Path) -> Callable[[], dict]:
    """Read batches of 144×144 crops from 240×240 shards."""
    from generated import radiographs

    from cxrnoise.networks import inputs, runtime

    runtime.start(threads=os.cpu_count(), seed=0)
    images = radiographs(folder, 2048, CROP)
    return _speed(inputs.training_batches(images, BATCH, seed=0, first_step=0), batches=500)


def peer(folder: Path) -> Callable[[], dict]:
    """Decode, resize and crop 1024×1024 PNGs in a parallel map, with TensorFlow's defaults."""
    import tensorflow as tf
    from generated import pngs

    def load(path: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_png(tf.io.read_file(path), channels=1)
        return tf.image.resize_with_crop_or_pad(tf.image.resize(pixels, (SIDE, SIDE)), CROP, CROP)

    files = [str(path) for path in sorted(pngs(folder / "images", 32).iterdir())]
    data = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files)).repeat()
    data = data.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return _speed(data.batch(BATCH).prefetch(tf.data.AUTOTUNE), batches=20)


def _speed(data: Iterable, batches: int) -> Callable[[], dict]:
    iterator = iter(data)

    def measure() -> dict:
        for _ in islice(iterator, batches // 5):  # what was prefetched while the other side ran
            pass
        started = time.perf_counter()
        for _ in islice(iterator, batches):
            pass
        return {"speed": batches * BATCH / (time.perf_counter() - started)}

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", nargs="?", choices=turns.SIDES, help="measure one side only")
    side = parser.parse_args().side
    if side is None:
        row = turns.compare(__file__, "Training input", TARGET, 9)
        print(json.dumps([row], indent=2))
    else:
        with tempfile.TemporaryDirectory() as folder:
            turns.serve({"ours": ours, "peer": peer}[side](Path(folder)))


if __name__ == "__main__":
    main()
