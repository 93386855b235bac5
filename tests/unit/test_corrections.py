"""Labels that readers overturned: their table, laid over a run's labels, and as a data set."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runs
import synthetic
from cxrnoise.audit import corrections
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.report import pages
from cxrnoise.tasks import folds, values
from cxrnoise.tasks.kinds import classes as classes_kind
from cxrnoise.tasks.kinds import finding, findings

SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}
TWO = ["Effusion", "Mass"]
ANIMALS = ["bird", "cat", "dog"]


def labels(given_label, names=TWO):
    """Labels of images that each have a value of every name."""
    given_label = np.asarray(given_label)
    images = np.repeat(runs.names(len(given_label)), len(names))
    unknown = np.full(given_label.size, UNKNOWN)
    return runs.labels(images, np.tile(names, len(given_label)), unknown, given_label.ravel())


def verdicts(rows):
    return pd.DataFrame(rows, columns=["image", "label", "true_label", "votes", "readers"])


def written(tmp_path, *lines, header="image,label,given,corrected,votes,readers"):
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def given_values(table, names=TWO):
    return table["given_label"].to_numpy().reshape(-1, len(names)).tolist()


def test_only_labels_that_readers_decided_otherwise_are_corrected():
    table = labels([[1, 0], [1, 0], [1, UNKNOWN], [0, 0]])
    one, two, three, _ = runs.names(4)
    said = [
        (one, "Effusion", 0, 2, 3),  # overturned
        (one, "Mass", 0, 3, 3),  # confirmed
        (two, "Effusion", UNKNOWN, 1, 2),  # a tie
        (three, "Mass", 1, 3, 3),  # nothing was given
        ("stranger.png", "Mass", 1, 3, 3),
    ]
    found = corrections.in_words(corrections.overturned(table, verdicts(said)), values.CLASSES)
    assert found.to_dict("records") == [
        {
            "image": one,
            "label": "Effusion",
            "given": "present",
            "corrected": "absent",
            "votes": 2,
            "readers": 3,
        }
    ]


def test_corrections_that_were_written_are_laid_over_the_labels(tmp_path):
    table = labels([[1, 0], [1, 0], [0, 0]])
    one, two, _ = runs.names(3)
    said = verdicts([(one, "Effusion", 0, 3, 3), (two, "Mass", 1, 2, 3)])
    words = corrections.in_words(corrections.overturned(table, said), values.CLASSES)
    pages.write_csv(words, tmp_path / "corrections.csv")
    read = corrections.read(tmp_path / "corrections.csv", table, values.CLASSES)
    corrected = corrections.laid_over(table, read)
    assert given_values(corrected) == [[0, 0], [1, 1], [0, 0]]
    assert corrected["flipped"].tolist() == [True, False, False, True, False, False]
    unchanged = table.drop(columns=["given_label", "flipped"])
    pd.testing.assert_frame_equal(corrected[unchanged.columns], unchanged)


def test_no_correction_changes_nothing():
    table = labels([[1, 0], [UNKNOWN, 0]])
    found = corrections.overturned(table, verdicts([]))
    pd.testing.assert_frame_equal(corrections.laid_over(table, found), table)


@given(st.lists(st.booleans(), min_size=40, max_size=40), st.integers(2, 5))
def test_folds_are_the_same_whatever_is_corrected(wrong, number):
    table = labels(np.arange(40).reshape(20, 2) % 3 % 2)
    turned = table[wrong].assign(corrected=1 - table.loc[wrong, "given_label"])
    corrected = corrections.laid_over(table, turned[["image", "label", "corrected"]])
    for fold in range(number):
        before, after = (folds.of_fold(one, fold, number, 0)["split"] for one in (table, corrected))
        assert before.tolist() == after.tolist()


@pytest.mark.parametrize(
    ("word", "value"), [("absent", 0), ("Present", 1), ("0", 0), ("1", 1), ("no", 0), ("TRUE", 1)]
)
def test_findings_are_corrected_in_the_words_of_people(tmp_path, word, value):
    path = written(tmp_path, f"{runs.names(1)[0]},effusion,,{word},1,1")
    [row] = corrections.read(path, labels([[1, 0]]), values.CLASSES).to_dict("records")
    assert row == {"image": runs.names(1)[0], "label": "Effusion", "corrected": value}


def test_classes_are_corrected_by_their_names_and_a_table_needs_three_columns_only(tmp_path):
    table = labels([[0], [1]], ["animal"])
    path = written(tmp_path, f"{runs.names(1)[0]};animal;dog", header="image;label;corrected")
    found = corrections.laid_over(table, corrections.read(path, table, ANIMALS))
    assert found["given_label"].tolist() == [2, 1]


def test_names_that_a_spreadsheet_takes_for_formulas_are_found_again(tmp_path):
    table = labels([[1, 0]]).replace({"image": {runs.names(1)[0]: "=x.png"}})
    words = corrections.in_words(
        corrections.overturned(table, verdicts([("=x.png", "Mass", 1, 1, 1)])), values.CLASSES
    )
    pages.write_csv(words, tmp_path / "corrections.csv")
    assert "'=x.png" in (tmp_path / "corrections.csv").read_text()
    found = corrections.read(tmp_path / "corrections.csv", table, values.CLASSES)
    assert found["image"].tolist() == ["=x.png"]


def test_corrections_outside_the_cohort_are_counted(tmp_path, caplog):
    caplog.set_level("INFO")
    path = written(
        tmp_path, f"{runs.names(1)[0]},Mass,,present,,", "a.png,Mass,,1,,", "b.png,Hernia,,?,,"
    )
    found = corrections.read(path, labels([[1, 0]]), values.CLASSES)
    assert len(found) == 1
    assert "outside the cohort: 2 corrections" in caplog.text


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a.png,Mass,absent,present,3,3"], "are for another data set"),
        (["{0},Hernia,absent,present,3,3"], "'Hernia' in line 2, column label"),
        (["{0},Mass,absent,maybe,3,3"], "'maybe' in line 2, column corrected"),
        (["{0},Mass,absent,,3,3"], "'' in line 2, column corrected"),
        (["{0},Mass,,1,,", "{0},Mass,,absent,,"], "line 3, column corrected"),
        ([], "has no row below its header"),
    ],
)
def test_corrections_that_do_not_fit_are_one_sentence(tmp_path, lines, said):
    path = written(tmp_path, *[line.format(runs.names(1)[0]) for line in lines])
    with pytest.raises(UserError, match=said):
        corrections.read(path, labels([[1, 0]]), values.CLASSES)


def test_a_table_without_the_corrected_values_is_one_sentence(tmp_path):
    path = written(tmp_path, "a.png,Mass", header="image,label")
    with pytest.raises(UserError, match="have no column corrected"):
        corrections.read(path, labels([[1, 0]]), values.CLASSES)


def test_the_same_correction_twice_is_one(tmp_path):
    line = f"{runs.names(1)[0]},Mass,,present,,"
    found = corrections.read(written(tmp_path, line, line), labels([[1, 0]]), values.CLASSES)
    assert len(found) == 1


KINDS = {
    "finding": (finding, {"finding": "Emphysema", "positives": SHARES}),
    "findings": (findings, {"findings": list(synthetic.FINDINGS)}),
    "classes": (classes_kind, {"column": "kind"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_corrected_labels_are_a_data_set_of_ones_own(tmp_path, kind):
    """Written and read as `dataset.kind: table`, they make the same cohort with new labels."""
    module, options = KINDS[kind]
    options = {"name": "x", "views": ["PA", "AP"], "splits": SHARES, **options}
    index = synthetic.index(patients=300)
    index["kind"] = np.array(ANIMALS)[np.arange(len(index)) % 3]
    index.loc[::7, "Effusion"] = "-1"
    cohort = module.cohort(index, options, 0)
    table = cohort.frame.assign(given_label=cohort.frame["reported_label"], flipped=False)
    turned = table[table["given_label"] != UNKNOWN].iloc[::9]
    turned = turned.assign(corrected=(turned["given_label"] + 1) % len(cohort.classes))
    corrected = corrections.laid_over(table, turned[["image", "label", "corrected"]])
    views = index.set_index("image")["view"]
    own = corrections.own_data(corrected, cohort.classes, views)
    own.to_csv(tmp_path / "corrected-labels.csv", index=False)
    again = DATASETS["table"].read(tmp_path / "corrected-labels.csv")
    assert again.set_index("image")["view"].to_dict() == views[again["image"]].to_dict()
    found = module.cohort(again, options, 0).frame.set_index(["image", "label"])
    expected = corrected.set_index(["image", "label"])
    assert found["patient"].to_dict() == expected["patient"].to_dict()
    assert found["reported_label"].to_dict() == expected["given_label"].to_dict()
