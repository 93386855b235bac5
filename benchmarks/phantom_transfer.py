"""Train on phantoms alone, test on real radiographs: does the phantom look like a chest?

Half of the phantoms are mirrored, and a small network learns to tell which. It then sees
each real posteroanterior radiograph twice, as acquired and mirrored. Only the central 60 % of
an image is shown, so no marker gives the side away.

    python benchmarks/phantom_transfer.py --real IMAGES --metadata Data_Entry_2017_v2020.csv.gz
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from cxrnoise import network, phantom  # noqa: E402
from cxrnoise.randomness import generator  # noqa: E402

CROP = 0.6  # the paper's 144 of 240 pixels
AUGMENTATIONS = ("none", "intensity")


def main() -> None:
    options = _options()
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(options.seed)

    real = _real(options)
    config = yaml.safe_load(options.config.read_text(encoding="utf-8"))["phantom"]
    config |= {"patients": options.images, "pa_images": options.images, "ap_images": 0}
    config |= {"parts": 1, "seed": config["seed"] + options.seed}
    started = time.perf_counter()
    phantoms = _phantoms(config, options.pixels)
    seconds = time.perf_counter() - started
    print(f"{len(phantoms)} phantoms, {1000 * seconds / len(phantoms):.0f} ms each", flush=True)

    rng = generator(options.seed, "mirror")
    images, labels = _mirrored(phantoms, rng.permutation(len(phantoms)) % 2)
    held_out = len(images) // 10
    model = network.build("small", options.pixels, batch_norm_decay=0.9)
    steps = options.epochs * (len(images) - held_out) // options.batch_size
    schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps)
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    both = np.concatenate([real, real[:, :, ::-1]])
    truth = np.repeat([0, 1], len(real))
    for epoch in range(1, options.epochs + 1):
        shown = _augmented(images[held_out:], options.augmentation, rng)
        model.fit(shown, labels[held_out:], batch_size=options.batch_size, verbose=0)
        own = model.evaluate(images[:held_out], labels[:held_out], verbose=0)[1]
        print(
            f"epoch {epoch}: phantoms {own:.3f}, real {_accuracy(model, both, truth):.3f}",
            flush=True,
        )
    print(
        f"{len(real)} real images, as acquired and mirrored, none seen in training: "
        f"accuracy {_accuracy(model, both, truth):.3f} (augmentation: {options.augmentation})"
    )
    if options.save:
        np.save(options.save, model.predict(both, batch_size=128, verbose=0)[:, 1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", type=Path, required=True, help="folder of real PNGs")
    parser.add_argument("--metadata", type=Path, required=True, help="their metadata CSV")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml")
    parser.add_argument("--images", type=int, default=4000, help="number of phantoms")
    parser.add_argument("--pixels", type=int, default=72, help="side of the central crop")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--augmentation", choices=AUGMENTATIONS, default="none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", type=Path, help="NumPy file for p(mirrored) of the real images")
    return parser.parse_args()


def _phantoms(config: dict, pixels: int) -> np.ndarray:
    rows = phantom.patients(config).itertuples(index=False)
    return np.stack(
        [_central(Image.fromarray(phantom.render(row, config)), pixels) for row in rows]
    )


def _real(options: argparse.Namespace) -> np.ndarray:
    table = pd.read_csv(options.metadata)
    names = table.loc[table["View Position"] == "PA", "Image Index"]
    paths = [path for path in (options.real / name for name in sorted(names)) if path.exists()]
    return np.stack([_central(Image.open(path).convert("L"), options.pixels) for path in paths])


def _central(image: Image.Image, pixels: int) -> np.ndarray:
    """Return the central crop as uint8 (pixels, pixels, 1)."""
    size = round(pixels / CROP)
    start = (size - pixels) // 2
    whole = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    return whole[start : start + pixels, start : start + pixels, None]


def _mirrored(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(labels[:, None, None, None] == 1, images[:, :, ::-1], images), labels


def _augmented(images: np.ndarray, augmentation: str, rng: np.random.Generator) -> np.ndarray:
    """Change exposure (gamma and contrast), not geometry."""
    if augmentation == "none":
        return images.astype(np.float32)
    shape = (len(images), 1, 1, 1)
    grey = (images / np.float32(255)) ** rng.uniform(0.5, 2, shape).astype(np.float32)
    gain, offset = rng.uniform(0.7, 1.3, shape), rng.uniform(-0.15, 0.15, shape)
    return (255 * np.clip(grey * gain + offset, 0, 1)).astype(np.float32)


def _accuracy(model, images: np.ndarray, truth: np.ndarray) -> float:
    return model.evaluate(images.astype(np.float32), truth, batch_size=128, verbose=0)[1]


if __name__ == "__main__":
    main()
