"""The section of the report on the data, and on what was left out."""

import numpy as np
import pandas as pd
import pytest

import synthetic
from cxrnoise.core import manifests, provenance
from cxrnoise.datasets import index as indexed
from cxrnoise.images import packing
from cxrnoise.images import remarks as remarked
from cxrnoise.report import pages
from cxrnoise.report.privacy import Names
from cxrnoise.report.sections import data
from cxrnoise.report.sections.section import Study
from cxrnoise.tasks.registry import KINDS

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
OPTIONS = {"views": ["PA"], "splits": SHARES, "uncertain": "masked", "empty": "absent"}
KEYS = {
    "situs": {},
    "finding": {"finding": "Effusion", "positives": SHARES},
    "findings": {"findings": ["Effusion", "Emphysema"]},
    "classes": {"column": "Sex"},
    "orientation": {},
}


@pytest.fixture(scope="module")
def archive():
    """Images of two views, with sex and age; some cells of Effusion are uncertain or empty."""
    table = synthetic.index(patients=400)
    size = {"source": "a", "bytes": 9, "width": 64, "height": 80, "shard": 0}
    table = table.assign(path="images/" + table["image"], **size)
    table["Sex"] = ["F", "M"] * (len(table) // 2) + ["F"] * (len(table) % 2)
    table["Patient Age"] = "41"
    table.loc[table.index % 9 == 1, "Effusion"] = "-1"
    table.loc[table.index % 9 == 2, "Effusion"] = ""
    table.attrs["classes"] = list(synthetic.FINDINGS)
    return table


def study(**changes):
    made = {"dataset": "Chests", "phantom": False, "simulated": False, "config": {"seeds": [0]}}
    return Study(**made | {"pictures": True, "names": Names(), "first": 9} | changes)


def files(at, archive, *kinds, remarks=(), problems=()):
    """Write what the steps before write, and return the paths."""
    manifests.write(archive, at / "index.parquet", "index", "{}")
    pages.write_csv(pd.DataFrame(remarks, columns=["image", "remark"]), at / "remarks.csv")
    report = pd.DataFrame(problems, columns=["image", "problem"])
    indexed.left_out(report).to_csv(at / "problems.csv", index=False)
    found = {name: str(at / f"{name}.csv") for name in ("problems", "remarks")}
    found |= {"index": str(at / "index.parquet"), "cohorts": [], "left_out": []}
    for kind in kinds:
        options = {**OPTIONS, **KEYS[kind], "name": f"my-{kind}"}
        cohort = KINDS[kind].cohort(archive, options, seed=0)
        made_by = provenance.describe({"kind": kind, **options}, "")
        path = at / f"{kind}.parquet"
        manifests.write(cohort.frame, path, "cohort", made_by, classes=cohort.classes)
        left_out = pd.DataFrame(cohort.left_out.items(), columns=["why", "images"])
        pages.write_csv(left_out, at / f"{kind}.csv")
        found["cohorts"].append(str(path))
        found["left_out"].append(str(at / f"{kind}.csv"))
    return found


def rows(table):
    return [[cell.value for cell in row] for row in table.rows]


@pytest.mark.parametrize("kind", KEYS)
def test_each_image_is_in_the_cohort_or_left_out_for_a_reason(tmp_path, archive, kind):
    [(_, _, [_, left_out])] = data.section(files(tmp_path, archive, kind), study()).values["tasks"]
    cohort = manifests.read(tmp_path / f"{kind}.parquet", "cohort")
    images = sum(row[1].key for row in left_out.rows if row[1].key != "")
    assert cohort["image"].nunique() + images == len(archive)
    assert "reason not recorded" not in [row[0] for row in rows(left_out)]


def test_the_answer_counts_images_and_patients(tmp_path, archive):
    made = data.section(files(tmp_path, archive, "situs"), study())
    [answer] = made.answers
    patients = archive.loc[archive["view"] == "PA", "patient"].nunique()
    assert answer.answer.startswith(f"{len(archive):,} radiographs of 400 patients.")
    assert f"In my-situs: {patients} images of {patients} patients" in answer.answer
    assert "drawn radiographs (phantoms)" in (
        data.section(files(tmp_path, archive), study(phantom=True)).answers[0].answer
    )


def test_images_are_counted_by_view_sex_age_and_format(tmp_path, archive):
    archive = archive.assign(path=archive["path"].where(archive.index > 4, "x/A.DCM"))
    [images, _] = data.section(files(tmp_path, archive, "situs"), study()).values["whole"]
    found = {(by.value, cell.value): (cell.word, count.key) for by, cell, count, _ in images.rows}
    assert found["view", "PA"] == ("used by my-situs", (archive["view"] == "PA").sum())
    assert found["view", "AP"][0] == "used by no task"
    assert found["format of the file", ".dcm"] == ("", 5)
    assert ("sex", "F") in found
    assert "64 pixels wide and 80 high" in images.caption


def test_every_problem_has_its_number_also_none(tmp_path, archive):
    problems = [("a", "missing"), ("b", "doubled"), ("b", "doubled"), ("c", "left out: lateral")]
    problems += [("d", "remark: Laterality L")]
    remarks = [("e", "dark: 17 grey levels, brightest 16"), ("f", "flat: 2 grey levels")]
    paths = files(tmp_path, archive, remarks=remarks, problems=problems)
    made = data.section(paths, study())
    said = "Images and files that could not be used: missing 1, doubled 1, left out 1."
    assert said in made.answers[0].answer
    numbers = {row[0]: row[2] for row in rows(made.values["whole"][1])}
    assert numbers == {
        **{"missing": "1", "doubled": "1", "truncated": "0", "unreadable": "0", "left out": "1"},
        **{"unlisted": "0", "remark": "1", "dark": "1", "bright": "0", "flat": "1"},
    }


def test_labels_are_counted_by_split_and_value(tmp_path, archive):
    [(_, sentence, [labels, left_out])] = data.section(
        files(tmp_path, archive, "findings"), study(config={"seeds": [0, 1, 2]})
    ).values["tasks"]
    assert "views PA" in sentence and "1, 2 draw cohort and splits anew" in sentence
    cohort = manifests.read(tmp_path / "findings.parquet", "cohort")
    effusion = cohort[cohort["label"] == "Effusion"]["reported_label"].value_counts()
    [whole] = [row for row in labels.rows if (row[0].value, row[1].value) == ("Effusion", "all")]
    assert [cell.key for cell in whole[4:]] == [effusion[0], effusion[1], effusion[-1]]
    assert whole[5].interval == f"{100 * effusion[1] / effusion[[0, 1]].sum():.1f} %"
    counted = {row[0].value: row[2].key for row in left_out.rows}
    taken = archive[archive["image"].isin(cohort["image"])]["Effusion"]
    assert counted["uncertain cells, taken as masked"] == (taken == "-1").sum()
    assert counted["empty cells, taken as absent"] == (taken == "").sum()
    assert list(counted.values())[-1] == effusion[-1]


@pytest.fixture
def elsewhere(tmp_path):
    """The cohort of a file of predictions, and what it leaves out."""
    table = pd.DataFrame({"image": list("abc"), "given_label": ["x", "y", ""]})
    table.assign(p_x=[0.9, 0.1, 0.5], p_y=[0.1, 0.9, 0.5]).to_csv(tmp_path / "p.csv", index=False)
    options = {"name": "others", "file": str(tmp_path / "p.csv")}
    cohort = KINDS["predictions"].cohort(None, options, seed=0)
    assert cohort.left_out == {"without a given label": 1}
    made_by = provenance.describe({"kind": "predictions", **options}, "")
    manifests.write(cohort.frame, tmp_path / "c.parquet", "cohort", made_by, cohort.classes)
    pages.write_csv(
        pd.DataFrame(cohort.left_out.items(), columns=["why", "images"]), tmp_path / "l.csv"
    )
    return {"cohorts": [str(tmp_path / "c.parquet")], "left_out": [str(tmp_path / "l.csv")]}


def test_predictions_from_elsewhere_have_no_images(elsewhere):
    paths = elsewhere | {"index": [], "problems": [], "remarks": []}
    made = data.section(paths, study(phantom=True))
    assert made.values["whole"] == [] and made.warnings == ""
    assert made.answers[0].answer == "In others: 2 images of 2 patients, with 2 labels."


def test_predictions_from_elsewhere_are_not_compared_with_the_images(tmp_path, archive, elsewhere):
    paths = files(tmp_path, archive, "situs")
    paths |= {name: paths[name] + more for name, more in elsewhere.items()}
    [_, (_, sentence, [_, left_out])] = data.section(paths, study()).values["tasks"]
    assert sentence.startswith("The images and labels are those of a file of predictions")
    assert "reason not recorded" not in [row[0] for row in rows(left_out)]


def test_the_first_seed_is_the_first_that_is_named(tmp_path, archive):
    seeds = study(config={"seeds": [7, 2]})
    [(_, sentence, _)] = data.section(files(tmp_path, archive, "situs"), seeds).values["tasks"]
    assert "of the seed 7; 2 draw" in sentence


def test_dark_bright_and_flat_pictures_are_found_in_the_shards(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8)
    pictures = {"a.png": noise, "b.png": noise // 8, "c.png": np.full((16, 16), 90, np.uint8)}
    with packing.writing(tmp_path / "0.h5", 16, "lanczos", "{}", images=3) as writer:
        for name, pixels in pictures.items():
            writer.append(name, b"0" * 64, pixels)
    with packing.writing(tmp_path / "1.h5", 16, "lanczos", "{}", images=0):
        pass
    found = remarked.of_shards([tmp_path / "0.h5", tmp_path / "1.h5"])
    assert dict(zip(found["image"], found["remark"].str[:4], strict=True)) == {
        "b.png": "dark",
        "c.png": "flat",
    }
