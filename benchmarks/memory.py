"""Peak memory of each step against the number of images: it should not grow.

    python benchmarks/memory.py

The largest of the three data sets has as many images as ChestXRay14, all of them in the cohort.
The images are small, which a shard, a batch or a network pays for by the piece: what grows with
their number shows the better. Each step is a process of its own, and this one stays small,
because the peak that the system reports for a process includes that of the one that started it.
"""

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

import turns

IMAGES = (28_030, 56_060, 112_120)
LARGEST_GROWTH = 1.1  # of the peak, for four times the images
CROP, BATCH, PER_SHARD = 24, 16, 1024


def prepare(folder: Path, number: int) -> None:
    """Write PNGs, metadata and shards of `number` images; PNGs that are there stay."""
    import io

    import pandas as pd
    from generated import radiographs
    from PIL import Image

    png = io.BytesIO()
    Image.new("L", (8, 8), 128).save(png, "png")
    (folder / "images").mkdir(exist_ok=True)
    (folder / "shards").mkdir(exist_ok=True)
    names = [f"{image:08d}_000.png" for image in range(number)]
    for name in names:
        if not (folder / "images" / name).exists():
            (folder / "images" / name).write_bytes(png.getvalue())
    metadata = {"Image Index": names, "Patient ID": range(number)}
    metadata |= {"View Position": "PA", "Finding Labels": "No Finding"}
    pd.DataFrame(metadata).to_csv(folder / "metadata.csv", index=False)
    radiographs(folder / "shards", number, CROP)


def listing(folder: Path) -> None:
    from cxrnoise import chestxray14, manifests

    found = chestxray14.listing("images", folder / "images")
    manifests.write(found, folder / "listing.parquet", "listing", "{}")


def index(folder: Path) -> None:
    from cxrnoise import chestxray14, manifests

    entries = chestxray14.metadata(folder / "metadata.csv")
    listings = [manifests.read(folder / "listing.parquet", "listing")]
    table, _ = chestxray14.index(entries, listings, PER_SHARD)
    manifests.write(table, folder / "index.parquet", "index", "{}")
    chestxray14.digest(table)


def shard(folder: Path) -> None:
    from cxrnoise import shards

    wanted = shards.rows(folder / "index.parquet", 0)
    with shards.writing(folder / "shard.h5", 240, "lanczos", "{}") as writer:
        shards.pack_files(wanted, writer)


def cohort(folder: Path) -> None:
    from cxrnoise import cohorts, manifests

    table = manifests.read(folder / "index.parquet", "index")
    chosen = cohorts.situs(table, {"train": 0.8, "val": 0.1, "test": 0.1}, seed=0)
    manifests.write(chosen, folder / "cohort.parquet", "cohort", "{}")


def labels(folder: Path) -> None:
    from cxrnoise import manifests, noise

    table = noise.labels(
        manifests.read(folder / "cohort.parquet", "cohort"),
        manifests.read(folder / "index.parquet", "index"),
        percent=8,
        noisy_splits=["train"],
        seed=0,
    )
    manifests.write(table, folder / "labels.parquet", "labels", "{}")


def training_input(folder: Path) -> None:
    from itertools import islice

    from cxrnoise import inputs, runtime

    runtime.start(threads=2, seed=0)
    for _ in islice(inputs.training_batches(_images(folder, "train"), BATCH, 0, 0), 500):
        pass


def mcbn(folder: Path) -> None:
    from cxrnoise import inputs, mcbn, network, runtime

    runtime.start(threads=2, seed=0)
    train, test = _images(folder, "train"), _images(folder, "test")
    sampled = mcbn.MonteCarloBatchNorm(network.build("small", CROP, 0.9))
    positions = mcbn.training_positions(len(train), BATCH, 3, seed=0)
    statistics = [
        sampled.statistics(train.batch(chosen).astype("float32")) for chosen, _ in positions
    ]
    batches = inputs.evaluation_batches(test, 128)
    probabilities = sampled.samples((images for images, _ in batches), statistics)
    mcbn.write(folder / "mcbn.h5", probabilities, test.image, test.split, "{}")


def _images(folder: Path, split: str):
    from cxrnoise import inputs, manifests

    path = folder / "labels.parquet"
    table = manifests.read(path, "labels")
    shards = sorted((folder / "shards").iterdir())
    return inputs.Radiographs(table[table["split"] == split], path, shards, CROP)


STEPS = {
    "listing": listing,
    "index": index,
    "shard": shard,
    "cohort": cohort,
    "labels": labels,
    "training input": training_input,
    "mcbn": mcbn,
}


def measure(folder: Path) -> list[dict]:
    """Return a row per step: peak megabytes for each number of images, and their growth."""
    peaks: dict[str, list[float]] = {step: [] for step in STEPS}
    for number in IMAGES:
        turns.alone(__file__, "prepare", folder, number)
        for step, values in peaks.items():
            values.append(turns.alone(__file__, step, folder)["megabytes"])
            print(f"{number} images, {step}: {values[-1]:.0f} MB", file=sys.stderr, flush=True)
    return [
        {
            "what": step,
            "megabytes": values,
            "ratio": values[-1] / values[0],
            "target": LARGEST_GROWTH,
            "met": values[-1] / values[0] <= LARGEST_GROWTH,
        }
        for step, values in peaks.items()
    ]


def _peak() -> dict[str, float]:
    unit = 1 if sys.platform == "darwin" else 1024
    return {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", nargs="?", choices=["prepare", *STEPS], help="do this step only")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("number", nargs="?", type=int)
    options = parser.parse_args()
    if options.step is None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(Path(folder)), indent=2))
    elif options.step == "prepare":
        prepare(options.folder, options.number)
        print("{}")
    else:
        STEPS[options.step](options.folder)
        print(json.dumps(_peak()))


if __name__ == "__main__":
    main()
