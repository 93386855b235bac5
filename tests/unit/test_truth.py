"""What is true of labels, by those who read the images."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.errors import UserError
from cxrnoise.reading import truth

SINGLE = "Image ID,Patient ID,Reader ID,Abnormal,Effusion,Pleural Thickening"
VERDICTS = "Image ID,Patient ID,Abnormal,Effusion,Pleural Thickening"


@pytest.fixture
def file(tmp_path):
    def write(*rows, header=SINGLE):
        path = tmp_path / "reads.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


@pytest.fixture
def five(file):
    """Four readers of the first image, one more of the second."""
    return file(
        "a.png,1,ann,1,YES,NO",
        "a.png,1,bo,1,YES,NO",
        "a.png,1,cy,1,NO,NO",
        "a.png,1,di,1,NO,NO",
        "b.png,1,ann,1,YES,YES",
        "b.png,1,bo,1,YES,",
        "b.png,1,cy,1,NO,",
    )


def verdict(path, rule, findings=("Effusion", "Pleural_Thickening")):
    table = truth.read(path, findings, rule)
    assert list(table) == ["image", "label", "true_label", "votes", "readers"]
    return {
        (row.image, row.label): (row.true_label, row.votes) for row in table.itertuples(index=False)
    }


def test_the_majority_decides_and_a_tie_does_not(five):
    assert verdict(five, "majority") == {
        ("a.png", "Effusion"): (-1, 2),
        ("b.png", "Effusion"): (1, 2),
        ("a.png", "Pleural_Thickening"): (0, 4),
        ("b.png", "Pleural_Thickening"): (1, 1),
    }


def test_only_labels_on_which_all_agree_are_unanimous(five):
    found = verdict(five, "unanimous")
    assert found["a.png", "Pleural_Thickening"] == (0, 4)
    assert found["b.png", "Effusion"] == (-1, 2)


def test_a_file_without_readers_holds_verdicts(file):
    path = file("a.png,1,YES,YES,NO", "b.png,1,YES,NO,", header=VERDICTS)
    for rule in truth.RULES:
        assert verdict(path, rule) == {
            ("a.png", "Effusion"): (1, 1),
            ("b.png", "Effusion"): (0, 1),
            ("a.png", "Pleural_Thickening"): (0, 1),
        }


def test_the_phantoms_truth_says_what_is_there(file):
    path = file("a.png,Emphysema|Effusion", "b.png,", header="image,true_findings")
    assert verdict(path, "majority", ["emphysema"]) == {
        ("a.png", "emphysema"): (1, 1),
        ("b.png", "emphysema"): (0, 1),
    }


def test_findings_that_the_file_lacks_are_left_out(five):
    assert {label for _, label in verdict(five, "majority", ["Hernia", "Effusion"])} == {"Effusion"}


def test_a_file_about_other_findings_is_refused_with_what_it_is_about(five):
    with pytest.raises(UserError) as caught:
        truth.read(five, ["situs"], "majority")
    message = str(caught.value)
    assert f"{five} has no column for situs" in message and "Effusion" in message
    assert "name another file or another task" in message


def test_a_file_that_names_no_images_is_refused(file):
    with pytest.raises(UserError, match="has no column Image ID"):
        truth.read(file("c1,YES", header="case,Effusion"), ["Effusion"], "majority")


@pytest.mark.parametrize("header", [SINGLE, VERDICTS])
def test_a_second_answer_is_refused_with_both_rows(file, header):
    row = "a.png,1,ann,1,YES,NO" if header == SINGLE else "a.png,1,1,YES,NO"
    with pytest.raises(UserError, match=r"row 3, is a second answer .* after row 2"):
        truth.read(file(row, row, header=header), ["Effusion"], "majority")


def test_an_answer_outside_the_vocabulary_is_refused_with_its_row(file):
    with pytest.raises(UserError, match="row 2, has the answer 'perhaps' to Effusion"):
        truth.read(file("a.png,1,ann,1,perhaps,NO"), ["Effusion"], "majority")


@pytest.mark.parametrize(
    ("said", "majority", "unanimous", "votes"),
    [
        ([1, 1, -1], 1, -1, 2),
        ([1, -1, -1], -1, -1, 2),
        ([1, 0, -1], -1, -1, 1),
        ([7, 7, 7], 7, 7, 3),
        ([7, 3], -1, -1, 1),
        ([-1], -1, -1, 1),
    ],
)
def test_readers_may_be_not_sure_or_choose_a_class(said, majority, unanimous, votes):
    table = pd.DataFrame({"image": "a", "label": "x", "reader": range(len(said)), "answer": said})
    for rule, true in (("majority", majority), ("unanimous", unanimous)):
        [row] = truth.verdicts(table, rule).to_dict("records")
        assert (row["true_label"], row["votes"], row["readers"]) == (true, votes, len(said))


def test_a_reader_stands_against_the_majority_of_the_others(five):
    found = truth.against_the_others(truth.reads(five, ["Effusion", "Pleural Thickening"]))
    said = found.set_index(["image", "label", "reader"])[["answer", "true_label"]]
    assert tuple(said.loc[("a.png", "Effusion", "ann")]) == (1, 0)
    assert tuple(said.loc[("b.png", "Effusion", "ann")]) == (1, -1)
    assert tuple(said.loc[("b.png", "Effusion", "cy")]) == (0, 1)
    assert ("b.png", "Pleural Thickening", "ann") not in said.index  # nobody else read it


@given(st.lists(st.integers(0, 1), min_size=1, max_size=7))
def test_a_unanimous_verdict_is_that_of_the_majority(said):
    table = pd.DataFrame({"image": "a", "label": "x", "reader": range(len(said)), "answer": said})
    [majority] = truth.verdicts(table, "majority").to_dict("records")
    [unanimous] = truth.verdicts(table, "unanimous").to_dict("records")
    assert unanimous["true_label"] in (-1, majority["true_label"])
    assert len(said) / 2 <= majority["votes"] <= len(said)
