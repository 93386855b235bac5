"""Seconds, peak memory and size of the report of a large audit, as a process of its own.

    python benchmarks/report.py [--images 21176] [--keep FOLDER]

The data set has 112,120 images, and the cohort 64,154 with 14 findings, as ChestXRay14 has. Each
label of `--images` test images is ranked, and three people read 1,000 images. All files are made by
hand, and the pixels are random. The report is made by the script of its rule.
"""

import argparse
import json
import os
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
sys.path[:0] = [str(SCRIPTS), str(ROOT / "tests")]

ALL_IMAGES, COHORT, READ, FIRST, SHARDS = 112_120, 64_154, 1000, 100, 64
SECTIONS = ["data", "detection", "audit", "suspicious", "impact", "made"]
FINDINGS = [f"Finding_{number:02d}" for number in range(14)]
CLASSES = ["absent", "present"]
TARGETS = {"seconds": 60, "peak_mb": 2000, "size_mb": 15}


def prepare(folder: Path, images: int) -> None:
    """Write what the steps before the report write, and `job.json` with the inputs of its rule."""
    import numpy as np
    import pandas as pd

    names = pd.Series([f"{number:08d}_000.png" for number in range(ALL_IMAGES)])
    rng = np.random.default_rng(0)
    ranked = _ranking(names[:images], rng)
    files = {
        "data": _data(folder, names, rng),
        "detection": _detection(folder, images),
        "audit": _audit(folder, ranked),
        "suspicious": _pictures(folder, ranked["image"][:FIRST].unique(), rng),
        "made": {},
    }
    files["suspicious"] |= {name: files["audit"][name] for name in ("ranking", "readings")}
    files["impact"] = files["audit"]
    _records(folder, files)
    (folder / "job.json").write_text(json.dumps({name: files[name] for name in SECTIONS}))


def _data(folder: Path, names, rng) -> dict:
    import pandas as pd

    from cxrnoise.core import manifests, provenance
    from cxrnoise.tasks.registry import KINDS

    present = rng.random((len(names), len(FINDINGS))) < 0.05
    columns = {name: present[:, place].astype(int) for place, name in enumerate(FINDINGS)}
    index = pd.DataFrame({"image": names, **columns}).astype(str)
    index["patient"] = (index.index // 4).astype(str)
    index["view"] = ["PA" if number < COHORT else "AP" for number in index.index]
    index["Patient Age"] = rng.integers(1, 95, len(index)).astype(str)
    index["Patient Sex"] = rng.choice(["F", "M"], len(index))
    index = index.assign(source="images", path="images/" + index["image"], bytes=400_000)
    index = index.assign(width=1024, height=1024, shard=index.index % SHARDS)
    options = {"name": "findings", "views": ["PA"], "findings": FINDINGS}
    options["splits"] = {"train": 0.6, "val": 0.07, "test": 0.33}
    cohort = KINDS["findings"].cohort(index, options, seed=0)
    made_by = provenance.describe({"kind": "findings", **options}, "0" * 16)
    manifests.write(index, folder / "index.parquet", "index", made_by)
    path = folder / "cohort-0.parquet"
    manifests.write(cohort.frame, path, "cohort", made_by, classes=CLASSES)
    left_out = pd.DataFrame(cohort.left_out.items(), columns=["why", "images"])
    left_out.to_csv(folder / "left-out-0.csv", index=False)
    (folder / "left-out.csv").write_text("problem,images\nmissing,3\n")
    (folder / "remarks.csv").write_text("image,remark\n")
    files = {"index": "index.parquet", "problems": "left-out.csv", "remarks": "remarks.csv"}
    return files | {"cohorts": [path.name], "left_out": ["left-out-0.csv"]}


def _ranking(names, rng):
    import numpy as np
    import pandas as pd

    labels = len(names) * len(FINDINGS)
    order = rng.permutation(labels)
    probability = np.sort(rng.beta(0.2, 2, labels))[::-1]
    image, finding = order // len(FINDINGS), order % len(FINDINGS)
    ranked = pd.DataFrame({"image": names.to_numpy()[image], "patient": (image // 2).astype(str)})
    ranked["label"] = np.array(FINDINGS)[finding]
    ranked["given_label"] = rng.integers(0, 2, labels)
    ranked["suggested"] = 1 - ranked["given_label"]
    ranked["verdict"] = np.where(image < READ, rng.choice(["wrong", "right"], labels), "")
    values = {"probability": probability, "score": probability, "calibrated": probability}
    return ranked.assign(**values, rank=np.arange(1, labels + 1))


def _detection(folder: Path, images: int) -> dict:
    import pandas as pd

    import detections

    scores = dict(detections.SCORES)
    for name in ("confidence", "product", "mc_mean", "mutual_information", "entropy", "augmented"):
        scores[name] = (0.5 + len(name) / 100, detections.UNCLEAR)
    settings = [
        {"task": "findings", "noise": noise, "by": by}
        for noise in ("4", "8")
        for by in ("test", "folds", "probe")
    ]
    rows, reviews = [], []
    for place in settings:
        for label in ("all", *FINDINGS):
            for direction in ("any", *CLASSES):
                rows += detections.rows_of(label, direction, scores, n=images, **place)
        reviews += detections.reviews_of(scores, **place)
    tables = {"detection": rows, "reviews": reviews, "readers": detections.readers_of()}
    for name, table in tables.items():
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False)
    return {name: f"{name}.csv" for name in tables}


def _audit(folder: Path, ranked) -> dict:
    import pandas as pd

    import audits

    places = [("", ""), ("view", "PA"), ("view", "AP"), ("sex", "F"), ("sex", "M")]
    places += [("age", age) for age in ("0-17", "18-39", "40-59", "60-79", "80 and more")]
    labels, directions = ("all", *FINDINGS), ("any", *CLASSES)
    tables = {
        "counts": [
            audits.counted(label, direction, method, by=by, value=value)
            for by, value in places
            for label in labels
            for direction in directions
            for method in ("difference", "stratified")
        ],
        "agreement": [
            {"label": label, "statistic": name, "reader": "all", "n": READ}
            | {"estimate": 0.6, "low": 0.5, "high": 0.7}
            for label in labels
            for name in ("fleiss_kappa", "gwet_ac1")
        ],
        "first": [
            {"k": k, "wrong": k / 2, "low": k / 3, "high": k, "read": k / 10}
            | {"remaining": 80, "remaining_low": 60, "remaining_high": 99}
            for k in (10, 100, len(ranked))
        ],
        "corrections": [
            {"image": image, "label": label, "given": "present", "corrected": "absent"}
            | {"votes": 2, "readers": 3}
            for image, label in ranked[["image", "label"]].head(500).itertuples(index=False)
        ],
        "impact": [
            audits.shifted(label, measure, comparison)
            for comparison in ("evaluation", "retraining")
            for label in ("mean", *FINDINGS)
            for measure in ("auc", "sensitivity", "specificity")
        ],
    }
    for name, rows in tables.items():
        pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    (folder / "impact.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    paths = {name: f"{name}.csv" for name in tables} | {"figure": "impact.svg"}
    return paths | _read(folder, ranked)


def _read(folder: Path, ranked) -> dict:
    """Write what was read, and the ranking; three people read all labels of `READ` images."""
    import pandas as pd

    from cxrnoise.core import manifests

    read = ranked[ranked["verdict"] != ""].reset_index(drop=True)
    verdicts = read[["image", "label"]].assign(true_label=0, votes=2, readers=3)
    sample = read[["image", "patient"]].drop_duplicates().assign(stratum="", number=0.0, rate=1.0)
    said = read[["image", "label"]].assign(case=read["image"], answer=0, again=False, comment="")
    said = said.assign(seconds=9.0, answered_at="", source="room")
    tables = {
        "ranking": ("calibrated", ranked),
        "sample": ("sample", sample.assign(population=len(sample), role="sample")),
        "verdicts": ("audit_verdicts", verdicts),
        "readings": ("audit_readings", pd.concat(said.assign(reader=name) for name in "abc")),
    }
    for name, (kind, table) in tables.items():
        manifests.write(table, folder / f"{name}.parquet", kind, "{}", classes=CLASSES)
    return {name: f"{name}.parquet" for name in tables}


def _pictures(folder: Path, images, rng) -> dict:
    from cxrnoise.images import packing

    shards = [f"{number:03d}.h5" for number in range(SHARDS)]
    for number, shard in enumerate(shards):
        own = images[number::SHARDS]
        with packing.writing(folder / shard, 240, "lanczos", "{}", images=len(own)) as writer:
            for image in own:
                writer.append(image, b"0" * 64, rng.integers(0, 256, (240, 240), "uint8"))
        packing.write_digest(folder / shard, (folder / shard).with_suffix(".sha256"))
    return {"shards": shards, "digests": [shard.replace(".h5", ".sha256") for shard in shards]}


def _records(folder: Path, files: dict) -> None:
    """Write Snakemake's records: each file is made from the shards and from 20 further files."""
    place = folder / ".snakemake" / "metadata"
    place.mkdir(parents=True)
    inputs = [*files["suspicious"]["shards"], *files["suspicious"]["digests"]]
    inputs += [f"fold-{number}/predictions.parquet" for number in range(20)]
    used = [path for of in files.values() for path in of.values() if isinstance(path, str)]
    for path in {*used, *inputs}:
        record = {"rule": Path(path).stem, "input": [] if path in inputs else inputs}
        record |= {"params": ["'0123456789abcdef'"] * 20, "log": [f"{path}.log"]}
        record |= {"starttime": 0.0, "endtime": 9.0}
        (place / urlsafe_b64encode(path.encode()).decode()).write_text(json.dumps(record))


def make(folder: Path) -> dict:
    """Run the script of the rule in this process; return its seconds and peak memory."""
    from cxrnoise.core import settings

    tasks = {"findings": {"kind": "findings", "findings": FINDINGS}}
    audit = {"task": "findings", "images": READ}
    config = settings.validate({"tasks": tasks, "audit": audit}).model_dump()
    os.chdir(folder)
    inputs = Inputs(
        {
            f"{section}_{name}": paths
            for section, files in json.loads(Path("job.json").read_text()).items()
            for name, paths in files.items()
        }
    )
    params = {"sections": SECTIONS, "dataset": "generated", "phantom": False, "simulated": False}
    params |= {"config": config, "defaults": settings.defaults(config).model_dump(), "key": None}
    params |= {"first": FIRST, "pictures": True}
    job = SimpleNamespace(
        input=inputs,
        params=SimpleNamespace(**params),
        output=SimpleNamespace(html="report.html"),
        log=["report.log"],
        rule="report_page",
    )
    start = time.perf_counter()
    runpy.run_path(str(SCRIPTS / "report.py"), init_globals={"snakemake": job})
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "size_mb": round(Path("report.html").stat().st_size / 2**20, 1),
    }


class Inputs(dict):
    """The inputs of a job by name, as Snakemake gives them."""

    templates = [SCRIPTS / "cxrnoise" / "report" / "templates" / "report.html"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=21_176)
    parser.add_argument("--keep", type=Path, help="folder for the files and the report")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        print(json.dumps(make(options.make)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        prepare(folder, options.images)
        command = [sys.executable, __file__, "--make", str(folder)]
        start = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout) | {"process_seconds": round(time.perf_counter() - start, 1)}
    met = {name: row[name] <= most for name, most in TARGETS.items()}
    print(json.dumps({"images": options.images, "labels": options.images * 14, **row, "met": met}))


if __name__ == "__main__":
    main()
