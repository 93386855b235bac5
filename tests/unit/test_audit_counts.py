"""How many labels are wrong, from verdicts on a sample of an archive of which all is known."""

import numpy as np
import pandas as pd
import pytest

import rankings
import runs
from cxrnoise.audit import counts
from cxrnoise.audit import sample as samples
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN

NAMES, CLASSES = ("Effusion", "Mass", "Nodule"), ["absent", "present"]


class Archive:
    """Labels of which the truth is known, their ranking, design and sample."""

    def __init__(self, run, classes, images=90, **options):
        self.ranking = rankings.of_run(run, classes)
        self.labels = run.labels
        self.design = samples.design(self.ranking, "stratified", options.pop("first", 0), 0, "x")
        self.sample = samples.sample(self.design, images, **options)
        known = self.labels[self.labels["given_label"] != UNKNOWN]
        self.truth = known[["image", "label", "true_label"]].assign(votes=1, readers=1)
        self.chance = self.ranking.rename(columns={"probability": "calibrated"})
        self.wrong = known["given_label"] != known["true_label"]

    @property
    def verdicts(self):
        return self.truth[self.truth["image"].isin(self.sample["image"])]

    def count(self, verdicts=None, groups=None):
        verdicts = self.verdicts if verdicts is None else verdicts
        return counts.count(
            self.labels, self.design, self.sample, verdicts, self.chance, groups
        ).set_index(["label", "direction", "method"])


def of_findings(n=400, seed=0, **options):
    rng = np.random.default_rng(seed)
    true = rng.random((n, 3)) < [0.3, 0.1, 0.2]
    given = true ^ (rng.random((n, 3)) < [0.15, 0.05, 0.1])
    logits = np.where(true, 1.5, -2) + rng.normal(0, 1, (n, 3))
    run = runs.findings(true, given, 1 / (1 + np.exp(-logits)), classes=NAMES)
    return Archive(run, CLASSES, **options)


def of_classes(n=400, **options):
    rng = np.random.default_rng(3)
    true = rng.integers(0, 3, n)
    given = np.where(rng.random(n) < 0.2, (true + 1) % 3, true)
    probability = rng.dirichlet([1, 1, 1], n) + 2 * np.eye(3)[true]
    probability /= probability.sum(axis=1, keepdims=True)
    classes = ["cat", "deer", "dog"]
    return Archive(runs.exclusive(true, given, probability, classes=classes), classes, **options)


ARCHIVE = of_findings()
COUNTED = ARCHIVE.count()


def interval(table, *row):
    return table.loc[row, ["wrong", "wrong_low", "wrong_high"]].tolist()


@pytest.mark.parametrize("made", [of_findings, of_classes])
def test_where_all_images_are_read_the_number_is_counted(made):
    archive = made(images=400)
    table = archive.count()
    for name in ("wrong", "wrong_low", "wrong_high"):
        assert table[name].to_numpy() == pytest.approx(table["found"].to_numpy())
    for method in ("difference", "stratified"):
        assert table.loc[("all", "any", method), "found"] == archive.wrong.sum()


def test_a_table_has_the_count_of_each_and_the_other_estimate_beside_it():
    directions, methods = ("any", "absent", "present"), ("stratified", "difference")
    rows = [("all", way, method) for way in directions for method in methods[::-1]]
    for name in NAMES:
        rows += [(name, "any", method) for method in methods]
        rows += [(name, way, "stratified") for way in directions[1:]]
    assert list(COUNTED.index) == rows
    assert list(COUNTED.reset_index()) == counts.COLUMNS


def test_classes_are_counted_by_the_class_that_was_given():
    archive = of_classes()
    table = archive.count().xs("any", level="direction")
    given = archive.labels["given_label"].value_counts().sort_index()
    one_each = table.xs("stratified", level="method").drop("all")
    assert one_each["labels"].tolist() == given.tolist()
    assert list(one_each.index) == ["cat", "deer", "dog"]
    assert one_each["found"].sum() == table.loc[("all", "difference"), "found"]


@pytest.mark.parametrize("name", NAMES)
def test_the_two_directions_of_a_finding_add_up(name):
    both, absent, present = (
        COUNTED.loc[(name, way, "stratified")] for way in ("any", "absent", "present")
    )
    for column in ("labels", "read", "found", "wrong"):
        assert both[column] == pytest.approx(absent[column] + present[column])
    assert both["wrong_high"] - both["wrong"] == pytest.approx(
        np.hypot(absent["wrong_high"] - absent["wrong"], present["wrong_high"] - present["wrong"])
    )


def test_the_truth_lies_in_the_intervals_of_most_samples():
    archive, rng, covered = of_findings(), np.random.default_rng(0), []
    truth = archive.wrong.sum()
    for _ in range(25):
        archive.design = archive.design.assign(number=rng.random(400))
        archive.sample = samples.sample(archive.design, 90)
        table = archive.count()
        rows = [table.loc[("all", "any", method)] for method in ("difference", "stratified")]
        covered.append([row["wrong_low"] <= truth <= row["wrong_high"] for row in rows])
    assert np.mean(covered, axis=0).min() > 0.85


def test_images_outside_the_sample_are_left_out_of_the_count_and_named(caplog):
    caplog.set_level("INFO")
    archive = of_findings(suspicious=25)
    outside = archive.truth[~archive.truth["image"].isin(archive.sample["image"])].head(30)
    table = archive.count(pd.concat([archive.verdicts, outside]))
    pd.testing.assert_frame_equal(table, COUNTED)
    assert "35 images were read that are not in the probability sample" in caplog.text


def test_images_that_are_read_whole_count_themselves_alone():
    archive = of_findings(first=40)
    first = archive.sample.loc[archive.sample["role"] == "first", "image"]
    beside = archive.truth[~archive.truth["image"].isin(first)]
    in_first = archive.wrong[archive.truth["image"].isin(first)].sum()
    row = archive.count().loc[("all", "any", "stratified")]
    assert row["wrong"] > in_first
    assert row["wrong_low"] >= in_first
    with pytest.raises(UserError, match="None of the"):
        archive.count(beside[~beside["image"].isin(archive.sample["image"])])


def test_images_that_are_not_read_yet_are_named(caplog):
    caplog.set_level("INFO")
    some = ARCHIVE.verdicts[ARCHIVE.verdicts["image"].isin(ARCHIVE.sample["image"].iloc[::2])]
    table = ARCHIVE.count(some)
    assert "45 of the 90 images of the sample are not read yet" in caplog.text
    assert "disagreement with this reader" in caplog.text
    assert table.loc[("all", "any", "difference"), "read"] == 45 * 3


def test_readings_of_a_part_of_the_findings_count_these():
    only = ARCHIVE.verdicts[ARCHIVE.verdicts["label"] == "Mass"]
    table = ARCHIVE.count(only)
    mass, other = (table.loc[(name, "any", "stratified")] for name in ("Mass", "Nodule"))
    assert interval(table, "Mass", "any", "stratified") == interval(
        COUNTED, "Mass", "any", "stratified"
    )
    assert mass["read"] == 90 and other["read"] == 0
    assert np.isnan(other["wrong"])
    assert (other["wrong_low"], other["wrong_high"]) == (0, 400)


def test_labels_of_which_readers_are_not_sure_are_counted_apart():
    unsure = ARCHIVE.verdicts.copy()
    unsure.loc[unsure.index[::10], "true_label"] = UNKNOWN
    table = ARCHIVE.count(unsure)
    row = table.loc[("all", "any", "difference")]
    assert (row["read"], row["unsure"]) == (243, 27)
    given = unsure.merge(ARCHIVE.labels[["image", "label", "given_label"]])
    known = unsure["true_label"].to_numpy() != UNKNOWN
    for flip, bound, side in (
        (0, "wrong_if_unsure_right_low", "wrong_low"),
        (1, "wrong_if_unsure_wrong_high", "wrong_high"),
    ):
        filled = np.where(known, given["true_label"], flip ^ given["given_label"])
        of_all = ARCHIVE.count(unsure.assign(true_label=filled.astype("int8")))
        pd.testing.assert_series_equal(table[bound], of_all[side], check_names=False)


def test_readers_who_are_not_sure_of_anything_are_told_so():
    with pytest.raises(UserError, match="not sure of any of the 270 labels"):
        ARCHIVE.count(ARCHIVE.verdicts.assign(true_label=UNKNOWN))


def test_a_finding_without_positives_has_no_such_row():
    archive = of_findings()
    archive.labels["given_label"] = archive.labels["given_label"].where(
        archive.labels["label"] != "Mass", 0
    )
    rows = archive.count().loc["Mass"].index
    assert list(rows) == [("any", "stratified"), ("any", "difference"), ("absent", "stratified")]


def test_images_that_came_after_the_design_are_not_counted(caplog):
    caplog.set_level("INFO")
    archive = of_findings(n=420)
    late = archive.labels["image"].unique()[-20:]
    archive.design = archive.design[~archive.design["image"].isin(late)]
    archive.sample = samples.sample(archive.design, 90)
    assert archive.count().loc[("all", "any", "difference"), "labels"] == 400 * 3
    assert "20 images came after the design" in caplog.text


def test_groups_divide_the_archive():
    images = ARCHIVE.labels["image"].unique()
    view = np.where(np.arange(len(images)) % 4 == 0, "AP", "PA")
    table = ARCHIVE.count(groups=pd.DataFrame({"image": images, "view": view}))
    whole, parts = (table[table["by"] == by] for by in ("", "view"))
    pd.testing.assert_frame_equal(whole, COUNTED)
    for column in ("labels", "read", "found"):
        sums = parts.groupby(level=[0, 1, 2])[column].sum()
        assert sums.to_dict() == whole[column].to_dict()
    assert set(parts["value"]) == {"AP", "PA"}
