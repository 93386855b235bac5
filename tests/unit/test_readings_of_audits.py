"""What readers say of the sample of an audit: of the reading room, of a file, or simulated."""

from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.reading import sources, study
from cxrnoise.reading.answers import UNSAID, Asked, Reading, to_csv, write_csv
from reading_studies import NIH, ROTATIONS, TIME, reading
from readingroom import study as room_study
from readingroom.store import Store

FINDINGS = Asked(("Effusion", "Mass", "Pleural Thickening"))
CLASSES = Asked(("Rotation",), ROTATIONS)
HEADER = "Image ID,Patient ID,Reader ID,Abnormal,Effusion,Mass,Pleural Thickening"


@pytest.fixture
def key():
    """Four images, the first of them shown again."""
    images = [f"{number}.png" for number in range(4)]
    return pd.DataFrame(
        {
            "case": [f"c{number:012x}" for number in range(5)],
            "image": [*images, images[0]],
            "role": ["sample", "first", "suspicious", "sample", "repeat"],
            "repeats": ["", "", "", "", f"c{0:012x}"],
        }
    )


def room_csv(path, key, asked, said, design="first"):
    """Write readings of the reading room: (reader, case, finding, answer)."""
    identity = study.identifier(key, asked.findings, asked.classes, design)
    rows = [
        Reading(identity, case, reader, finding, answer, UNSAID, "", "hm", 9.5, TIME)
        for reader, case, finding, answer in said
    ]
    path.write_text(to_csv(rows))
    return path


def expert_csv(path, rows, header=HEADER):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def rows(frame, *columns):
    return sorted(map(tuple, frame[list(columns)].to_numpy()))


def test_the_reading_rooms_export_becomes_the_manifest(tmp_path, key):
    cases = key["case"]
    said = [
        ("ann", cases[0], "Effusion", "present"),
        ("ann", cases[4], "Effusion", "absent"),
        ("bo", cases[2], "pleural_thickening", "unsure"),
    ]
    file = room_csv(tmp_path / "readings.csv", key, FINDINGS, said)
    frame = sources.for_audit(file, key, FINDINGS, "first", sources.ROOM)
    manifests.write(frame, tmp_path / "readings.parquet", "audit_readings", "{}")
    back = manifests.read(tmp_path / "readings.parquet", "audit_readings")
    assert rows(back, "reader", "image", "label", "answer", "again") == [
        ("ann", "0.png", "Effusion", 0, True),
        ("ann", "0.png", "Effusion", 1, False),
        ("bo", "2.png", "Pleural Thickening", -1, False),
    ]
    assert set(back["source"]) == {"room"} and set(back["seconds"]) == {9.5}
    assert set(back["comment"]) == {"hm"} and set(back["answered_at"]) == {TIME}


def test_the_room_of_a_small_sample_goes_on_with_a_larger_one(tmp_path, key):
    for cases in (2, 5):
        side = study.readers_side(key[:cases], FINDINGS.findings, 0, design="first")
        (tmp_path / "study/images").mkdir(parents=True, exist_ok=True)
        study.write_json(side, tmp_path / "study/study.json")
        for case in side["cases"]:
            (tmp_path / f"study/images/{case}.png").touch()
        shown = room_study.load(tmp_path / "study")
        with closing(Store(tmp_path / "room", shown.id, shown.asked)) as store:
            store.invite(f"reader {cases}")
            for case in shown.images:
                reader = {"reader": f"reader {cases}", "study": shown.id}
                store.save(
                    f"{cases} {case}",
                    [
                        reading(case, finding=name, answer="absent", confidence=UNSAID, **reader)
                        for name in shown.asked.findings
                    ],
                )
            write_csv(store.readings(), tmp_path / "readings.csv")
    frame = sources.for_audit(tmp_path / "readings.csv", key, FINDINGS, "first", sources.ROOM)
    assert frame.groupby("reader").size().to_dict() == {"reader 2": 6, "reader 5": 15}
    assert set(frame["answer"]) == {0}


def test_a_larger_sample_reads_what_was_read_of_the_smaller_one(tmp_path, key):
    small = key[:2]
    said = [("ann", case, name, "absent") for case in small["case"] for name in FINDINGS.findings]
    file = room_csv(tmp_path / "readings.csv", small, FINDINGS, said)
    assert len(sources.for_audit(file, key, FINDINGS, "first")) == 6


@pytest.mark.parametrize(
    ("said", "design", "message"),
    [
        ([("Hernia", "present")], "first", "row 2, has the finding 'Hernia', which the study does"),
        ([("Mass", "maybe")], "first", "row 2, has the answer 'maybe'"),
        ([("Mass", "absent")], "second", "row 2, has the study '[0-9a-f]{16}' instead of"),
        ([("Mass", "absent")] * 2, "first", "row 3, is a second answer of reader 'ann' to Mass in"),
    ],
)
def test_readings_that_do_not_fit_are_refused_with_one_sentence(
    tmp_path, key, said, design, message
):
    said = [("ann", key["case"][0], *answer) for answer in said]
    file = room_csv(tmp_path / "r.csv", key, FINDINGS, said, design)
    with pytest.raises(UserError, match=f"r.csv, {message}") as caught:
        sources.for_audit(file, key, FINDINGS, "first")
    assert "\n" not in str(caught.value)


def test_the_number_of_a_class_is_its_answer(tmp_path, key):
    said = [
        ("ann", case, "Rotation", answer)
        for case, answer in zip(key["case"], [*ROTATIONS, "unsure"], strict=True)
    ]
    file = room_csv(tmp_path / "r.csv", key, CLASSES, said)
    frame = sources.for_audit(file, key, CLASSES, "first")
    assert frame["answer"].tolist() == [0, 1, 2, 3, -1]
    assert set(frame["label"]) == {"Rotation"}


def test_expert_reads_are_read_for_all_findings_at_once(tmp_path, key, caplog):
    caplog.set_level("INFO")
    file = expert_csv(
        tmp_path / "reads.csv",
        [
            "0.png,1,7,1,YES,NO,NO",
            "0.png,1,8,1,NO,,YES",
            "elsewhere.png,1,7,1,YES,YES,YES",
        ],
    )
    asked = Asked((*FINDINGS.findings, "Hernia"))
    frame = sources.for_audit(file, key, asked, "first")
    assert rows(frame, "reader", "image", "label", "answer") == [
        ("7", "0.png", "Effusion", 1),
        ("7", "0.png", "Mass", 0),
        ("7", "0.png", "Pleural Thickening", 0),
        ("7", "elsewhere.png", "Effusion", 1),
        ("7", "elsewhere.png", "Mass", 1),
        ("7", "elsewhere.png", "Pleural Thickening", 1),
        ("8", "0.png", "Effusion", 0),
        ("8", "0.png", "Pleural Thickening", 1),
    ]
    assert not frame["again"].any()  # an image that is shown twice was read once
    assert set(frame["source"]) == {"file"}
    assert "8 answers; 1 images are not in the audit: they can correct labels" in caplog.text
    assert "says nothing about Hernia" in caplog.text


def test_verdicts_and_classes_are_read_from_files_of_images_too(tmp_path, key):
    file = expert_csv(tmp_path / "a.csv", ["0.png,YES,NO"], "Image ID,Mass,Effusion")
    frame = sources.for_audit(file, key, FINDINGS, "first")
    assert rows(frame, "reader", "label", "answer") == [("", "Effusion", 0), ("", "Mass", 1)]
    reads = ["0.png,ann,upside down", "1.png,ann,unsure"]
    file = expert_csv(tmp_path / "b.csv", reads, "Image ID,Reader ID,Rotation")
    frame = sources.for_audit(file, sources.key_without_cases(key[:4]), CLASSES, "first")
    assert rows(frame, "image", "answer") == [("0.png", 3), ("1.png", -1)]
    file = expert_csv(tmp_path / "b.csv", ["0.png,ann,YES"], "Image ID,Reader ID,Rotation")
    with pytest.raises(UserError, match="the answer 'YES' to Rotation, which is none of upright"):
        sources.for_audit(file, key, CLASSES, "first")


def test_reads_of_no_image_of_the_sample_are_refused(tmp_path, key):
    file = expert_csv(tmp_path / "reads.csv", ["x.png,1,7,1,YES,NO,NO"])
    with pytest.raises(UserError, match="None of the images of .*reads.csv is in the sample"):
        sources.for_audit(file, key, FINDINGS, "first")


def truth(key, found):
    images = key["image"].unique()
    return pd.DataFrame({"image": images, "true_findings": np.resize(found, len(images))})


def test_simulated_readers_read_every_finding_and_err_by_themselves():
    n = 3000
    key = pd.DataFrame(
        {
            "case": [f"c{number:012x}" for number in range(2 * n)],
            "image": [f"{number % n}.png" for number in range(2 * n)],
            "role": ["sample"] * n + ["repeat"] * n,
            "repeats": [""] * n + [f"c{number:012x}" for number in range(n)],
        }
    )
    known = truth(key, ["Mass|Pleural Thickening", "No Finding"])
    options = sources.Simulation(2, 0.8, 0.95, 0)
    frame = sources.simulated_for_audit(key, known, FINDINGS, options)
    assert len(frame) == 2 * 2 * n * 3
    has = frame["image"].str.removesuffix(".png").astype(int) % 2 == 0
    for label, sensitivity in (("Mass", 0.8), ("Pleural Thickening", 0.8), ("Effusion", 0.05)):
        own = frame[frame["label"] == label]
        assert own.loc[has, "answer"].mean() == pytest.approx(sensitivity, abs=0.03)
        assert own.loc[~has, "answer"].mean() == pytest.approx(0.05, abs=0.02)
    wide = frame[has].pivot(index="case", columns=["reader", "label"], values="answer")
    one, two = wide["simulated 1"], wide["simulated 2"]
    for pair in ((one["Mass"], two["Mass"]), (one["Mass"], one["Pleural Thickening"])):
        assert (pair[0] & pair[1]).mean() == pytest.approx(0.64, abs=0.03)
    again = frame[frame["again"]].sort_values(["reader", "label", "image"])["answer"]
    first = frame[~frame["again"]].sort_values(["reader", "label", "image"])["answer"]
    assert 0.05 < (again.to_numpy() != first.to_numpy()).mean() < 0.3


def test_simulated_readers_know_no_classes(key):
    options = sources.Simulation(1, 1, 1, 0)
    with pytest.raises(UserError, match="know the findings of the phantoms, and no classes"):
        sources.simulated_for_audit(key, truth(key, [""]), CLASSES, options)


def test_the_nih_expert_reads_are_read_for_fourteen_findings(nih):
    reads = pd.read_csv(nih / "expert-reads" / "individual.csv")
    images = sorted(set(reads["Image ID"]))[:100]
    key = pd.DataFrame({"image": images, "role": "sample", "repeats": ""})
    key["case"] = [f"c{number:012x}" for number in range(100)]
    frame = sources.for_audit(nih / "expert-reads" / "individual.csv", key, Asked(NIH), "first")
    assert len(frame) == len(reads) * 14  # those outside the audit are kept, to correct labels
    frame = frame[frame["image"].isin(images)]
    own = reads[reads["Image ID"].isin(images)]
    said = frame[frame["label"] == "Mass"].groupby("image")["answer"].sum()
    assert (
        said.tolist() == own.groupby("Image ID")["Mass"].agg(lambda x: (x == "YES").sum()).tolist()
    )
