"""The audit in the workflow: a design that stays, what readers say of its sample, and corrections.

Each project is made once for all tests that look at it; what changes it comes last.
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from test_probing import ORIENTATION, PROBE

import runs
from cxrnoise.core import manifests
from project import Project, copy_project

AUDIT = "results/reports/audit"
FOLDER = f"{AUDIT}/design-first"
DESIGN, SAMPLE, READINGS, VERDICTS = (
    f"{FOLDER}/{name}.parquet" for name in ("design", "sample", "readings", "verdicts")
)
COUNT = [f"{AUDIT}/count.csv", f"{AUDIT}/agreement.csv"]
CONFIGURATION = """
dataset: {kind: table, name: elsewhere}
images: nowhere
metadata: nowhere.csv
results: results
tasks: {reports: {kind: predictions, file: predictions.csv}}
audit: {task: reports, images: 40, suspicious: 3}
"""
# What each reader says of every image: whatever says absent is wrong, for most of them.
ANSWERS = {"ann": "YES,NO", "bob": "YES,YES", "cy": "YES,YES"}

RESULTS = "results/situs"
CORRECTED = f"{RESULTS}/noise-corrected-0/seed-0"
GIVEN = f"{RESULTS}/noise-0/seed-0"
FOLDS = [f"{run}/fold-0/labels.parquet" for run in (GIVEN, CORRECTED)]
SETTING = ("--config", "corrections=corrections.csv", "--")
ORIENTED = "results/orientation/noise-0/seed-0/model.keras"


@pytest.fixture
def elsewhere(fresh):
    """A project whose predictions are from elsewhere, in which nothing has run."""
    return predicted(fresh)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """A project whose predictions are from elsewhere, and whose sample three readers have read."""
    project = predicted(copy_project(tmp_path_factory.mktemp("audit") / "project"))
    project.asked = project.refuses(READINGS)
    images = pd.read_parquet(project.folder / SAMPLE)["image"]
    lines = ["Image ID,Reader ID,Effusion,Mass", "elsewhere.png,ann,YES,YES"]
    lines += [f"{image},{reader},{said}" for image in images for reader, said in ANSWERS.items()]
    (project.folder / "reads.csv").write_text("\n".join(lines))
    project.edit("tiny.yaml", "suspicious: 3", "suspicious: 3, readings: reads.csv")
    project.after = project.run(READINGS, f"{AUDIT}/ranking.parquet", *COUNT)
    return project


@pytest.fixture(scope="module")
def corrected(pristine):
    """A project with networks: a run on corrected labels, and a sample for the reading room."""
    shutil.rmtree(pristine)
    shutil.copytree(pristine.with_name("pristine"), pristine)
    project = Project(pristine)
    before = table(project, f"{GIVEN}/labels.parquet")
    project.wrong = before[before["split"] == "train"].iloc[:3]
    words = project.wrong["given_label"].map({0: "mirrored", 1: "unmirrored"})
    project.lines = [f"{image},situs,{word}" for image, word in words.items()]
    correct(project, "image,label,corrected", project.lines)
    targets = [f"{CORRECTED}/predictions.parquet", *FOLDS]
    project.needed = project.jobs(*SETTING, *targets)
    project.edit("tiny.yaml", "tasks:\n", ORIENTATION)
    audit = "audit: {task: emphysema, images: 20, repeats: 0.3}\n"
    project.edit("tiny.yaml", "network:", f"{audit}{PROBE}")
    project.run(*SETTING, *targets, "audit-sample")
    return project


def predicted(project):
    """Let a project take predictions from elsewhere: it has neither images nor networks."""
    (project.folder / "tiny.yaml").write_text(CONFIGURATION)
    predict(project.folder)
    return project


def predict(folder, seed=0):
    """Write what a network says of 120 images and two findings; another seed is another network."""
    given = np.random.default_rng(0).random((120, 2)) < 0.3
    said = np.random.default_rng(seed).beta(1 + 3 * given, 4 - 3 * given).round(4)
    columns = {"image": runs.names(120)}
    for number, finding in enumerate(("Effusion", "Mass")):
        columns |= {f"given_{finding}": given[:, number].astype(int)}
        columns |= {f"p_{finding}": said[:, number]}
    pd.DataFrame(columns).to_csv(folder / "predictions.csv", index=False)


def correct(project, header, lines):
    (project.folder / "corrections.csv").write_text("\n".join([header, *lines]))


def table(project, path):
    return pd.read_parquet(project.folder / path).set_index("image")


def test_a_sample_is_drawn_and_listed(audited):
    before = pd.read_csv(audited.folder / f"{AUDIT}/ranking-before.csv")
    assert (len(before), len(pd.read_parquet(audited.folder / SAMPLE))) == (240, 43)
    listed = pd.read_csv(audited.folder / f"{FOLDER}/sample.csv")
    assert listed["role"].value_counts().to_dict() == {"sample": 40, "suspicious": 3}


def test_an_audit_asks_for_readings_and_then_reads_those_of_its_images(audited):
    assert f"let people read the images of {SAMPLE} and name the file" in audited.asked
    assert "Traceback" not in audited.asked
    steps = ("audit_readings", "audit_verdicts", "calibrate", "count")
    assert audited.after == dict.fromkeys(steps, 1)
    images = pd.read_parquet(audited.folder / SAMPLE)["image"]
    readings = manifests.read(audited.folder / READINGS, "audit_readings")
    inside = readings["image"].isin(images)
    assert inside.sum() == len(images) * len(ANSWERS) * 2
    # One read of an image outside the sample is kept, for corrections.
    assert set(readings.loc[~inside, "image"]) == {"elsewhere.png"} and (~inside).sum() == 2
    said = readings[inside].groupby(["label", "reader"])["answer"].unique().map(list).to_dict()
    assert said == {
        (finding, reader): [int(answer == "YES")]
        for reader, answers in ANSWERS.items()
        for finding, answer in zip(("Effusion", "Mass"), answers.split(","), strict=True)
    }


def test_what_was_read_ranks_the_labels_anew(audited):
    before = pd.read_parquet(audited.folder / f"{AUDIT}/ranking-before.parquet")
    verdicts = manifests.read(audited.folder / VERDICTS, "audit_verdicts")
    verdicts = verdicts[verdicts["image"].isin(before["image"])]
    assert len(verdicts) == 86 and (verdicts["true_label"] == 1).all()
    after = manifests.read(audited.folder / f"{AUDIT}/ranking.parquet", "calibrated")
    people = pd.read_csv(audited.folder / f"{AUDIT}/ranking.csv", keep_default_na=False)
    assert len(after) == len(people) == len(before)
    assert after["calibrated"].is_monotonic_decreasing
    assert (people["verdict"] != "").sum() == len(verdicts)
    # Whatever says absent is wrong, for these readers.
    by_given = people.groupby("given")["probability_wrong"].mean()
    assert by_given["absent"] > 0.9 and by_given["present"] < 0.1
    expected = pd.read_csv(audited.folder / f"{AUDIT}/first.csv")
    assert expected["k"].tolist() == [10, 20, 50, 100, 200, 240]
    assert expected["read"].iloc[-1] == len(verdicts)


def test_what_was_read_is_counted(audited):
    sample = pd.read_parquet(audited.folder / SAMPLE)
    given = pd.read_csv(audited.folder / "predictions.csv")
    counted = pd.read_csv(audited.folder / COUNT[0]).set_index(["label", "direction", "method"])
    in_sample = sample.loc[sample["role"] == "sample", "image"]
    own = given[given["image"].isin(in_sample)]
    row = counted.loc[("Effusion", "any", "stratified")]
    assert (row["labels"], row["read"]) == (120, 40)
    assert row["found"] == (own["given_Effusion"] == 0).sum()
    assert row["wrong_low"] <= (given["given_Effusion"] == 0).sum() <= row["wrong_high"]
    total = counted.loc[("all", "any", "difference")]
    assert (total["labels"], total["read"]) == (240, 80)
    log = (audited.folder / "results/logs/reports/audit/count.log").read_text()
    assert "4 images were read that are not in the probability sample" in log
    agreement = pd.read_csv(audited.folder / COUNT[1]).set_index(["label", "statistic", "reader"])
    assert agreement.loc[("Mass", "cohen_kappa", "ann & cy"), "estimate"] == 0


@pytest.mark.parametrize(
    ("old", "new", "target", "message"),
    [
        ("task: reports, ", "", "audit-sample", "name the task whose labels people read"),
        ("task: reports, ", "task: reports, ", "audit", "let people read its images"),
        ("3}", "3, score: neighbours}", "audit-sample", "needs features, and the run of reports"),
    ],
)
def test_what_an_audit_lacks_is_one_sentence(elsewhere, old, new, target, message):
    elsewhere.edit("tiny.yaml", old, new)
    printed = elsewhere.refuses("--dry-run", target)
    assert message in printed
    assert "Traceback" not in printed


def test_corrections_and_their_impact_follow_from_what_people_read(fresh):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 120)
    given = np.where(np.arange(120) % 5 == 0, 1 - true, true)
    probability = np.clip(rng.normal(0.3 + 0.4 * true, 0.15), 0.01, 0.99)
    names = np.array(["cat", "dog"])
    columns = {"image": [f"{number:03d}" for number in range(120)], "given_label": names[given]}
    predictions = pd.DataFrame(columns | {"p_cat": 1 - probability, "p_dog": probability})
    predictions.to_csv(fresh.folder / "mine.csv", index=False)
    reads = predictions.assign(reader="ann", label=names[true])[["image", "reader", "label"]]
    reads.columns = ["Image ID", "Reader ID", "label"]
    reads.to_csv(fresh.folder / "reads.csv", index=False)
    settings = ["tasks={mine: {kind: predictions, file: mine.csv}}"]
    settings += ["audit={task: mine, readings: reads.csv, images: 60, suspicious: 5}"]
    made = [f"results/mine/audit/{name}.csv" for name in ("corrections", "impact")]
    page = "results/mine/audit/audit.html"
    fresh.run("--config", *settings, "--", *made, page)

    corrections, impact = (pd.read_csv(fresh.folder / path, dtype={"image": str}) for path in made)
    sample = pd.read_parquet(fresh.folder / "results/mine/audit/design-first/sample.parquet")
    assert len(sample) == 65
    wrong = predictions[given != true]
    assert not wrong["image"].isin(sample["image"]).all()  # reads outside the sample correct too
    assert corrections["image"].tolist() == wrong["image"].tolist()
    assert (corrections["given"].to_numpy() == wrong["given_label"].to_numpy()).all()
    assert (corrections["votes"] == 1).all() and (corrections["readers"] == 1).all()
    auc = impact.set_index("measure").loc["auc"]
    assert auc["images"] == 60 and auc["difference_low"] > 0
    own = pd.read_csv(fresh.folder / "results/mine/audit/corrected-labels.csv", dtype=str)
    mended = np.where(own["image"].isin(wrong["image"]), names[true], names[given])
    assert own["label"].tolist() == mended.tolist()
    shown = (fresh.folder / page).read_text()
    assert f"The readers overturned {len(wrong)} labels of {len(wrong)} images." in shown
    assert "SIMULATED" not in shown.partition("How to read this page")[0]


def test_a_sample_is_ready_for_the_reading_room(corrected):
    folder = corrected.folder / "results/emphysema/audit/design-first"
    key = pd.read_parquet(folder / "key.parquet")
    shown = json.loads((folder / "study/study.json").read_text())
    assert shown["cases"] == sorted(key["case"])
    assert {path.stem for path in (folder / "study/images").glob("*.png")} == set(key["case"])
    assert key[key["role"] == "sample"]["image"].nunique() == 20
    assert (key["role"] == "repeat").any()

    printed = corrected.refuses("--dry-run", "audit")
    assert "make reading-room STUDY=results/emphysema/audit/design-first/study" in printed
    assert ".venv/bin/reading-room results/emphysema/audit/design-first/study export " in printed
    retrained = corrected.jobs("-R", ORIENTED, "--", "audit-sample")
    assert retrained["ranking_before"] == 1
    assert not {"design", "sample", "audit_study"} & set(retrained)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], "corrections is none: set it to a file, such as results/situs/audit/corrections.csv"),
        (["--config", "corrections=none.csv"], "The corrections none.csv in the configuration"),
    ],
)
def test_a_run_without_its_table_of_corrections_is_one_sentence(fresh, settings, said):
    printed = fresh.refuses("--dry-run", *settings, "--", f"{CORRECTED}/labels.parquet")
    assert said in printed
    assert "Traceback" not in printed


def test_a_run_on_corrected_labels_has_the_same_cohort_splits_and_folds(corrected):
    assert corrected.needed == {"corrected": 1, "train": 1, "predict": 1, "fold": 2}
    before, after = (table(corrected, f"{run}/labels.parquet") for run in (GIVEN, CORRECTED))
    changed = after["given_label"] != before["given_label"]
    assert after.index[changed].tolist() == corrected.wrong.index.tolist()
    same = ["patient", "split", "label", "reported_label"]
    pd.testing.assert_frame_equal(after[same], before[same])
    one, other = (table(corrected, path)["split"] for path in FOLDS)
    assert one.equals(other)
    said = [table(corrected, f"{run}/predictions.parquet") for run in (GIVEN, CORRECTED)]
    assert said[0].index.equals(said[1].index)
    assert not said[0]["mirrored"].equals(said[1]["mirrored"])

    # The same corrections in another order, with a remark.
    again = [f"{line},seen again" for line in corrected.lines[::-1]]
    correct(corrected, "image,label,corrected,remark", again)
    corrected.run(*SETTING, f"{CORRECTED}/predictions.parquet")
    assert corrected.started("corrected") == 1
    assert corrected.started("train", "predict") == 0


def test_a_report_with_pseudonyms_names_no_image_and_no_reader(audited):
    setting = "report={sections: [audit, suspicious, impact], pseudonyms: true, pictures: false}"
    assert audited.run("--config", setting, "--", "report")["report_page"] == 1
    results = audited.folder / "results"
    text = (results / "report.html").read_text()
    ranking = pd.read_parquet(audited.folder / f"{AUDIT}/ranking.parquet")
    assert not [image for image in ranking["image"] if image in text]
    assert not [patient for patient in ranking["patient"] if f">{patient}<" in text]
    assert "data:image/jpeg" not in text and "data:image/png" not in text
    assert "Which is which stands in the file results/report-key.csv" in text
    first = ranking.head(100)["image"]
    shown = pd.read_csv(results / "report-key.csv").set_index("name")["pseudonym"]
    assert set(shown.index) == {*first, *ANSWERS} and all(name in text for name in shown)
    assert not [reader for reader in ANSWERS if f">{reader} " in text or f"{reader}<" in text]


def test_a_design_is_made_once_and_stays(audited):
    design, small = audited.read(DESIGN), pd.read_parquet(audited.folder / SAMPLE)
    before = pd.read_csv(audited.folder / f"{AUDIT}/ranking-before.csv")
    assert not audited.jobs("audit-sample", *COUNT)

    # Another network and more images to read.
    predict(audited.folder, seed=1)
    audited.edit("workflow/scripts/cxrnoise/audit/sample.py", "FLOOR = 0.3", "FLOOR = 0.2")
    audited.edit("tiny.yaml", "images: 40", "images: 60")
    audited.run("audit-sample")
    after = pd.read_csv(audited.folder / f"{AUDIT}/ranking-before.csv")
    assert not after["score"].equals(before["score"])
    assert audited.read(DESIGN) == design
    assert "design" not in audited.jobs("--forceall", "audit-sample")
    large = pd.read_parquet(audited.folder / SAMPLE)
    of_sample = small[small["role"] == "sample"]["image"]
    assert set(of_sample) <= set(large[large["role"] == "sample"]["image"])

    # Another design stands beside it.
    kept = {path: path.read_bytes() for path in (audited.folder / AUDIT).glob("design-first/*")}
    audited.run("--config", "audit={design: second}", "--", "audit-sample")
    assert {path: path.read_bytes() for path in kept} == kept
    assert audited.read(DESIGN.replace("first", "second")) != design

    printed = audited.refuses("--config", "audit={draw: simple}", "--", "audit-sample")
    assert "audit.draw is simple, but the design" in printed
    assert "name a new design in audit.design" in printed
    assert "Traceback" not in printed
    assert audited.read(DESIGN) == design
