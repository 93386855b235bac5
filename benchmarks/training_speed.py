"""Images per second of training, beside `keras.Model.fit` on arrays in memory.

    python benchmarks/training_speed.py

Both sides train the same network for the same number of steps, each in a process of its own:
ours from shards as the workflow does, the peer with TensorFlow's defaults. Both have the same
memory allocator (`turns.py`).
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import turns

BATCH = 16
# crop, steps of a turn, turns, target
NETWORKS = {"small": (72, 200, 15, 1.5), "resnet50": (144, 5, 15, 1.0)}


def ours(backbone: str, folder: Path) -> Callable[[], dict]:
    """Train as the workflow does; `training.train` measures the speed itself."""
    from generated import radiographs

    from cxrnoise.networks import checkpoints, objectives, runtime, training

    crop, steps, _, _ = NETWORKS[backbone]
    runtime.start(threads=os.cpu_count(), seed=0)
    objective = objectives.exclusive(2)
    model = training.initial_model(backbone, crop, _schedule(steps), objective, None, xla=False)
    images = radiographs(folder / "training", steps * BATCH, crop)
    validation = radiographs(folder / "validation", BATCH, crop)

    def measure() -> dict:
        with checkpoints.opened(folder / "progress", "{}") as saved:
            history = training.train(
                model,
                images,
                validation,
                _schedule(steps),
                seed=0,
                state=checkpoints.State(),
                progress=saved,
                tensorboard=folder / "tensorboard",
            )
        return {"speed": history["images_per_second"].item()}

    return measure


def peer(backbone: str, folder: Path) -> Callable[[], dict]:
    """Train with `keras.Model.fit` on arrays in memory."""
    import keras
    import numpy as np

    from cxrnoise.networks import architectures

    crop, steps, _, _ = NETWORKS[backbone]
    model = architectures.build(backbone, crop, _schedule(steps).batch_norm_decay)
    model.compile(
        keras.optimizers.SGD(0.001, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseCategoricalAccuracy()],
    )
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (steps * BATCH, crop, crop, 1)).astype(np.float32)
    y = rng.integers(0, 2, len(x))

    def measure() -> dict:
        started = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, verbose=0)
        return {"speed": len(x) / (time.perf_counter() - started)}

    return measure


def _schedule(steps: int):
    from cxrnoise.networks.training import Schedule

    return Schedule(
        epochs=1,
        batch_size=BATCH,
        learning_rate=0.001,
        momentum=0.9,
        batch_norm_decay=0.9,
        validate_every_steps=steps,
        stop_below=0,
        checkpoint_minutes=60,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("side", nargs="?", choices=turns.SIDES, help="measure one side only")
    parser.add_argument("backbone", nargs="?", choices=NETWORKS)
    options = parser.parse_args()
    if options.side is None:
        rows = [
            turns.compare(__file__, f"{name}, {crop}×{crop}", target, number, name)
            for name, (crop, _, number, target) in NETWORKS.items()
        ]
        print(json.dumps(rows, indent=2))
    else:
        side = {"ours": ours, "peer": peer}[options.side]
        with tempfile.TemporaryDirectory() as folder:
            turns.serve(side(options.backbone, Path(folder)))


if __name__ == "__main__":
    main()
