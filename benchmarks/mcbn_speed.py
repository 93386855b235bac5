"""Images × samples per second of Monte Carlo batch normalisation, beside the obvious loop.

    python benchmarks/mcbn_speed.py

The obvious loop sets the momentum of every batch-norm layer to 0, calls the model in training
mode on the batch of a sample to take over its statistics, and then `model.predict` on all
images. Each side is a process of its own; the loop's has TensorFlow's defaults.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import turns

BATCH = 16
PREDICT_BATCH = 128  # uncertainty.predict_batch_size in config.yaml
# crop, images, samples, turns, target
NETWORKS = {"small": (72, 700, 5, 15, 2.0), "resnet50": (144, 128, 2, 9, 1.2)}


def ours(backbone: str, folder: Path) -> Callable[[], dict]:
    """Measure the statistics of all samples, then predict, as the rule `mcbn` does."""
    from generated import radiographs

    from cxrnoise.networks import architectures, inputs, runtime
    from cxrnoise.networks.samplers import mcbn

    crop, number, samples, _, _ = NETWORKS[backbone]
    runtime.start(threads=os.cpu_count(), seed=0)
    model = architectures.build(backbone, crop, 0.9)
    sampled = mcbn.MonteCarloBatchNorm(model)
    images = radiographs(folder, number, crop)

    def run() -> None:
        chosen = mcbn.training_positions(len(images), BATCH, samples, seed=0)
        statistics = [sampled.statistics(images.batch(c).astype("float32")) for c, _ in chosen]
        batches = inputs.evaluation_batches(images, PREDICT_BATCH)
        sampled.samples((x for x, _ in batches), statistics)

    return _timed(run, model, number * samples)


def peer(backbone: str, folder: Path) -> Callable[[], dict]:
    """Run the obvious loop."""
    from cxrnoise.networks import architectures

    crop, number, samples, _, _ = NETWORKS[backbone]
    model = architectures.build(backbone, crop, 0.9)
    for layer in architectures.batch_normalizations(model):
        layer.momentum = 0.0
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (number, crop, crop, 1)).astype(np.float32)

    def run() -> None:
        for _ in range(samples):
            chosen = rng.choice(len(images), BATCH, replace=False)
            model(images[chosen], training=True)
            model.predict(images, verbose=0)

    return _timed(run, model, number * samples)


def _timed(run: Callable[[], None], model, predictions: int) -> Callable[[], dict]:
    """Measure predictions per second, and their arithmetic as a share of the matmul peak."""

    def measure() -> dict:
        peak = _matmul_peak()
        started = time.perf_counter()
        run()
        speed = predictions / (time.perf_counter() - started)
        return {"speed": speed, "share": speed * _operations(model) / peak}

    return measure


def _operations(model) -> float:
    """Return additions and multiplications of the convolutions for one image."""
    import keras

    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    return sum(
        2.0 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
        for layer in convolutions
    )


def _matmul_peak(side: int = 2048, repeats: int = 5) -> float:
    """Return operations per second of `tf.matmul` of float32 (side, side), at its best."""
    import tensorflow as tf

    matrix = tf.random.uniform((side, side))
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - started)
    return 2.0 * side**3 / min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", nargs="?", choices=turns.SIDES, help="measure one side only")
    parser.add_argument("backbone", nargs="?", choices=NETWORKS)
    options = parser.parse_args()
    if options.side is None:
        rows = [
            turns.compare(__file__, f"{name}, {crop}×{crop}", target, number, name)
            for name, (crop, _, _, number, target) in NETWORKS.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        side = {"ours": ours, "peer": peer}[options.side]
        with tempfile.TemporaryDirectory() as folder:
            turns.serve(side(options.backbone, Path(folder)))


if __name__ == "__main__":
    main()
