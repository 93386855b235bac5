"""Images per second of training, beside `keras.Model.fit` on arrays in memory.

    python benchmarks/training_speed.py

Both sides train the same compiled network, with the same number of steps, in a process of
their own: ours from shards and as the workflow does, the peer with TensorFlow's defaults.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import turns

BATCH = 16
ROUNDS = 3  # the first one, which compiles, does not count
# crop, steps of a round, target
NETWORKS = {"small": (72, 200, 1.5), "resnet50": (144, 4, 1.0)}


def ours(backbone: str, folder: Path) -> float:
    """Train with `training.train`, which measures the speed of each round."""
    from generated import radiographs

    from cxrnoise import progress, runtime, training

    crop, steps, _ = NETWORKS[backbone]
    runtime.start(threads=os.cpu_count(), seed=0)
    model = training.initial_model(backbone, crop, _schedule(steps), weights=None, xla=False)
    images = radiographs(folder / "training", steps * BATCH, crop)
    validation = radiographs(folder / "validation", BATCH, crop)
    with progress.opened(folder / "progress", "{}") as saved:
        history = training.train(
            model,
            images,
            validation,
            _schedule(steps),
            seed=0,
            state=progress.State(),
            progress=saved,
            tensorboard=folder / "tensorboard",
        )
    return statistics.median(history["images_per_second"][1:])


def peer(backbone: str, folder: Path) -> float:
    """Train with `fit`, as everyone would."""
    import keras
    import numpy as np

    from cxrnoise import training

    crop, steps, _ = NETWORKS[backbone]
    model = training.initial_model(backbone, crop, _schedule(steps), weights=None, xla=False)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (steps * BATCH, crop, crop, 1)).astype(np.float32)
    y = rng.integers(0, 2, len(x))
    started, ended = [], []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: started.append(time.perf_counter()),
        on_epoch_end=lambda epoch, logs: ended.append(time.perf_counter()),
    )
    model.fit(x, y, batch_size=BATCH, epochs=ROUNDS, callbacks=[clock], verbose=0)
    return len(x) / statistics.median(np.subtract(ended, started)[1:])


def _schedule(steps: int):
    from cxrnoise.training import Schedule

    return Schedule(
        epochs=ROUNDS,
        batch_size=BATCH,
        learning_rate=0.001,
        momentum=0.9,
        batch_norm_decay=0.9,
        validate_every_steps=steps,
        checkpoint_minutes=60,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", nargs="?", choices=["ours", "peer"], help="measure one side only")
    parser.add_argument("backbone", nargs="?", choices=NETWORKS)
    options = parser.parse_args()
    if options.side is None:
        rows = [
            turns.compare(__file__, f"{name}, {crop}×{crop}", target, 2, name)
            for name, (crop, _, target) in NETWORKS.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        measure = {"ours": ours, "peer": peer}[options.side]
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps({"speed": measure(options.backbone, Path(folder))}))


if __name__ == "__main__":
    main()
