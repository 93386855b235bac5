"""The CSV file of readings: it comes back as it went out, and a bad one is refused by its row."""

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrnoise.core.errors import UserError
from cxrnoise.reading import answers
from cxrnoise.reading.answers import COLUMNS, OLD_COLUMNS, Asked, Reading
from reading_studies import ASKED, NIH, ROTATIONS, STUDY, TIME, reading

CASES = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t=+-@'\","))
READINGS = st.builds(
    Reading,
    study=st.just(STUDY),
    case=st.sampled_from(CASES),
    reader=st.text(max_size=answers.NAME_LENGTH).filter(lambda name: not answers.name_problem(name))
    | st.sampled_from(["=1+1", "'=1", "@ann", "-"]),
    finding=st.just("Emphysema"),
    answer=st.sampled_from(answers.ANSWERS),
    confidence=st.sampled_from(answers.CONFIDENCES),
    other_finding=st.sampled_from(["", *answers.OTHER_FINDINGS]),
    comment=TEXT | st.builds("".join, st.lists(st.sampled_from(["'", "=", " ", "＝", "\t", "x"]))),
    seconds=st.integers(0, 864_000).map(lambda tenths: tenths / 10),
    answered_at=st.just(TIME),
)


def write(path, rows, header=COLUMNS):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def row(case=CASES[0], **values):
    made = reading(case, **values)
    return [getattr(made, column) for column in COLUMNS]


def refusal(path):
    with pytest.raises(UserError) as caught:
        answers.read_csv(path, STUDY, CASES, ASKED)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


@given(st.lists(READINGS, unique_by=lambda made: (made.reader, made.case)))
def test_readings_come_back_from_csv_as_they_went_out(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("csv") / "readings.csv"
    answers.write_csv(made, path)
    assert answers.read_csv(path, STUDY, CASES, ASKED) == made


@given(READINGS)
def test_no_exported_cell_is_a_formula(made):
    for cells in csv.reader(answers.to_csv([made]).splitlines(keepends=True)):
        for cell in cells:
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
            assert not cell.startswith(("\t", "\r", "\n"))


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path):
    path = tmp_path / "readings.csv"
    text = answers.to_csv([reading(CASES[0], comment="two\nlines")])
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert answers.read_csv(path, STUDY, CASES, ASKED) == [reading(CASES[0], comment="two\nlines")]


def test_a_comment_with_an_apostrophe_stays_as_it_is(tmp_path):
    path = write(tmp_path / "readings.csv", [row(comment="'tis")])
    assert answers.read_csv(path, STUDY, CASES, ASKED)[0].comment == "'tis"


def test_an_unknown_case_is_refused_with_its_row(tmp_path):
    path = write(tmp_path / "readings.csv", [row(), row("dddddddddddd")])
    assert "row 3, has the case 'dddddddddddd', which is not in the study" in refusal(path)


def test_two_answers_of_one_reader_to_one_case_are_refused_with_both_rows(tmp_path):
    path = write(tmp_path / "readings.csv", [row(), row(CASES[1]), row(answer="absent")])
    message = refusal(path)
    assert "row 4, is a second answer of reader 'ann'" in message and "after row 2" in message


# ---- several findings, and classes

FINDINGS = Asked(NIH[:3])
CLASSES = Asked(("Rotation",), ROTATIONS)


def of_several(case=CASES[0], **values):
    unsaid = {"finding": "Effusion", "confidence": answers.UNSAID}
    return reading(case, **unsaid | values)


def refused(path, asked):
    with pytest.raises(UserError) as caught:
        answers.read_csv(path, STUDY, CASES, asked)
    return str(caught.value)


def test_readings_of_several_findings_come_back_as_they_went_out(tmp_path):
    made = [of_several(case, finding=name) for case in CASES for name in FINDINGS.findings]
    answers.write_csv(made, tmp_path / "a.csv")
    assert answers.read_csv(tmp_path / "a.csv", STUDY, CASES, FINDINGS) == made
    assert f"ann,Effusion,present,,,,12.5,{TIME}" in (tmp_path / "a.csv").read_text()


def test_a_class_is_one_answer(tmp_path):
    said = [("turned left", CASES[0]), ("unsure", CASES[1])]
    made = [of_several(case, finding="Rotation", answer=answer) for answer, case in said]
    answers.write_csv(made, tmp_path / "a.csv")
    assert answers.read_csv(tmp_path / "a.csv", STUDY, CASES, CLASSES) == made
    answers.write_csv([of_several(finding="Rotation")], tmp_path / "a.csv")
    message = refused(tmp_path / "a.csv", CLASSES)
    assert "'present', which is none of upright, turned left, turned right, upside" in message


def test_a_file_from_before_there_were_several_findings_is_of_the_one_finding(tmp_path):
    old = [getattr(reading(CASES[0]), column) for column in OLD_COLUMNS]
    path = write(tmp_path / "old.csv", [old], OLD_COLUMNS)
    assert answers.read_csv(path, STUDY, CASES, ASKED) == [reading(CASES[0])]
    message = refused(path, FINDINGS)
    assert "has no column finding, but the study asks for 3 findings" in message


def test_a_finding_is_named_as_the_study_spells_it(tmp_path):
    path = write(tmp_path / "a.csv", [row(finding="emphysema ")])
    assert answers.read_csv(path, STUDY, CASES, ASKED)[0].finding == "Emphysema"


def test_a_finding_that_is_not_asked_for_is_refused_with_row_and_name(tmp_path):
    made = [of_several(), of_several(finding="Hernia")]
    answers.write_csv(made, tmp_path / "a.csv")
    message = refused(tmp_path / "a.csv", FINDINGS)
    assert "row 3, has the finding 'Hernia', which the study does not ask for" in message


def test_one_reader_twice_for_a_case_and_finding_is_refused_with_both_rows(tmp_path):
    made = [of_several(), of_several(finding="Cardiomegaly"), of_several(answer="absent")]
    answers.write_csv(made, tmp_path / "a.csv")
    message = refused(tmp_path / "a.csv", FINDINGS)
    assert "row 4, is a second answer of reader 'ann' to Effusion in case" in message
    assert "after row 2" in message


@pytest.mark.parametrize("values", [{"confidence": 3}, {"other_finding": "fibrosis"}])
def test_what_is_asked_of_one_finding_alone_is_refused_for_several(tmp_path, values):
    answers.write_csv([of_several(**values)], tmp_path / "a.csv")
    assert "which is asked for one finding alone" in refused(tmp_path / "a.csv", FINDINGS)


def test_two_readers_may_answer_one_case(tmp_path):
    path = write(tmp_path / "readings.csv", [row(), row(reader="ben")])
    assert len(answers.read_csv(path, STUDY, CASES, ASKED)) == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"answer": "maybe"}, "the answer 'maybe', which is none of present, absent, unsure"),
        ({"answer": ""}, "the answer ''"),
        ({"confidence": 6}, "the confidence '6', which is none of 1 to 5"),
        ({"confidence": "4.0"}, "the confidence '4.0'"),
        ({"confidence": ""}, "the confidence ''"),
        ({"other_finding": "broken rib"}, "the other finding 'broken rib'"),
        ({"comment": "x" * 2001}, "a comment of more than 2000 characters"),
        ({"comment": "a\0b"}, "a comment with control characters"),
        ({"seconds": "-1"}, "the seconds '-1', which are no number"),
        ({"seconds": "nan"}, "the seconds 'nan'"),
        ({"seconds": 86401}, "86401.0 seconds, which is not between 0 and 86400"),
        ({"answered_at": "yesterday"}, "the time 'yesterday'"),
        ({"answered_at": "2026-01-31T12:00:00"}, "the time '2026-01-31T12:00:00'"),
        ({"answered_at": "2026-01-31T12:00:00+02:00"}, "the time '2026-01-31T12:00:00+02:00'"),
        ({"study": "fedcba9876543210"}, f"the study 'fedcba9876543210' instead of {STUDY}"),
        ({"reader": ""}, "the reader ''"),
        ({"reader": " ann"}, "the reader ' ann'"),
        ({"reader": "x" * 61}, "not a name of 1 to 60 printable characters"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_row(tmp_path, values, message):
    path = write(tmp_path / "readings.csv", [row(CASES[1]), row(**values)])
    text = refusal(path)
    assert "row 3, has " in text and message in text


def test_a_row_with_too_few_cells_is_refused(tmp_path):
    assert "row 2, has 3 cells instead of 10" in refusal(write(tmp_path / "a.csv", [row()[:3]]))


def test_another_header_is_refused(tmp_path):
    assert "row 1 is not study,case,reader" in refusal(write(tmp_path / "a.csv", [], ["image"]))


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.csv").touch()
    assert "not a table of readings" in refusal(tmp_path / "a.csv")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    assert "not comma-separated values in UTF-8" in refusal(tmp_path / "a.csv")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    assert "could not be read (No such file" in refusal(tmp_path / "a.csv")


def test_the_frame_has_the_columns_of_the_file():
    frame = answers.to_frame([reading(CASES[0]), replace(reading(CASES[1]), confidence=2)])
    assert list(frame.columns) == COLUMNS
    assert frame["confidence"].tolist() == [4, 2]
    assert list(answers.to_frame([]).columns) == COLUMNS
