"""Corrections through the real Snakefile: laid over the labels of the same cohort and folds."""

import numpy as np
import pandas as pd
import pytest

RESULTS = "results/situs"
CORRECTED = f"{RESULTS}/noise-corrected-0/seed-0"
GIVEN = f"{RESULTS}/noise-0/seed-0"
SETTING = ("--config", "corrections=corrections.csv", "--")


def table(project, path):
    return pd.read_parquet(project.folder / path).set_index("image")


def test_a_run_on_corrected_labels_has_the_same_cohort_splits_and_folds(finished):
    before = table(finished, f"{GIVEN}/labels.parquet")
    wrong = before[before["split"] == "train"].iloc[:3]
    words = wrong["given_label"].map({0: "mirrored", 1: "unmirrored"})
    lines = [f"{image},situs,{word}" for image, word in words.items()]
    (finished.folder / "corrections.csv").write_text("\n".join(["image,label,corrected", *lines]))
    folds = [f"{run}/fold-0/labels.parquet" for run in (GIVEN, CORRECTED)]
    jobs = finished.run(*SETTING, f"{CORRECTED}/predictions.parquet", *folds)
    assert jobs == {"corrected": 1, "train": 1, "predict": 1, "fold": 2}

    after = table(finished, f"{CORRECTED}/labels.parquet")
    changed = after["given_label"] != before["given_label"]
    assert after.index[changed].tolist() == wrong.index.tolist()
    same = ["patient", "split", "label", "reported_label"]
    pd.testing.assert_frame_equal(after[same], before[same])
    one, other = (table(finished, path)["split"] for path in folds)
    assert one.equals(other)
    predicted = [table(finished, f"{run}/predictions.parquet") for run in (GIVEN, CORRECTED)]
    assert predicted[0].index.equals(predicted[1].index)
    assert not predicted[0]["mirrored"].equals(predicted[1]["mirrored"])

    lines = [f"{line},seen again" for line in lines[::-1]]
    text = "\n".join(["image,label,corrected,remark", *lines])
    (finished.folder / "corrections.csv").write_text(text)
    finished.run(*SETTING, f"{CORRECTED}/predictions.parquet")
    assert finished.started("corrected") == 1
    assert finished.started("train", "predict") == 0


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


def test_corrections_and_their_impact_follow_from_what_people_read(fresh):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 2, 120)
    given = np.where(np.arange(120) % 5 == 0, 1 - true, true)
    probability = np.clip(rng.normal(0.3 + 0.4 * true, 0.15), 0.01, 0.99)
    names = np.array(["cat", "dog"])
    columns = {"image": [f"{number:03d}" for number in range(120)], "given_label": names[given]}
    table = pd.DataFrame(columns | {"p_cat": 1 - probability, "p_dog": probability})
    table.to_csv(fresh.folder / "mine.csv", index=False)
    reads = table.assign(reader="ann", label=names[true])[["image", "reader", "label"]]
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
    wrong = table[(given != true) & table["image"].isin(sample["image"])]
    assert corrections["image"].tolist() == wrong["image"].tolist()
    assert (corrections["given"].to_numpy() == wrong["given_label"].to_numpy()).all()
    assert (corrections["votes"] == 1).all() and (corrections["readers"] == 1).all()
    auc = impact.set_index("measure").loc["auc"]
    assert auc["images"] == 60 and auc["difference_low"] > 0
    own = pd.read_csv(fresh.folder / "results/mine/audit/corrected-labels.csv", dtype=str)
    corrected = np.where(own["image"].isin(wrong["image"]), names[true], names[given])
    assert own["label"].tolist() == corrected.tolist()
    shown = (fresh.folder / page).read_text()
    assert f"The readers overturned {len(wrong)} labels of {len(wrong)} images." in shown
    assert "SIMULATED" not in shown.partition("How to read this page")[0]
