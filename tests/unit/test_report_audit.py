"""Sections of the report: the audit, its suspicious labels, what corrections change, and files
that hang wrongly."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audits import CLASSES, audit, files, shifted
from cxrnoise.audit.hanging import COLUMNS
from cxrnoise.core import manifests
from cxrnoise.report import audited, pages
from cxrnoise.report import whole as report
from cxrnoise.report.privacy import BURNED_IN, Names
from cxrnoise.report.sections.section import Study
from cxrnoise.tasks import values
from hung import shard_file
from outline import read_html

TEMPLATES = Path(pages.__file__).parent / "templates"
IMAGES = [f"patient{number:05d}/study1/view1_frontal.jpg" for number in range(6)]
PATIENTS = [f"patient{number:05d}" for number in range(6)]
WARNED = "PHANTOM, SIMULATED READERS: "
SECTIONS = ("audit", "suspicious", "impact", "hanging")


@pytest.fixture
def study():
    """`study(**changes)`: what the sections share."""

    def made(**changes):
        config = {
            "audit": {"task": "reports", "verdict": "majority"},
            "tasks": {"reports": {"kind": "findings"}},
        }
        plain = Study("Chests", False, False, config, True, Names(), first=4)
        return replace(plain, **changes)

    return made


@pytest.fixture
def made(tmp_path):
    """`made(read=True, pictures=True)`: the files of the four sections."""

    def write(read=True, pictures=True, **changes):
        found = files(audit(tmp_path, **changes), tmp_path)
        ranking = pd.DataFrame({"image": IMAGES, "patient": PATIENTS, "label": "Mass"})
        ranking = ranking.assign(given_label=1, suggested=0, probability=0.9, score=0.9)
        ranking = ranking.assign(rank=range(1, 7))
        if read:
            ranking = ranking.assign(
                calibrated=0.625, verdict=["", "wrong", "right", *["not sure"] * 3]
            )
        path, kind = str(tmp_path / "suspicious.parquet"), "calibrated" if read else "ranking"
        manifests.write(ranking, path, kind, "{}", CLASSES)
        pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 40), np.uint8)
        shards = shard_file(tmp_path / "000.h5", pixels, {"image": IMAGES}) if pictures else []
        pages.write_csv(listed(), tmp_path / "hanging.csv")
        return {
            "audit": found,
            "suspicious": {
                "ranking": path,
                "readings": found["readings"] if read else [],
                "shards": shards,
            },
            "impact": found,
            "hanging": {"lists": str(tmp_path / "hanging.csv"), "shards": shards},
        }

    return write


def listed():
    """Files that hang wrongly: two that are mirrored, a pair, and one unlike all others."""
    rows = [
        ("mirrored", 1, 0, None, 0.9, "mirrored"),
        ("mirrored", 2, 1, None, 0.2, "mirrored"),
        ("duplicate", 1, 2, 3, 0.97, "different patients"),
        ("unlike", 1, 4, None, 3.1, "3.1 times the median"),
    ]
    return pd.DataFrame(
        [
            (kind, rank, *_named(one), *(_named(other) if other else ("", "")), value, what)
            for kind, rank, one, other, value, what in rows
        ],
        columns=COLUMNS,
    )


def _named(number):
    return IMAGES[number], PATIENTS[number]


def section(name, files, study):
    return report.sections({name: files[name]}, study)[name]


def html(files, study, names=SECTIONS):
    """Return the report, without its style and its script."""
    text = report.html(
        report.sections({name: files[name] for name in names}, study), study, TEMPLATES
    )
    return re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.S)


def words(text):
    return " ".join(re.sub("<[^>]*>", " ", text).split())


# ---- the count, and what corrections change


def test_the_audit_is_that_of_the_page_but_for_the_list_and_the_impact(made, study):
    found = section("audit", made(), study())
    titles = [part.title for part in found.values["parts"]]
    assert titles[0] == "How many labels are wrong" and "Corrections" in titles
    assert not any("of the ranking" in title or "change" in title for title in titles)
    assert found.title == "Which labels are wrong: reports" and found.warnings == ""
    assert [path.rpartition("/")[2] for path in found.sources] == [
        *("counts.csv", "agreement.csv", "first.csv", "corrections.csv")
    ]


def test_the_audit_answers_how_many_labels_are_wrong(made, study):
    many, first = section("audit", made(), study()).answers
    assert many.answer == (
        "About 80 [60 to 100] of 2,000 labels are wrong: 4.0 % [3.0 % to 5.0 %]. What is true is "
        "the majority of 3 readers of each label."
    )
    assert first.answer == "Among the first 100 labels expect 60 [50 to 70] wrong ones."


def test_what_one_reader_contradicts_is_not_called_wrong(made, study):
    many = section("audit", made(readers=["Ann"]), study()).answers[0]
    assert "80 [60 to 100] of 2,000 labels contradict a reader" in many.answer
    assert "disagreement with this reader" in many.answer


def test_the_impact_is_the_answer_what_corrections_change(made, study):
    found = section("impact", made(), study())
    [answer] = found.answers
    assert answer.answer.startswith("On the images that were read, the mean AUC")
    assert "+0.100 [+0.050 to +0.150]" in answer.answer
    [only] = section("impact", made(impact=[shifted("Mass", "auc")]), study()).answers
    assert "the AUC of Mass of the same predictions" in only.answer
    two = [shifted("Mass", "auc"), shifted("Effusion", "auc")]
    assert section("impact", made(impact=two), study()).answers == []


def test_phantoms_and_simulated_readers_are_named_in_titles_and_on_figures(made, study):
    given, drawn = made(simulated=True), study(phantom=True, simulated=True)
    found = report.sections(given, drawn)
    assert [one.warnings for one in found.values()] == [WARNED, WARNED, WARNED, "PHANTOM: "]
    text = html(given, drawn)
    captions = [words(one) for one in re.findall("<figcaption>(.*?)</figcaption>", text, re.S)]
    assert len(captions) == 1 + 4 + 4
    assert sum(one.startswith(WARNED.strip()) for one in captions) == 5
    assert all(one.startswith("PHANTOM") for one in captions)


def test_predictions_from_elsewhere_are_of_no_phantoms(made, study):
    elsewhere = study(phantom=True)
    elsewhere.config["tasks"]["reports"]["kind"] = "predictions"
    assert section("audit", made(), elsewhere).warnings == ""
    assert section("suspicious", made(pictures=False), elsewhere).warnings == ""


def test_the_files_of_an_audit_are_read_as_they_were(tmp_path):
    found = audit(tmp_path)
    paths = files(found, tmp_path)
    again = audited.load(paths, task="reports", dataset="Chests", rule="majority", phantom=False)
    pd.testing.assert_frame_equal(again.counts, found.counts)
    assert again.classes == values.CLASSES and len(again.ranking) == audited.SHOWN
    assert again.figure == found.figure and again.folder == str(tmp_path)


# ---- the suspicious labels


def test_the_first_labels_are_pictures_with_what_is_known_of_them(made, study):
    found = section("suspicious", made(), study())
    assert found.title == "The first 4 suspicious labels"
    labels = found.values["labels"]
    assert [label.facts["Readers"] for label in labels] == [
        *("not read", "the given label is wrong", "the given label is right", "not sure")
    ]
    assert labels[0].facts == {
        "Given label": "present",
        "Suggestion": "absent",
        "Probably wrong": "0.625, calibrated",
        "Readers": "not read",
        "Image": IMAGES[0],
    }
    [picture] = labels[1].pictures
    assert picture.address.startswith("data:image/jpeg;base64,")
    assert picture.words == (
        f"Radiograph {IMAGES[1]}, rank 2: Mass is given as present, the model suggests absent"
    )
    assert BURNED_IN in found.values["sentences"]


def test_before_anybody_has_read_the_probability_is_not_calibrated(made, study):
    found = section("suspicious", made(read=False), study())
    assert "Nobody has read any of these labels yet" in found.values["sentences"][0]
    facts = found.values["labels"][0].facts
    assert facts["Probably wrong"] == "0.900, not calibrated" and facts["Readers"] == "not read"
    assert found.warnings == ""


@pytest.mark.parametrize("read", [True, False], ids=["read", "not read"])
def test_without_pictures_the_labels_are_a_table(made, study, read):
    found = section("suspicious", made(read, pictures=False), study())
    table = found.values["table"]
    assert found.values["labels"] == [] and BURNED_IN not in found.values["sentences"]
    assert [row[1].value for row in table.rows] == IMAGES[:4]
    assert ("Readers: the given label is" in table.header) == read
    assert ("Probability, not calibrated" in table.header) != read
    assert {len(row) for row in table.rows} == {len(table.header)}


def test_more_labels_than_there_are_is_all_of_them(made, study):
    found = section("suspicious", made(), study(first=100))
    assert found.title == "The first 6 suspicious labels" and len(found.values["labels"]) == 6


# ---- files that hang wrongly


def test_files_that_hang_wrongly_are_counted_and_shown(made, study):
    found = section("hanging", made(), study())
    [answer] = found.answers
    assert answer.answer == (
        "Probably mirrored: 1 with a probability above 0.5; probably turned: 0 with a probability "
        "above 0.5; probably inverted: 0 with a probability above 0.5; there twice: 1 or more with "
        "a correlation above 0.95. Nobody has looked at them: a list is where to look first."
    )
    lists = found.values["lists"]
    assert [one["id"] for one in lists] == ["mirrored", "duplicate", "unlike"]
    assert [len(row.pictures) for one in lists for row in one["rows"]] == [1, 1, 2, 1]
    assert lists[2]["count"] == "1 shown"


def test_without_pictures_the_files_are_tables(made, study):
    lists = section("hanging", made(pictures=False), study()).values["lists"]
    mirrored, pairs, _ = (one["table"] for one in lists)
    assert mirrored.header == ["Rank", "Image", "Patient", "What", "Probability"]
    assert [cell.value for cell in pairs.rows[0]] == [
        *("1", IMAGES[2], PATIENTS[2], IMAGES[3], PATIENTS[3], "different patients", "0.970")
    ]


# ---- the whole


def test_the_report_is_well_formed_and_each_picture_is_described_and_there_once(made, study):
    text = html(made(), study())
    body = re.sub("<(img|input)[^>]*>", "", text)
    assert read_html(body).open == []
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1 and max(np.diff(levels)) <= 1
    pictures = re.findall('<img src="(data:image/jpeg[^"]*)" alt="([^"]+)"', text)
    assert len(pictures) == 4 + 5 and text.count("data:image/jpeg") == len(pictures)
    ids = re.findall(' id="([^"]*)"', text)
    assert len(ids) == len(set(ids))


def test_pseudonyms_stand_for_every_name_and_no_picture_is_there(made, study, tmp_path):
    names = Names(tmp_path / "report-key.csv")
    given = made(pictures=False)
    text = report.html(
        report.sections(given, study(names=names, pictures=False)), study(), TEMPLATES
    )
    assert not [name for name in [*IMAGES, *PATIENTS, "patient0", "study1"] if name in text]
    assert "data:image/jpeg" not in text and "data:image/png" not in text
    assert "have pseudonyms here" in text and "…/report-key.csv" in text
    assert len(set(re.findall(r"\bpatient-[0-9a-f]{8}\b", text))) == 2 + 2 + 1
    with_pictures = report.html(
        report.sections(made(), study(names=names)), study(names=names), TEMPLATES
    )
    assert str(tmp_path) not in with_pictures
    assert "<code>…/suspicious.parquet</code>" in with_pictures
    assert not [name for name in [*IMAGES, *PATIENTS, "patient0"] if name in with_pictures]
    assert set(names.images(IMAGES[:5])) <= set(re.findall("image-[0-9a-f]{8}", with_pictures))


def test_names_cannot_break_the_report(made, study):
    text = html(made(names=("<i>&|", "=NA")), study())
    assert "<i>" not in text and "&lt;i&gt;&amp;|" in text
