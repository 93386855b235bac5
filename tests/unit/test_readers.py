import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import disputes
from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.reading import sources, study
from cxrnoise.reading.answers import Reading, write_csv

FINDING = "Emphysema"
EXPERT_HEADER = "Image ID,Patient ID,Reader ID,Abnormal,Emphysema,Pleural Thickening"


@pytest.fixture
def key():
    return study.draw(disputes.run(), disputes.options(controls=4, repeats=5), seed=0)


def room_csv(path, key, answers, finding=FINDING):
    """Write readings of our layout: (reader, case, answer)."""
    identity = study.identifier(key, [finding])
    rows = [
        Reading(identity, case, reader, finding, answer, 3, "", "", 9.5, "2026-01-31T12:00:00Z")
        for reader, case, answer in answers
    ]
    write_csv(rows, path)
    return path


def expert_csv(path, rows, header=EXPERT_HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_the_reading_rooms_export_becomes_the_manifest(tmp_path, key):
    case = key["case"].iloc[0]
    answers = [("bo", case, "unsure"), ("ann", case, "present")]
    file = room_csv(tmp_path / "readings.csv", key, answers)
    frame = sources.from_csv(file, key, FINDING, sources.ROOM)
    manifests.write(frame, tmp_path / "readings.parquet", "readings", "{}")
    back = manifests.read(tmp_path / "readings.parquet", "readings")
    assert back[["reader", "case", "answer"]].to_numpy().tolist() == [
        ["ann", case, "present"],
        ["bo", case, "unsure"],
    ]
    assert set(back["source"]) == {"room"}
    assert back["seconds"].tolist() == [9.5, 9.5]
    assert back["confidence"].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (["present", "maybe"], "row 3, has the answer 'maybe'"),
        (["present", "absent"], "row 3, is a second answer of reader 'ann'"),
    ],
)
def test_a_row_that_cannot_be_right_is_named(tmp_path, key, answers, sentence):
    case = key["case"].iloc[0]
    file = room_csv(tmp_path / "r.csv", key, [("ann", case, answer) for answer in answers])
    with pytest.raises(UserError, match=f"r.csv, {sentence}"):
        sources.from_csv(file, key, FINDING)


def test_a_case_that_the_study_does_not_have_is_named(tmp_path, key):
    answers = [("ann", key["case"].iloc[0], "present"), ("ann", "0" * 12, "present")]
    file = room_csv(tmp_path / "r.csv", key, answers)
    with pytest.raises(UserError, match="r.csv, row 3, has the case '000000000000'"):
        sources.from_csv(file, key, FINDING)


def test_readings_of_another_study_are_refused(tmp_path, key):
    file = room_csv(tmp_path / "r.csv", key, [("ann", key["case"].iloc[0], "present")], "Nodule")
    with pytest.raises(UserError, match="r.csv, row 2, has the study"):
        sources.from_csv(file, key, FINDING)


def test_a_reading_manifest_with_two_answers_to_a_case_is_refused(tmp_path, key):
    file = room_csv(tmp_path / "r.csv", key, [("ann", key["case"].iloc[0], "present")])
    frame = sources.from_csv(file, key, FINDING)
    manifests.write(pd.concat([frame, frame]), tmp_path / "r.parquet", "readings", "{}")
    with pytest.raises(UserError, match="holds reader ann and case"):
        manifests.read(tmp_path / "r.parquet", "readings")


def test_expert_reads_answer_the_cases_that_were_drawn_from_their_images(tmp_path, key, caplog):
    caplog.set_level("INFO")
    image, other = key.loc[key["role"] != study.REPEAT, "image"].iloc[:2]
    rows = [f"{image},1,7,1,YES,NO", f"{image},1,8,1,NO,NO", f"{other},1,7,0,NO,YES"]
    rows.append("elsewhere.png,2,7,0,NO,NO")
    frame = sources.from_csv(expert_csv(tmp_path / "reads.csv", rows), key, FINDING)
    cases = key[key["role"] != study.REPEAT].set_index("image")["case"]
    assert sorted(map(tuple, frame[["reader", "case", "answer"]].to_numpy())) == sorted(
        [
            ("7", cases[image], "present"),
            ("8", cases[image], "absent"),
            ("7", cases[other], "absent"),
        ]
    )
    assert "1 images are not in the study" in caplog.text
    assert set(frame["source"]) == {"file"}


def test_the_column_of_the_finding_is_read_however_it_is_spelled(tmp_path, key):
    image = key["image"].iloc[0]
    file = expert_csv(tmp_path / "reads.csv", [f"{image},1,7,1,NO,YES"])
    for finding in ("Pleural_Thickening", "pleural thickening"):
        assert sources.from_csv(file, key, finding)["answer"].tolist() == ["present"]


def test_a_case_that_an_expert_did_not_read_is_unread(tmp_path, key):
    image = key["image"].iloc[0]
    file = expert_csv(tmp_path / "reads.csv", [f"{image},1,7,1,,NO", f"{image},1,8,1,NO,NO"])
    assert sources.from_csv(file, key, FINDING)["reader"].tolist() == ["8"]
    assert sources.images_read(file, FINDING) == {image}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["a.png,1,7,1,YES,NO", "a.png,1,7,1,NO,NO"], "row 3, is a second answer of reader '7'"),
        (["a.png,1,7,1,MAYBE,NO"], "row 2, has the answer 'MAYBE' to Emphysema"),
        (["a.png,1,7,1,YES"], "row 2, has 5 cells instead of 6"),
    ],
)
def test_an_expert_read_that_cannot_be_right_is_named(tmp_path, key, rows, sentence):
    file = expert_csv(tmp_path / "reads.csv", rows)
    with pytest.raises(UserError, match=f"reads.csv, {sentence}"):
        sources.from_csv(file, key, FINDING)


def test_expert_reads_without_the_finding_are_refused(tmp_path, key):
    with pytest.raises(UserError, match="reads.csv has no column Hernia"):
        sources.from_csv(expert_csv(tmp_path / "reads.csv", []), key, "Hernia")


def test_a_file_that_is_no_text_is_refused(tmp_path, key):
    (tmp_path / "r.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match="r.csv is not comma-separated values"):
        sources.from_csv(tmp_path / "r.csv", key, FINDING)
    with pytest.raises(UserError, match="none.csv could not be read"):
        sources.from_csv(tmp_path / "none.csv", key, FINDING)


def test_the_two_layouts_are_told_apart(tmp_path, key):
    assert sources.are_expert_reads(expert_csv(tmp_path / "reads.csv", []))
    assert not sources.are_expert_reads(room_csv(tmp_path / "r.csv", key, []))
    (tmp_path / "empty.csv").touch()
    assert not sources.are_expert_reads(tmp_path / "empty.csv")


def test_the_readings_at_hand_are_the_export_or_the_file_that_is_named(tmp_path):
    exported = tmp_path / "readings.csv"
    assert sources.at_hand("room", str(exported)) == []
    exported.touch()
    assert sources.at_hand("room", str(exported)) == str(exported)
    assert sources.at_hand("mine.csv", str(exported)) == "mine.csv"
    assert sources.at_hand("simulated", str(exported)) == []


def test_only_expert_reads_say_which_images_were_read(tmp_path, key):
    reads = expert_csv(tmp_path / "reads.csv", ["a.png,1,7,1,YES,NO"])
    assert sources.images_read(reads, FINDING) == {"a.png"}
    assert sources.images_read(room_csv(tmp_path / "r.csv", key, []), FINDING) is None


def truth(key, found):
    return pd.DataFrame(
        {
            "image": key["image"].unique(),
            "true_findings": np.resize(found, key["image"].nunique()),
            "subcutaneous": True,
        }
    )


@given(st.integers(0, 1000), st.booleans())
def test_a_perfect_simulated_reader_reads_what_is_true(seed, ill):
    key = disputes.key([(0, "low", "low")] * 30)
    answer = sources.simulated(
        key,
        truth(key, ["Effusion|Emphysema" if ill else "No Finding"]),
        "emphysema",
        sources.Simulation(2, 1.0, 1.0, seed),
    )
    assert set(answer["answer"]) == {"present" if ill else "absent"}
    assert set(answer["other_finding"]) == {"" if ill else "subcutaneous emphysema"}
    assert set(answer["source"]) == {"simulated"}
    assert answer["reader"].value_counts().to_dict() == {"simulated 1": 30, "simulated 2": 30}


def test_simulated_readers_err_as_often_as_they_are_told_and_not_together():
    key = disputes.key([(0, "low", "low")] * 6000)
    found = truth(key, ["Emphysema", "No Finding"])
    answer = sources.simulated(key, found, FINDING, sources.Simulation(2, 0.8, 0.95, 3))
    ill = key.set_index("case")["image"].map(found.set_index("image")["true_findings"]) == FINDING
    said = answer.pivot(index="case", columns="reader", values="answer") == "present"
    assert said[ill].mean().to_numpy() == pytest.approx([0.8, 0.8], abs=0.03)
    assert 1 - said[~ill].mean().to_numpy() == pytest.approx([0.95, 0.95], abs=0.02)
    missed = ~said[ill]
    assert (missed["simulated 1"] & missed["simulated 2"]).mean() == pytest.approx(0.04, abs=0.015)


def test_a_simulated_answer_depends_on_the_image_alone_and_a_repeat_is_answered_anew(key):
    options = sources.Simulation(1, 0.5, 0.5, 0)
    whole = sources.simulated(key, truth(key, ["Emphysema"]), FINDING, options)
    part = sources.simulated(key[::2], truth(key, ["Emphysema"]), FINDING, options)
    both = whole.merge(part, on="case")
    assert len(both) == len(part)
    assert (both["answer_x"] == both["answer_y"]).all()
    answer = whole.set_index("case")["answer"]
    again = key[key["repeats"] != ""]
    assert (answer[again["case"]].to_numpy() != answer[again["repeats"]].to_numpy()).any()


def test_a_simulated_reader_who_does_not_know_an_image_says_so(key):
    with pytest.raises(UserError, match="finds no image .* in the phantoms' truth.csv"):
        sources.simulated(
            key, truth(key, ["Emphysema"])[1:], FINDING, sources.Simulation(1, 1, 1, 0)
        )


def test_the_nih_expert_reads_are_read(nih):
    file = nih / "expert-reads" / "individual.csv"
    images = sources.images_read(file, FINDING)
    assert len(images) == 407
    test = disputes.run(407).assign(image=sorted(images))
    key = study.draw(test, disputes.options(cases=study.ALL), 0, images)
    frame = sources.from_csv(file, key, FINDING)
    assert frame["reader"].nunique() == 5
    assert len(frame) == 5 * len(key)
