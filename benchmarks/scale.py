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
SHARDS = 64  # as in config.yaml
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


def listing(folder: Path, number: int) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.datasets import folders

    images = folder / "images"
    for source, path in folders.sources(images).items():
        found = folders.listing(source, path, images)
        manifests.write(found, folder / "listings" / f"{source}.parquet", "listing", "{}")


def index(folder: Path, number: int) -> dict:
    import pandas as pd

    from cxrnoise.core import manifests
    from cxrnoise.datasets import index
    from cxrnoise.datasets.registry import DATASETS

    entries = DATASETS["chestxray14"].read(folder / "metadata.csv")
    paths = sorted((folder / "listings").iterdir())
    files = pd.concat(manifests.read(path, "listing") for path in paths)
    table, report = index.index(entries, files, ["PA"], number)
    index.check(report, dict.fromkeys(index.PROBLEMS, 0), "report.csv")
    index.digest(table)
    index.contents(table, number)
    manifests.write(table.drop(columns="sha256"), folder / "index.parquet", "index", "{}")
    return {"pa": int((table["view"] == "PA").sum())}


def shard(folder: Path, number: int) -> dict:
    from cxrnoise.images import packing

    images = 0
    for own in range(SHARDS_MEASURED):
        wanted = packing.rows(folder / "index.parquet", own)
        path = folder / "shard.h5"
        with packing.writing(path, 240, "lanczos", "{}", images=len(wanted)) as writer:
            packing.pack_files(wanted, writer)
        packing.write_digest(path, folder / "shard.sha256")
        images += len(wanted)
    path.unlink()
    return {"done": images}


def cohort_situs(folder: Path, number: int) -> None:
    _cohort(folder, "situs", {})


def cohort_finding(folder: Path, number: int) -> None:
    _cohort(folder, "finding", {"finding": "Emphysema", "cohort": "all", "positives": SPLITS})


def _cohort(folder: Path, kind: str, own: dict) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.tasks.cohorts import counts
    from cxrnoise.tasks.registry import KINDS

    found = manifests.read(folder / "index.parquet", "index")
    options = {"name": kind, "views": ["PA"], "splits": SPLITS}
    cohort = KINDS[kind].cohort(found, options | own, 0)
    path = folder / f"{kind}.parquet"
    manifests.write(cohort.frame, path, "cohort", "{}", classes=cohort.classes)
    counts(cohort)


def labels(folder: Path, number: int) -> None:
    from cxrnoise.core import manifests
    from cxrnoise.images.shards import Reader
    from cxrnoise.tasks.content import content
    from cxrnoise.tasks.noise import flip

    path = folder / "finding.parquet"
    cohort, classes = manifests.read(path, "cohort"), manifests.classes(path)
    table = flip.labels(cohort, classes, "symmetric", 8, {"name": "finding"}, ["train"], seed=0)
    manifests.write(table, folder / "labels.parquet", "labels", "{}", classes=classes)
    flip.flips(table, classes)
    content(table, Reader(_shards(folder)).digests(table["image"]))


def dry_run(folder: Path, number: int) -> dict:
    settings = {"images": folder / "images", "metadata": folder / "metadata.csv"}
    settings |= {"results": folder / "results", "weights": "none"}
    settings |= {"shards": f"{{number: {number}}}"}
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--dry-run", "--quiet", "rules", "--cores", "8"]
    command += ["--config", *(f"{key}={value}" for key, value in settings.items())]
    command += ["--", f"{folder}/results/table1.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    counted = re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    if counted is None:
        sys.exit(done.stdout + done.stderr)
    return {"jobs": int(counted[1])}


def small_shards(folder: Path, number: int) -> None:
    """Write shards of noise, small enough that only the number of images counts."""
    import numpy as np

    from cxrnoise.images import packing

    side = CROP * 5 // 3
    pixels = np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)
    for own in range(number):
        path = folder / "shards" / f"{own:03d}.h5"
        wanted = packing.rows(folder / "index.parquet", own)["image"]
        with packing.writing(path, side, "lanczos", "{}", images=len(wanted)) as writer:
            for image in wanted:
                writer.append(image, b"0" * 64, pixels)


def _shards(folder: Path) -> list[Path]:
    return sorted((folder / "shards").glob("*.h5"))


def training_input(folder: Path, number: int) -> None:
    from itertools import islice

    from cxrnoise.networks import inputs, runtime

    runtime.start(threads=2, seed=0)
    for _ in islice(inputs.training_batches(_source(folder).training(0), BATCH, 0, 0), 500):
        pass


def mcbn(folder: Path, number: int) -> None:
    from cxrnoise.core import samples
    from cxrnoise.networks import architectures, inputs, runtime
    from cxrnoise.networks.samplers import mcbn

    runtime.start(threads=2, seed=0)
    train, test = _source(folder).training(0), _source(folder).evaluated(["test"])
    sampled = mcbn.MonteCarloBatchNorm(architectures.build("small", CROP, 0.9))
    positions = mcbn.training_positions(len(train), BATCH, 3, seed=0)
    statistics = [
        sampled.statistics(train.batch(chosen).astype("float32")) for chosen, _ in positions
    ]
    batches = inputs.evaluation_batches(test, 128)
    probabilities = sampled.samples((images for images, _ in batches), statistics)
    samples.write(
        folder / "mcbn.h5", probabilities, test.image, test.split, ["absent", "present"], "{}"
    )


def _source(folder: Path):
    from cxrnoise.networks import inputs

    return inputs.Source(folder / "labels.parquet", _shards(folder), "finding", CROP, None)


STEPS = {
    "listing": listing,
    "index": index,
    "cohort, situs": cohort_situs,
    "cohort, finding": cohort_finding,
    "shard": shard,
    "small shards": small_shards,
    "labels": labels,
    "dry run": dry_run,
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
                row |= turns.alone(__file__, step, name, SHARDS)
                print(row, file=sys.stderr, flush=True)
                if step != UNMEASURED:
                    steps.append(row)
            if number == max(times):
                for shards in DAGS:
                    row = turns.alone(__file__, "dry run", name, shards)
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


def _do(step: str, folder: Path, number: int) -> dict:
    import cxrnoise.tasks.cohorts  # noqa: F401, which takes a second

    start = time.perf_counter()
    done = STEPS[step](folder, number) or {}
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
