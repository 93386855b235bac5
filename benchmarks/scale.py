"""Time and peak memory of each step against the number of images, up to 16 times ChestXRay14's.

    python benchmarks/scale.py [--metadata Data_Entry_2017_v2020.csv.gz] [--times 1 4 16]

The metadata is copied so many times, with other patients; without a file, ones like ChestXRay14's
are generated. The images are links to a few tiny PNGs in twelve folders: what grows with their
number shows the better. The number of shards stays the same. Each step is a process of its own,
and this one stays small, because the peak that the system reports for a process includes that of
the one that started it.
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import turns

ROOT = Path(__file__).resolve().parents[1]
TIMES = [1, 4, 16]
FOLDERS = 12
PER_SHARD = 1024  # times the number of copies
SHARDS_MEASURED = 2
DAGS = (600, 1250, 2500)  # shards
LINKS = 50_000  # to one file, below what file systems allow
CROP, BATCH = 24, 16
SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}


def prepare(folder: Path, times: int, metadata: Path | None = None) -> dict:
    """Write metadata of `times` ChestXRay14s, and links to tiny PNGs under the names in it."""
    import pandas as pd

    entries = pd.read_csv(metadata, dtype=str) if metadata else _generated()
    copies = (_copy(entries, number) for number in range(times))
    for number, copy in enumerate(copies):
        options = {"mode": "a", "header": False} if number else {}
        copy.to_csv(folder / "metadata.csv", index=False, **options)
        _link(folder / "images", copy["Image Index"], number * len(entries), times * len(entries))
    return {"images": times * len(entries)}


def _generated():
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    images = np.minimum(rng.geometric(0.28, 30_805), 183)
    patient = np.repeat(np.arange(1, len(images) + 1), images)
    follow_up = np.concatenate([np.arange(number) for number in images])
    views = rng.choice(["PA", "AP"], len(patient), p=[0.6, 0.4])
    found = rng.choice(
        ["No Finding", "Effusion|Mass", "Emphysema"], len(patient), p=[0.6, 0.38, 0.02]
    )
    names = [f"{one:08d}_{other:03d}.png" for one, other in zip(patient, follow_up, strict=True)]
    table = {"Image Index": names, "Finding Labels": found, "Patient ID": patient}
    return pd.DataFrame(table | {"View Position": views}).astype(str)


def _copy(entries, number: int):
    patient = (entries["Patient ID"].astype(int) + 100_000 * number).astype(str)
    image = patient.str.zfill(8) + entries["Image Index"].str[8:]
    return entries.assign(**{"Patient ID": patient, "Image Index": image})


def _link(images: Path, names, first: int, all_images: int) -> None:
    import io
    import os

    import numpy as np
    from PIL import Image

    for position, name in enumerate(names, first):
        if position % LINKS == 0 or position == first:
            original = images.parent / f"original-{position}.png"
            png = io.BytesIO()
            pixels = np.random.default_rng(position).integers(0, 256, (32, 32), dtype=np.uint8)
            Image.fromarray(pixels).save(png, "png")
            original.write_bytes(png.getvalue())
        folder = images / f"images_{position * FOLDERS // all_images + 1:03d}" / "images"
        if position == first or position * FOLDERS % all_images < FOLDERS:
            folder.mkdir(parents=True, exist_ok=True)
        os.link(original, folder / name)


def count(folder: Path, per_shard: int) -> dict:
    """Do what the first reading of the Snakefile in a run does with images and metadata."""
    from cxrnoise.datasets import chestxray14

    chestxray14.sources(folder / "images")
    return {"pa": chestxray14.count_pa(folder / "metadata.csv")}


def listing(folder: Path, per_shard: int) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.datasets import chestxray14

    for source, path in chestxray14.sources(folder / "images").items():
        found = chestxray14.listing(source, path)
        manifests.write(found, folder / "listings" / f"{source}.parquet", "listing", "{}")


def index(folder: Path, per_shard: int) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.datasets import chestxray14

    entries = chestxray14.metadata(folder / "metadata.csv")
    paths = sorted((folder / "listings").iterdir())
    listings = (frame for path in paths for frame in manifests.frames(path, "listing"))
    table, report = chestxray14.index(entries, listings, per_shard)
    chestxray14.check(report, dict.fromkeys(chestxray14.PROBLEMS, 0), "report.csv")
    manifests.write(table, folder / "index.parquet", "index", "{}")
    chestxray14.digest(manifests.frames(folder / "index.parquet", "index"))


def shard(folder: Path, per_shard: int) -> dict:
    from cxrnoise.images import shards

    images = 0
    for number in range(20, 20 + SHARDS_MEASURED):
        wanted = shards.rows(folder / "index.parquet", number)
        with shards.writing(folder / "shard.h5", 240, "lanczos", "{}") as writer:
            shards.pack_files(wanted, writer)
        shards.write_digest(folder / "shard.h5", folder / "shard.sha256")
        images += len(wanted)
    (folder / "shard.h5").unlink()
    return {"done": images}


def cohort_situs(folder: Path, per_shard: int) -> None:
    from cxrnoise.tasks import cohorts

    _write_cohort(folder / "situs.parquet", cohorts.situs(_index(folder), SPLITS, seed=0))


def cohort_finding(folder: Path, per_shard: int) -> None:
    from cxrnoise.tasks import cohorts

    cohort = cohorts.finding(_index(folder), "Emphysema", "all", SPLITS, SPLITS, seed=0)
    _write_cohort(folder / "cohort.parquet", cohort)


def _index(folder: Path):
    from cxrnoise.core import manifests

    columns = ["image", "patient", "view", "findings"]
    return manifests.frames(folder / "index.parquet", "index", columns)


def _write_cohort(path: Path, cohort) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.tasks import cohorts

    manifests.write(cohort, path, "cohort", "{}")
    cohorts.counts(manifests.frames(path, "cohort"))


def labels(folder: Path, per_shard: int) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.tasks import noise

    table = noise.labels(
        manifests.frames(folder / "cohort.parquet", "cohort"),
        manifests.frames(folder / "index.parquet", "index", ["image", "shard", "row"]),
        percent=8,
        noisy_splits=["train"],
        seed=0,
    )
    manifests.write(table, folder / "labels.parquet", "labels", "{}")
    noise.counts(manifests.frames(folder / "labels.parquet", "labels"))


def dry_run(folder: Path, per_shard: int) -> dict:
    settings = {"images": folder / "images", "metadata": folder / "metadata.csv"}
    settings |= {"results": folder / "results", "weights": "none"}
    settings |= {"shards": f"{{images_per_shard: {per_shard}}}"}
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--dry-run", "--quiet", "rules", "--cores", "8"]
    command += ["--config", *(f"{key}={value}" for key, value in settings.items())]
    command += ["--", f"{folder}/results/table1.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    counted = re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    if counted is None:
        sys.exit(done.stdout + done.stderr)
    return {"jobs": int(counted[1])}


def small_shards(folder: Path, per_shard: int) -> None:
    """Write shards of noise, small enough that only the number of images counts."""
    import numpy as np

    from cxrnoise.core import manifests
    from cxrnoise.images import shards

    side = CROP * 5 // 3
    pixels = np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)
    index = manifests.frames(folder / "index.parquet", "index", ["shard"])
    for number in range(max(frame["shard"].max() for frame in index) + 1):
        path = folder / "shards" / f"{number:03d}.h5"
        with shards.writing(path, side, "lanczos", "{}") as writer:
            for image in shards.rows(folder / "index.parquet", number)["image"]:
                writer.append(image, b"0" * 64, pixels)


def training_input(folder: Path, per_shard: int) -> None:
    from itertools import islice

    from cxrnoise.networks import inputs, runtime

    runtime.start(threads=2, seed=0)
    for _ in islice(inputs.training_batches(_images(folder, "train"), BATCH, 0, 0), 500):
        pass


def mcbn(folder: Path, per_shard: int) -> None:
    from cxrnoise.networks import architectures, inputs, runtime
    from cxrnoise.networks.samplers import mcbn

    runtime.start(threads=2, seed=0)
    train, test = _images(folder, "train"), _images(folder, "test")
    sampled = mcbn.MonteCarloBatchNorm(architectures.build("small", CROP, 0.9))
    positions = mcbn.training_positions(len(train), BATCH, 3, seed=0)
    statistics = [
        sampled.statistics(train.batch(chosen).astype("float32")) for chosen, _ in positions
    ]
    batches = inputs.evaluation_batches(test, 128)
    probabilities = sampled.samples((images for images, _ in batches), statistics)
    mcbn.write(folder / "mcbn.h5", probabilities, test.image, test.split, "{}")


def _images(folder: Path, split: str):
    from cxrnoise.networks import inputs

    shards = sorted((folder / "shards").iterdir())
    return inputs.splits(folder / "labels.parquet", [split], shards, CROP)


STEPS = {
    "count of PA images": count,
    "listing": listing,
    "index": index,
    "cohort, situs": cohort_situs,
    "cohort, finding": cohort_finding,
    "labels": labels,
    "shard": shard,
    "dry run": dry_run,
    "small shards": small_shards,
    "training input": training_input,
    "mcbn": mcbn,
}
UNMEASURED = "small shards"
UNTIMED = ("training input", "mcbn")  # whose work here is a number of batches


def measure(folder: Path, times: list[int], metadata: Path | None) -> dict:
    """Return a row per step and size, then one per number of shards at the largest size."""
    steps, dags = [], []
    for number in times:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            images = turns.alone(__file__, "prepare", name, number, *filter(None, [metadata]))
            for step in STEPS:
                row = {"step": step, "times": number, **images, "done": images["images"]}
                row |= turns.alone(__file__, step, name, PER_SHARD * number)
                print(row, file=sys.stderr, flush=True)
                if step != UNMEASURED:
                    steps.append(row)
            if number == max(times):
                pa = next(row["pa"] for row in reversed(steps) if "pa" in row)
                for shards in DAGS:
                    row = turns.alone(__file__, "dry run", name, -(-pa // shards))
                    dags.append({"shards": shards} | row)
    return {"steps": steps, "dags": dags}


def write(steps: list[dict], folder: Path) -> None:
    """Write scale.csv and scale.svg: time and peak memory of the steps against the images."""
    import csv

    from matplotlib import rc_context
    from matplotlib.figure import Figure

    columns = ["step", "times", "images", "done", "seconds", "megabytes", "jobs"]
    with (folder / "scale.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(steps)
    figure = Figure(figsize=(12, 5), layout="constrained")
    clock, memory = figure.subplots(1, 2)
    for number, step in enumerate(dict.fromkeys(row["step"] for row in steps)):
        rows = [row for row in steps if row["step"] == step]
        images = [row["images"] for row in rows]
        style = {"color": f"C{number}", "marker": "osD^vP*X<>"[number % 10]}
        memory.plot(images, [row["megabytes"] for row in rows], label=step, **style)
        if step not in UNTIMED:
            seconds = [row["seconds"] for row in rows]
            clock.plot(images, seconds, **style)
            linear = [seconds[0] * number / images[0] for number in images]
            clock.plot(images, linear, color=style["color"], linestyle=":")
    clock.set(xscale="log", yscale="log", xlabel="images", ylabel="seconds", title="Time")
    memory.set(xscale="log", xlabel="images", ylabel="MB", title="Peak memory")
    memory.set_ylim(bottom=0)
    figure.legend(loc="outside right upper", fontsize="small")
    with rc_context({"svg.hashsalt": "cxrnoise"}):
        figure.savefig(folder / "scale.svg", metadata={"Date": None})


def _peak(who: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(who).ru_maxrss * unit / 1e6


def _do(step: str, folder: Path, per_shard: int) -> dict:
    from cxrnoise.tasks import cohorts, noise  # noqa: F401, whose import takes a second

    start = time.perf_counter()
    done = STEPS[step](folder, per_shard) or {}
    who = resource.RUSAGE_CHILDREN if step == "dry run" else resource.RUSAGE_SELF
    return {"seconds": time.perf_counter() - start, "megabytes": _peak(who)} | done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--metadata", type=Path, help="ChestXRay14's, else one like it is made")
    parser.add_argument("--times", type=int, nargs="+", default=TIMES, metavar="N")
    parser.add_argument("--folder", type=Path, help="for 16 times the images, on a local disk")
    if sys.argv[1:2] == ["prepare"]:  # the processes that this one starts
        folder, times, *metadata = sys.argv[2:]
        result = prepare(Path(folder), int(times), *map(Path, metadata))
    elif sys.argv[1:2] and sys.argv[1] in STEPS:
        result = _do(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        options = parser.parse_args()
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            result = measure(Path(folder), options.times, options.metadata)
        write(result["steps"], ROOT / "docs" / "images")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
