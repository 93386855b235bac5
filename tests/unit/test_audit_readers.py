"""Agreement of the readers of an audit, by hand."""

import numpy as np
import pandas as pd
import pytest

from cxrnoise.audit import readers

ANSWERS = {  # of the images a, b, c and d
    ("Ann", "Mass"): [1, 0, 0, 1],
    ("Bob", "Mass"): [1, 0, 1, -1],
    ("Ann", "Nodule"): [0, 0, 1, 1],
    ("Bob", "Nodule"): [0, 0, 1, 1],
}
AGAIN = {("Ann", "Mass"): [1, 1], ("Ann", "Nodule"): [0, 0]}


def readings(answers=ANSWERS, again=AGAIN):
    rows = [
        (reader, image, label, answer, shown_again)
        for shown_again, said in ((False, answers), (True, again))
        for (reader, label), of_images in said.items()
        for image, answer in zip("abcd", of_images, strict=False)
    ]
    return pd.DataFrame(rows, columns=["reader", "image", "label", "answer", "again"])


def agreement(**said):
    table = readers.agree(readings(**said), ["absent", "present"])
    assert list(table) == readers.COLUMNS
    return table.set_index(["label", "statistic", "reader"])


def test_readers_are_compared_on_each_finding_and_on_all():
    table = agreement()
    assert table.loc[("Nodule", "cohen_kappa", "Ann & Bob"), "estimate"] == pytest.approx(1)
    assert table.loc[("Mass", "cohen_kappa", "Ann & Bob"), "n"] == 4
    assert table.loc[("Mass", "fleiss_kappa", "all"), "estimate"] < 0.5
    assert table.loc[("all", "cohen_kappa", "Ann & Bob"), "n"] == 8


def test_not_sure_is_an_answer_with_which_one_can_agree():
    both = ANSWERS | {("Ann", "Mass"): [1, 0, 1, -1]}
    table = agreement(answers=both)
    assert table.loc[("Mass", "cohen_kappa", "Ann & Bob"), "estimate"] == pytest.approx(1)


def test_a_reader_is_compared_with_the_own_answers_to_repeats():
    same = agreement().xs("same_answer_to_repeat", level="statistic")
    assert same["estimate"].to_dict() == {
        ("all", "Ann"): 0.75,
        ("Mass", "Ann"): 0.5,
        ("Nodule", "Ann"): 1,
    }
    assert same["n"].to_dict() == {("all", "Ann"): 4, ("Mass", "Ann"): 2, ("Nodule", "Ann"): 2}


def test_labels_of_an_image_are_alike_so_that_all_of_them_have_no_interval():
    table = agreement()
    assert np.isnan(table.loc["all", ["low", "high"]].to_numpy(float)).all()
    assert table.loc[("Mass", "same_answer_to_repeat", "Ann"), ["low", "high"]].notna().all()


def test_one_reader_agrees_with_nobody():
    alone = {key: said for key, said in ANSWERS.items() if key[0] == "Ann"}
    assert set(agreement(answers=alone).index.get_level_values("statistic")) == {readers.SAME}
    assert agreement(answers=alone, again={}).empty
