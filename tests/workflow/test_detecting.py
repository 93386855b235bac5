"""Detection through the real Snakefile: folds, members, readers, and what a user is told."""

import numpy as np
import pandas as pd
import pytest

RUN = "results/situs/noise-8/seed-0"
TRUTH = "phantoms: {file: results/phantom/truth.csv}"
BOTH = (
    "detection={situs: {by: [test, folds], scores: [self_confidence, uncertainty]}, "
    f"emphysema: {{truth: {{{TRUTH}}}, scores: [self_confidence]}}}}"
)
# A score as a user would add one.
OTHER = '''"""It ranges from 0 to 1; higher means that the label is more likely wrong."""
import numpy as np

NEEDS = ()


def score(run):
    return 1 - run.of_given(run.probabilities)
'''


def test_every_image_of_the_cohort_is_judged_by_a_network_of_other_patients(finished):
    """In the same call errors of reports are measured, which are known from a file of reads.

    Where Table 1 is gone, Snakemake's report without a target shows detection alone.
    """
    configured = ["--config", "tasks={situs: {folds: 2}}", BOTH]
    jobs = finished.run(*configured, "--", "detection")
    assert jobs["train"] == 2 + 1
    tables = pd.read_csv(finished.folder / "results/detection.csv", dtype={"noise": str})
    reported = tables[tables["task"] == "emphysema"]
    assert (reported["truth"] == "phantoms").all()
    assert set(reported["direction"]) == {"any", "present", "absent"}
    table = tables[tables["task"] == "situs"]
    wrong = table[table["measure"] == "wrong"].set_index(["by", "direction"])["n"]
    assert wrong["test", "any"] == 20
    assert wrong["folds", "any"] == 60  # the phantoms' patients
    assert set(table["score"].dropna()) == {"self_confidence", "uncertainty"}
    folds = [
        pd.read_parquet(finished.folder / RUN / f"fold-{fold}/labels.parquet") for fold in (0, 1)
    ]
    flipped = [fold.set_index("image")["flipped"] for fold in folds]
    assert flipped[0].equals(flipped[1])  # drawn once for the cohort, before it is folded
    tested = [set(fold.loc[fold["split"] == "test", "patient"]) for fold in folds]
    assert not tested[0] & tested[1] and len(tested[0] | tested[1]) == 60
    predicted = pd.read_parquet(finished.folder / RUN / "folds/predictions.parquet")
    assert sorted(predicted["image"]) == sorted(folds[0]["image"])
    assert (finished.folder / "results/detection.html").exists()
    log = (finished.folder / "results/logs/situs/cohort-0.log").read_text()
    assert "60 of the 76 images are in the cohort, 16 are outside" in log
    for path in ("table1.csv", "figures/situs.svg"):
        (finished.folder / "results" / path).unlink()
    done = finished.snakemake("--report", "report.html", *configured)
    assert done.returncode == 0, done.stderr[-2000:]
    report = finished.read("report.html").decode()
    assert "How well each score finds wrong labels" in report and "Table 1" not in report


def test_members_share_the_labels_and_differ_in_their_predictions(finished):
    target = f"{RUN}/scores/members_mean.parquet"
    jobs = finished.run("--config", "tasks={situs: {members: 2}}", "--", target)
    assert jobs == {"train": 1, "predict": 1, "score": 1}
    own, other = (
        pd.read_parquet(finished.folder / RUN / path)
        for path in ("predictions.parquet", "member-1/predictions.parquet")
    )
    assert own["image"].tolist() == other["image"].tolist()
    assert not np.allclose(own["mirrored"], other["mirrored"])
    assert not (finished.folder / RUN / "member-1/labels.parquet").exists()


def test_another_score_makes_its_own_file_and_what_follows_and_trains_nothing(finished):
    named = "detection={situs: {scores: [self_confidence%s]}}"
    finished.run("--config", named % "", "--", "detection")
    library = finished.folder / "workflow/scripts/cxrnoise/scores"
    (library / "other.py").write_text(OTHER)
    finished.edit(f"{library}/registry.py", '"confidence",', '"confidence", "other",')
    jobs = finished.run("--config", named % ", other", "--", "detection")
    assert jobs == {
        "score": 1,
        "detect": 1,
        "write_detection": 1,
        "detection_page": 1,
        "detection": 1,
    }


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["tasks={situs: {noise_levels: [0]}}"], "Nobody knows which labels of the task situs"),
        (["tasks={situs: {noisy_splits: [train]}}"], "No label of the test split is flipped"),
        (["detection={situs: {scores: [best]}}"], "There is no score 'best'"),
        (["detection={situs: {scores: [members_mean]}}"], "set tasks.NAME.members to at least 2"),
        (["detection={situs: {by: [folds], scores: [forgetting]}}"], "at least 5 epochs"),
        (["detection={situs: {by: [probe]}}"], "The probe needs a trained network"),
    ],
)
def test_what_cannot_be_measured_is_said_before_any_job_starts(fresh, settings, said):
    printed = fresh.refuses("--config", *settings, "--", "detection")
    assert said in printed
    assert "Traceback" not in printed
    assert not (fresh.folder / "results").exists()


def test_reads_that_do_not_fit_are_said_while_others_begin_to_train(finished):
    (finished.folder / "reads.csv").write_text("Image ID,Emphysema\nstranger.png,YES\n")
    setting = "detection={emphysema: {truth: {reads: {file: reads.csv}}}}"
    printed = finished.refuses("--config", setting, "--", "detection")
    assert "None of the images of reads.csv is in the" in printed
    assert not (finished.folder / "results/emphysema/noise-0/seed-0/scores").exists()


def test_a_corrected_truth_is_measured_again(fresh):
    file = fresh.folder / "mine.csv"
    rows = [f"{n},a,{'a' if n % 4 else 'b'},{n % 10 / 10},{1 - n % 10 / 10}" for n in range(40)]
    file.write_text("\n".join(["image,given_label,true_label,p_a,p_b", *rows]))
    settings = ["tasks={mine: {kind: predictions, file: mine.csv}}", "detection={mine: {}}"]
    fresh.run("--config", *settings, "--", "detection")
    file.write_text(file.read_text().replace("4,a,b,", "4,a,a,"))  # the images 4 and 24
    fresh.run("--config", *settings, "--", "detection")
    table = pd.read_csv(fresh.folder / "results/detection.csv").set_index("measure")
    assert table.loc["wrong", "value"] == 8
