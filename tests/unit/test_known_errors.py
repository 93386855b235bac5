"""Labels with a known truth, readers who look for the wrong ones, and what `detect` writes."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import runs
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.reading import truth
from cxrnoise.scores import tables
from cxrnoise.statistics import known_errors, replicates
from cxrnoise.tasks import values

SCRIPTS = Path(known_errors.__file__).parents[2]
FINDINGS = ["Effusion", "Mass"]
READS = "Image ID,Reader ID,Effusion,Mass"


class Named(list):
    """What Snakemake calls a list of files with names."""

    def __init__(self, **named):
        super().__init__(named.values())
        self.__dict__.update(named)

    def __getitem__(self, name):
        return self.__dict__[name]

    def items(self):
        return self.__dict__.items()


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(replicates, "RESAMPLES", 50)


def run(seed=0, n=60):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, 2, (n, 2))
    given = np.where(rng.random((n, 2)) < 0.2, 1 - true, true)
    given[0, 0] = manifests.UNKNOWN
    return runs.findings(true, given, np.clip(rng.normal(0.2 + 0.6 * true, 0.2), 0, 1))


def scores(of, *names):
    return {name: tables.scored(of, name) for name in names}


def scored(of):
    return known_errors.scored(of.labels, scores(of, "self_confidence", "confidence"))


def known(table, truth=None):
    return known_errors.known(known_errors.judged(table, truth))


def test_labels_with_a_known_truth_stand_beside_their_scores():
    of = run()
    table = known(scored(of))
    assert list(table) == [
        *("image", "label", "patient", "given_label", "self_confidence", "confidence", "wrong")
    ]
    assert len(table) == 2 * 60 - 1
    assert table["wrong"].sum() == of.labels.loc[of.labels["given_label"] != -1, "flipped"].sum()


def test_labels_without_a_verdict_are_left_out():
    of = run()
    images = of.images[:4].repeat(2)
    truth = pd.DataFrame({"image": images, "label": FINDINGS * 4, "true_label": [1, -1] * 4})
    table = known(scored(of), truth)
    assert len(table) == 3 and set(table["label"]) == {"Effusion"}
    assert (table["wrong"] == (table["given_label"] != 1)).all()


def left_out(*judged):
    rows = known_errors.left_out(judged, findings=True)
    return rows.set_index(["label", "direction", "measure"])


def test_labels_without_a_truth_and_those_in_dispute_are_counted_per_finding_and_direction():
    of = run()
    truth = pd.DataFrame({"image": of.images[:4], "label": "Effusion", "true_label": [1, -1] * 2})
    rows = left_out(known_errors.judged(scored(of), truth))
    assert rows.at[("all", "any", "without_truth"), "value"] == 119 - 3  # one of the four is -1
    assert rows.at[("all", "any", "undecided"), "value"] == 2
    assert rows.at[("Mass", "any", "without_truth"), "value"] == 60
    assert rows.at[("Effusion", "any", "without_truth"), "n"] == 59
    present, absent = (rows.loc[("all", way, "without_truth")] for way in ("present", "absent"))
    assert present["value"] + absent["value"] == 116
    assert (rows["score"] == "").all() and rows["low"].isna().all()


def test_the_truth_of_a_run_may_not_be_known_which_is_no_dispute():
    table = scored(run())
    table.loc[:9, "true_label"] = manifests.UNKNOWN
    rows = left_out(known_errors.judged(table, None), known_errors.judged(scored(run()), None))
    assert rows.at[("all", "any", "without_truth"), "value"] == 5  # the mean over two seeds
    assert rows.at[("all", "any", "without_truth"), "seeds"] == 2
    assert rows.at[("all", "any", "undecided"), "value"] == 0


def test_a_label_that_a_score_lacks_stays_with_the_others():
    of = run()
    held = scores(of, "self_confidence", "confidence")
    held["confidence"] = held["confidence"].iloc[10:]
    table = known_errors.scored(of.labels, held)
    assert len(table) == 119 and table["confidence"].isna().sum() == 10


def test_a_task_without_known_truth_is_one_sentence():
    table = known(scored(run()).assign(true_label=-1))
    with pytest.raises(UserError) as caught:
        known_errors.check([table], "emphysema", "0", "labels")
    assert "The task emphysema at noise 0 has no label whose truth is known" in str(caught.value)
    assert "name a file of reads" in str(caught.value)


def test_a_level_without_wrong_labels_is_one_sentence():
    table = known(scored(run())).assign(wrong=False)
    with pytest.raises(UserError, match="The task situs at noise 0 has no wrong label") as caught:
        known_errors.check([table], "situs", "0", "labels")
    assert "choose a noise level above 0" in str(caught.value)


def test_a_reader_is_measured_by_what_he_doubts_and_what_the_others_do():
    said = pd.DataFrame(
        {
            "image": runs.names(6),
            "label": "Effusion",
            "reader": "ann",
            "answer": [1, 1, 0, 0, 0, 0],
            "true_label": [1, 0, 1, 0, 0, -1],
        }
    )
    table = pd.DataFrame(
        {"image": runs.names(6), "patient": runs.names(6), "label": "Effusion", "given_label": 0}
    )
    found = known_errors.readers([table], said).set_index("measure")
    assert found["value"].to_dict() == {"precision": 1 / 2, "recall": 1 / 2}
    assert set(found["label"]) == {"all"} and set(found["ties"]) == {1}
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()


def detect(folder, said=None, noisy=True):
    """Write two seeds, run the script, return its tables by name.

    said: what readers say, a table of `truth.reads`, or None for the truth of the labels.
    """
    paths = {"labels": [], "scores": []}
    if said is not None:
        paths["reads"] = str(folder / "reads.parquet")
        manifests.write(said, paths["reads"], "reads", "{}")
    for seed in range(2):
        of = run(seed)
        if not noisy:
            known = of.labels["given_label"] != manifests.UNKNOWN
            of.labels.loc[known, "true_label"] = of.labels.loc[known, "given_label"]
            of.labels["reported_label"], of.labels["flipped"] = of.labels["given_label"], False
        paths["labels"].append(str(folder / f"labels-{seed}.parquet"))
        manifests.write(of.labels, paths["labels"][-1], "labels", "{}", values.CLASSES)
        for name, table in scores(of, "self_confidence", "confidence").items():
            paths["scores"].append(str(folder / f"{name}-{seed}.parquet"))
            manifests.write(table, paths["scores"][-1], "scores", "{}")
    output = {name: str(folder / f"{name}.csv") for name in ("detection", "reviews", "readers")}
    snakemake = Named(
        input=Named(**paths),
        output=Named(**output),
        log=[str(folder / "detect.log")],
        rule="detect",
        wildcards=Named(
            task="findings", noise="8", by="test", truth="labels" if said is None else "three"
        ),
        params=Named(
            seeds=["0", "1"],
            scores=["self_confidence", "confidence"],
            verdict=None if said is None else "majority",
        ),
    )
    runpy.run_path(str(SCRIPTS / "detect.py"), {"snakemake": snakemake})
    return {name: pd.read_csv(path, keep_default_na=False) for name, path in output.items()}


def test_detect_writes_the_columns_of_the_contract(tmp_path):
    written = detect(tmp_path)
    assert ", ".join(written["detection"]) == (
        "task, noise, by, truth, score, label, direction, measure, value, low, high, n, how, "
        "seeds, difference, difference_low, difference_high"
    )
    assert ", ".join(written["reviews"]) == (
        "task, noise, by, truth, score, label, reviewed, label_accuracy, low, high"
    )
    assert len(written["readers"]) == 0 and "ties" in written["readers"]
    assert set(written["detection"].loc[written["detection"]["value"] != "", "seeds"]) == {2}
    assert set(written["reviews"]["score"]) == {
        *("self_confidence", "confidence", "random", "oracle")
    }


def test_detect_measures_against_readers_and_the_readers_themselves(tmp_path):
    reads = tmp_path / "reads.csv"
    rows = [
        f"{image},{reader},{'YES' if (place + number) % 3 else 'NO'},NO"
        for place, image in enumerate(runs.names(40))
        for number, reader in enumerate(("ann", "bo", "cy"))
    ]
    reads.write_text("\n".join([READS, *rows]) + "\n")
    written = detect(tmp_path, truth.reads(reads, FINDINGS))
    assert set(written["detection"]["truth"]) == {"three"}
    pooled = written["detection"][written["detection"]["label"] == "all"]
    counts = pooled[pooled["direction"] == "any"].set_index("measure")["value"]
    assert float(counts["without_truth"]) == 40  # twenty of sixty images were not read
    assert set(written["readers"]["reader"]) == {"ann", "bo", "cy"}
    assert set(written["readers"]["label"]) == {"all", *FINDINGS}


def test_detect_ends_with_a_sentence_where_nothing_is_wrong(tmp_path):
    with pytest.raises(SystemExit):
        detect(tmp_path, noisy=False)
    assert "has no wrong label" in (tmp_path / "detect.log").read_text()
    assert not (tmp_path / "detection.csv").exists()


def test_the_parts_of_detection_are_joined_as_they_are(tmp_path):
    names = ("detection", "reviews", "readers")
    parts = {name: [str(tmp_path / f"{name}-{number}.csv") for number in "ab"] for name in names}
    for name, files in parts.items():
        for file in files:
            Path(file).write_text(f"task,value\n{name},0.10\n")
    output = {name: str(tmp_path / f"{name}.csv") for name in names}
    snakemake = Named(input=Named(**parts), output=Named(**output), log=[tmp_path / "x.log"])
    runpy.run_path(str(SCRIPTS / "detection.py"), {"snakemake": snakemake})
    for name, path in output.items():
        assert Path(path).read_text() == f"task,value\n{name},0.10\n{name},0.10\n"
