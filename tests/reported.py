"""A report with every section, from data made by hand, for tests of the whole page."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import disputes
import synthetic
from audits import CLASSES, audit, files, whole
from cxrnoise.audit import hanging
from cxrnoise.core import manifests, provenance
from cxrnoise.reading import verdicts
from cxrnoise.report import comparison, pages, table1
from cxrnoise.report import whole as report
from cxrnoise.report.privacy import Names
from cxrnoise.report.sections.section import Study
from cxrnoise.scores.groups import groups
from cxrnoise.scores.verdict import verdict
from cxrnoise.tasks.registry import KINDS
from detections import READERS, SCORES, readers_of, reviews_of, rows_of
from hung import chests, shard_file, table
from tiny import png

CONFIG = Path(__file__).parents[1] / "config"
TEMPLATES = Path(pages.__file__).parent / "templates"
IMAGES = 45
SETTINGS = {
    "results": "results",
    "seeds": [0],
    "finding": "Emphysema",
    "readings": "room",
    "uncertainty": {"samples": 10, "batch_size": 4},
    "measures": {"confidence": "softmax", "groups": "test-quantiles", "sd_factor": 1.0},
    "audit": {"task": "reports", "verdict": "majority"},
    "tasks": {
        "situs": {"kind": "situs", "noise_models": ["symmetric"]},
        "reports": {"kind": "findings"},
    },
}


def html(at):
    """Return a report with every section; their files are in the folder `at`."""
    study = Study("Chests", True, True, SETTINGS, True, Names(), first=IMAGES)
    made = {name: SECTIONS[name](at) for name in SECTIONS}
    return report.html(report.sections(made, study), study, TEMPLATES)


def data(at):
    index = synthetic.index(patients=300)
    index = index.assign(path=index["image"], source="a", bytes=9, width=64, height=80, shard=0)
    index.attrs["classes"] = list(synthetic.FINDINGS)
    manifests.write(index, at / "index.parquet", "index", "{}")
    cohorts = {"situs": {}, "findings": {"findings": list(synthetic.FINDINGS)}}
    return {
        "index": str(at / "index.parquet"),
        "cohorts": [_cohort(index, kind, keys, at) for kind, keys in cohorts.items()],
        "left_out": [str(at / f"{kind}.csv") for kind in cohorts],
        "problems": _csv(pd.DataFrame(columns=["problem", "images"]), at / "problems.csv"),
        "remarks": _csv(pd.DataFrame(columns=["image", "remark"]), at / "remarks.csv"),
    }


def _cohort(index, kind, keys, at):
    """Write a cohort, and beside it what it leaves out; return its path."""
    shares = {"train": 0.6, "val": 0.2, "test": 0.2}
    options = {"name": kind, "views": ["PA"], "splits": shares, **keys}
    options |= {"uncertain": "masked", "empty": "absent"}
    cohort = KINDS[kind].cohort(index, options, seed=0)
    made_by = provenance.describe({"kind": kind, **options}, "")
    manifests.write(cohort.frame, at / f"{kind}.parquet", "cohort", made_by, cohort.classes)
    _csv(pd.DataFrame(cohort.left_out.items(), columns=["why", "images"]), at / f"{kind}.csv")
    return str(at / f"{kind}.parquet")


def of_table1(at):
    runs = [(noise, 0, _judged(noise)) for noise in (0.0, 8.0)]
    return {
        "by_seed": [_csv(table1.by_seed(runs), at / "by-seed.csv")],
        "intervals": [_csv(table1.intervals(runs), at / "intervals.csv")],
        "figures": [_figure(at / "situs.svg")],
        "paper": str(CONFIG / "paper-table1.csv"),
    }


def _judged(noise, n=90):
    """Return verdicts of a model that is wrong where it is not confident."""
    random = np.random.default_rng(0)
    true, certain, unsure = random.integers(0, 2, n), random.random(n), random.random(n)
    given = np.where(random.random(n) < noise / 100, 1 - true, true)
    predicted = np.where(certain < 0.1, 1 - true, true)
    images = np.array([f"{number:08d}_000.png" for number in range(n)])
    made = {"image": images, "patient": images, "true_label": true, "given_label": given}
    made |= {"flipped": given != true, "predicted": predicted, "mc_predicted": predicted}
    made |= {"confidence": certain, "confidence_group": groups(certain, images)}
    made |= {"uncertainty": unsure, "uncertainty_group": groups(unsure, images)}
    return pd.DataFrame(made | {"verdict": verdict(predicted, given, true)})


def of_table2(at):
    levels = ("low", "moderate", "high")
    key = disputes.key(list(product((0, 1), levels, levels)))
    answers = ["present", "absent", "unsure"] * 6
    readings = disputes.answers(key, Ann=answers, Bob=answers, Cy=answers[::-1])
    manifests.write(key, at / "key.parquet", "key", "{}")
    manifests.write(whole(readings, "readings"), at / "read.parquet", "readings", "{}")
    judged = verdicts.judge(key, readings)
    figures = [at / f"cases-{number}.png" for number in (1, 2, 3)]
    for figure in figures:
        figure.write_bytes(png(chests(1)[0]))
    return {
        "table": _csv(verdicts.counted(judged), at / "table2.csv"),
        "statistics": _csv(verdicts.statistics(judged, key), at / "statistics.csv"),
        "key": str(at / "key.parquet"),
        "readings": str(at / "read.parquet"),
        "reads": [],
        "figures": [str(figure) for figure in figures],
        "paper": str(CONFIG / "paper-table2.csv"),
    }


def of_detection(at):
    rows = [rows_of(scores=SCORES, noise=noise) for noise in ("8", "32")]
    reviews = [reviews_of(SCORES, noise=noise) for noise in ("8", "32")]
    return {
        "detection": _csv(pd.DataFrame(sum(rows, [])), at / "detection.csv"),
        "reviews": _csv(pd.DataFrame(sum(reviews, [])), at / "reviews.csv"),
        "readers": _csv(pd.DataFrame(readers_of(), columns=READERS), at / "readers.csv"),
    }


def of_audit(at):
    (at / "audit").mkdir(exist_ok=True)
    return files(audit(at / "audit", simulated=True), at / "audit")


def suspicious(at):
    images = table(IMAGES)
    ranking = images[["image", "patient"]].assign(label="Mass", given_label=1, suggested=0)
    ranking = ranking.assign(probability=0.9, score=0.9, rank=range(1, IMAGES + 1))
    manifests.write(ranking, at / "ranking.parquet", "ranking", "{}", CLASSES)
    shards = shard_file(at / "000.h5", chests(IMAGES), images)
    return {"ranking": str(at / "ranking.parquet"), "readings": [], "shards": shards}


def of_hanging(at):
    images = table(IMAGES)
    mirrored = images[["image", "patient"]].assign(kind="mirrored", what="mirrored", value=0.9)
    mirrored["rank"] = range(1, IMAGES + 1)
    pairs = hanging.twice(chests(IMAGES), images, first=4)
    lists = pd.concat([mirrored, pairs])[hanging.COLUMNS].fillna("")
    shards = shard_file(at / "001.h5", chests(IMAGES), images)
    return {"lists": _csv(lists, at / "hanging.csv"), "shards": shards}


def paper(at):
    names = ("table1", "table2", "numbers")
    printed = [pd.read_csv(CONFIG / f"paper-{name}.csv") for name in names]
    rows = comparison.compare(comparison.numbers(*printed), {})
    return {"rows": _csv(rows, at / "paper.csv")}


def _csv(frame, path):
    pages.write_csv(frame, path)
    return str(path)


def _figure(path):
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg' width='900' height='300'/>")
    return str(path)


SECTIONS = {
    "data": data,
    "table1": of_table1,
    "table2": of_table2,
    "detection": of_detection,
    "audit": of_audit,
    "suspicious": suspicious,
    "impact": of_audit,
    "hanging": of_hanging,
    "paper": paper,
    "made": lambda at: {},
}
