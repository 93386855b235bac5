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

from cxrnoise.core.randomness import generator  # noqa: E402
from cxrnoise.datasets.phantom import patients, render  # noqa: E402
from cxrnoise.networks import architectures  # noqa: E402

CROP = 0.6  # the paper's 144 of 240 pixels


def main() -> None:
    options = _options()
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    real = _real(options)
    phantoms = _phantoms(options)
    rng = generator(options.seed, "mirror")
    images, labels = _mirrored(phantoms, rng.permutation(len(phantoms)) % 2)
    both = np.concatenate([real, real[:, :, ::-1]]).astype(np.float32)
    truth = np.repeat([0, 1], len(real))
    for name, augment in AUGMENTATIONS.items():
        keras.utils.set_random_seed(options.seed)
        model = _trained(images, labels, augment, options)
        accuracy = model.evaluate(both, truth, batch_size=128, verbose=0)[1]
        print(
            f"augmentation {name}: accuracy {accuracy:.3f} on {len(real)} real radiographs, "
            "each as acquired and mirrored, none seen in training",
            flush=True,
        )
        if options.save:
            mirrored = model.predict(both, batch_size=128, verbose=0)[:, 1]
            np.save(f"{options.save}-{name}.npy", mirrored)


def _trained(images: np.ndarray, labels: np.ndarray, augment, options: argparse.Namespace):
    """Return the small network after its epochs; a tenth of the phantoms is held out."""
    import keras

    held_out = len(images) // 10
    model = architectures.build("small", options.pixels, batch_norm_decay=0.9)
    steps = options.epochs * (len(images) - held_out) // options.batch_size
    schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps)
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    rng = generator(options.seed, "augmentation")
    for epoch in range(1, options.epochs + 1):
        shown = augment(images[held_out:], rng)
        model.fit(shown, labels[held_out:], batch_size=options.batch_size, verbose=0)
        own = model.evaluate(images[:held_out].astype(np.float32), labels[:held_out], verbose=0)[1]
        print(f"  epoch {epoch}: accuracy on held-out phantoms {own:.3f}", flush=True)
    return model


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", type=Path, required=True, help="folder of real PNGs")
    parser.add_argument("--metadata", type=Path, required=True, help="their metadata CSV")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml")
    parser.add_argument("--images", type=int, default=6000, help="number of phantoms")
    parser.add_argument("--pixels", type=int, default=72, help="side of the central crop")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--save", help="start of the names of NumPy files for p(mirrored)")
    return parser.parse_args()


def _phantoms(options: argparse.Namespace) -> np.ndarray:
    config = yaml.safe_load(options.config.read_text(encoding="utf-8"))["phantom"]
    config |= {"patients": options.images, "pa_images": options.images, "ap_images": 0, "parts": 1}
    config["size"] = 256  # as the real sample, whatever the demo draws
    started = time.perf_counter()
    images = [
        _central(Image.fromarray(render.render(row, config)), options.pixels)
        for row in patients.patients(config).itertuples(index=False)
    ]
    each = 1000 * (time.perf_counter() - started) / len(images)
    print(f"{len(images)} phantoms drawn, {each:.0f} ms each", flush=True)
    return np.stack(images)


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


def _unchanged(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return images.astype(np.float32)


def _varied(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary gamma, contrast and brightness, and shift by up to 6 % of the crop."""
    shape = (len(images), 1, 1, 1)
    grey = (images / np.float32(255)) ** rng.uniform(0.5, 2, shape).astype(np.float32)
    gain, offset = rng.uniform(0.7, 1.3, shape), rng.uniform(-0.15, 0.15, shape)
    varied = (255 * np.clip(grey * gain + offset, 0, 1)).astype(np.float32)
    reach = round(0.06 * images.shape[1])
    moves = rng.integers(-reach, reach + 1, (len(images), 2))
    return np.stack([np.roll(one, move, (0, 1)) for one, move in zip(varied, moves, strict=True)])


AUGMENTATIONS = {"none": _unchanged, "exposure-and-shift": _varied}


if __name__ == "__main__":
    main()
