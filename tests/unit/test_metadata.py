"""Tables as people write them, for both kinds of metadata."""

import gzip

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import whole
from cxrnoise.core.errors import UserError
from cxrnoise.datasets import columns, views
from cxrnoise.datasets.registry import DATASETS


@pytest.fixture
def read(tmp_path):
    """Read a table of this text or these bytes."""

    def read(content, kind="table"):
        path = tmp_path / "labels.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return whole.metadata(path, kind)

    return read


def test_another_name_of_a_kind_is_one_sentence():
    with pytest.raises(UserError, match="no kind of data set 'dicom': choose one of chestxray14"):
        DATASETS["dicom"]


# Formats


PLAIN = "image,patient,Mass\na.png,1,1\nb ö.png,2,\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode(),
        "\ufeff".encode() + PLAIN.encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", "|").encode(),
        b"sep=;\n" + PLAIN.replace(",", ";").encode(),
        PLAIN.encode("utf-16"),
        PLAIN.replace(",", "\t").encode("utf-16-le"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("cp1252"),
        gzip.compress(PLAIN.encode(), mtime=0),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\n\n").encode(),
        ("\n,,,\n" + PLAIN.replace("\n", ",\n")).encode() + b",,,\n,,,,,\n",
        PLAIN.replace(",1,", ",1 , ").replace("image", " Image ").encode(),
        PLAIN.replace("a.png", '"a.png"').replace("patient", '"patient"').encode(),
        PLAIN.replace("image", ",image").replace("\na", "\n0,a").replace("\nb", "\n1,b").encode(),
        PLAIN.replace("1\n", "1,,\n").encode(),
    ],
    ids=[
        *("plain", "mark", "semicolons", "tabs", "bars", "sep line", "UTF-16", "UTF-16 no mark"),
        *("UTF-16 big", "Windows", "gzip", "CRLF", "empty lines", "empty cells", "spaces"),
        *("quotes", "row numbers", "ragged"),
    ],
)
def test_every_usual_way_to_write_a_table_is_read(read, content):
    found = read(content)
    assert list(found) == ["image", "patient", "view", "Mass"]
    assert found.to_numpy().tolist() == [["a.png", "1", "", "1"], ["b ö.png", "2", "", ""]]


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))] * 2),
        min_size=1,
    ),
    st.sampled_from([(",", "utf-8-sig"), (";", "utf-8"), ("\t", "utf-16")]),
)
def test_any_text_that_pandas_writes_is_read_as_it_is(tmp_path_factory, rows, how):
    path = tmp_path_factory.mktemp("own") / "labels.csv"
    frame = pd.DataFrame(rows, columns=["a", "b"])
    frame.insert(0, "patient", range(len(frame)))
    frame.insert(0, "image", [f"{number}.png" for number in range(len(frame))])
    frame.to_csv(path, index=False, sep=how[0], encoding=how[1], lineterminator="\n")
    found = whole.metadata(path, "table")
    for name in ("a", "b"):
        assert found[name].tolist() == frame[name].str.strip().tolist()


def test_a_row_has_the_number_that_a_spreadsheet_shows(read):
    text = '\nimage,patient,note\n"a","1","two\nlines"\n\nb,2,x\n'
    assert read(text).index.tolist() == [3, 5]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a table that can be read: it is empty"),
        (b" \n\n", "it is empty"),
        (b",,,\n,,\n", "its header '' is not divided into columns"),
        (b"PK\x03\x04" + b"\0" * 99, "it is a ZIP file or an Excel workbook: unpack it, or save"),
        (b"PAR1" + b"\0" * 99, "it is a Parquet file: save it as CSV"),
        (b"image patient label\na 1 0\n", "its header 'image patient label' is not divided"),
        (b"image,patient;label\na,1;0\n", "by commas, semicolons, tabs or bars alone"),
        (b"image,patient\na,1\nb\xc3,2\nc\xc3\xbc,3\n", "line 3 is no text in utf-8: save it as"),
        (b"image,patient\na,1\nb\x81,2\n", "line 3 is no text in utf-8"),
        (b"image,patient\na\0,1\n", "line 2 is no text"),
        (b'image,patient\na,1\n"b,1\nc,1\n', "a quote in line 3 never closes"),
        (b"image,patient\n", "has no row below its header"),
        (b"image,patient,x\na,1,0,7\n", "has '7' in line 2, column 4, which has no name"),
        (b"image,patient,x,x\na,1,0,1\n", "has the column x more than once"),
        (gzip.compress(b"image,patient\na,1\n", mtime=0)[:-9], r"it cannot be read \("),
    ],
)
def test_what_cannot_be_read_is_one_sentence(read, content, sentence):
    with pytest.raises(UserError, match=f"labels.csv .*{sentence}") as error:
        read(content)
    assert "\n" not in str(error.value)


def test_a_folder_or_a_file_that_is_gone_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "gone.csv"):
        with pytest.raises(UserError, match=f"{path} is not a table .* it cannot be read"):
            whole.metadata(path, "table")


# One's own table


@pytest.mark.parametrize("image", ["image", "Image Index", "Path", "filename", "IMAGE_ID", "File"])
@pytest.mark.parametrize("patient", ["patient", "Patient ID", "PatientID", "subject_id"])
@pytest.mark.parametrize("view", ["view", "View Position", "ViewPosition", "AP/PA"])
def test_columns_are_called_as_people_call_them(read, image, patient, view):
    found = read(f"{image},{patient},{view}\na,1,AP\n")
    assert list(found) == ["image", "patient", "view"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Image,Path,patient\na,b,1\n", "has 2 columns that may be the image, 'Image' and 'Path'"),
        ("picture,patient\na,1\n", "has no column for the image: call it 'image' .*'picture'"),
        ("image,age\na,63\n", "has no column for the patient: add a column 'patient'"),
        ("image,patient\na,\n", "has '' in line 2, column patient: every row names its patient"),
        ("image,patient\n\n,1\n", "has '' in line 3, column image: every row names its image"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_line_and_column(read, text, sentence):
    with pytest.raises(UserError, match=rf"labels\.csv {sentence}") as error:
        read(text)
    assert "\n" not in str(error.value)


def test_every_further_column_stays_as_text(read):
    found = read("image,patient,Mass,age,site\na,1,-1.0, 063,A\nb,2,yes,,\n")
    assert found[["Mass", "age", "site"]].to_numpy().tolist() == [
        ["-1.0", "063", "A"],
        ["yes", "", ""],
    ]
    assert found.attrs["classes"] == []


def test_columns_that_the_index_makes_itself_are_left_out_and_named(read, caplog):
    assert list(read("image,patient,width,Mass\na,1,99,0\n")) == [
        "image",
        "patient",
        "view",
        "Mass",
    ]
    assert "the columns width are left out" in caplog.text


CHEXPERT = """Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema
CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,
CheXpert-v1.0-small/train/patient00002/study2/view1_frontal.jpg,Female,87,Frontal,PA,,-1.0
CheXpert-v1.0-small/train/patient00002/study2/view2_lateral.jpg,Female,83,Lateral,,,1.0
"""


def test_the_table_of_chexpert_is_read_as_it_is(read):
    found = read(CHEXPERT)
    assert found["patient"].tolist() == ["patient00001", "patient00002", "patient00002"]
    assert found["view"].tolist() == ["AP", "PA", ""]
    assert found["Edema"].tolist() == ["", "-1.0", "1.0"]


def test_paths_of_windows_are_paths(read):
    found = read("file,patient\n.\\a\\1.png,1\n/b/2.png,2\n")
    assert found["image"].tolist() == ["a/1.png", "b/2.png"]


def test_a_patient_who_is_written_in_two_ways_is_one_and_others_keep_their_spelling(read, caplog):
    found = read("image,patient\na,7\nb,0000007\nc,7.0\nd,008\ne,A0\n")
    assert found["patient"].tolist() == ["7", "7", "7", "008", "A0"]
    assert "1 patients are written in several ways, such as 7 and 0000007 and 7.0" in caplog.text


# Views


@pytest.mark.parametrize(
    ("written", "view"),
    [
        *((text, "PA") for text in ("PA", "P.A.", "pa ", "POSTERO_ANTERIOR", "Posteroanterior")),
        *((text, "AP") for text in ("ap", "A-P", "antero-posterior", "AP view")),
        ("lat.", "LATERAL"),
        ("LL", "LL"),
        (" oblique ", "oblique"),
        ("AP_horizontal", "AP_horizontal"),
        ("", ""),
    ],
)
def test_a_view_has_one_spelling(read, written, view):
    assert views.normal(written) == view
    for kind, text in (
        ("table", f"image,patient,view\na,1,{written}\n"),
        ("chestxray14", RELEASED + f"a.png,Mass,0,1,{written}\n"),
    ):
        assert read(text, kind)["view"].tolist() == [view]


def test_every_view_is_counted_and_named(read):
    found = read("image,patient,view\na,1,PA\nb,1,P A\nc,1,oblique\nd,1,\n")
    counted = views.counts(found)
    assert counted == {"PA": 2, "oblique": 1, "(empty)": 1}
    assert views.described(counted, ["PA"]) == (
        "View positions: PA 2, oblique 1 (no task uses it), (empty) 1 (no task uses it)."
    )


# ChestXRay14


RELEASED = "Image Index,Finding Labels,Follow-up #,Patient ID,View Position\n"


def test_each_finding_that_occurs_is_a_column_and_no_finding_is_none(read):
    rows = "a,Mass|Edema,0,1,PA\nb,No Finding,0,1,PA\nc,Mass,0,1,PA\n"
    found = read(RELEASED + rows, "chestxray14")
    assert list(found) == ["image", "patient", "view", "Follow-up #", "Edema", "Mass"]
    assert found["Mass"].tolist() == ["1", "0", "1"] and found["Edema"].tolist() == ["1", "0", "0"]
    assert found.attrs["classes"] == ["Edema", "Mass"]


@pytest.mark.parametrize(
    "cell",
    [
        "Cardiomegaly|Emphysema",
        "Cardiomegaly | Emphysema",
        " Emphysema|cardiomegaly|",
        "Emphysema| CARDIOMEGALY",
    ],
)
def test_findings_are_found_however_they_are_spaced(read, cell):
    found = read(RELEASED + f"a,{cell},0,1,PA\n", "chestxray14")
    assert found[found.attrs["classes"]].to_dict("records") == [
        {"Cardiomegaly": "1", "Emphysema": "1"}
    ]


def test_pleural_thickening_has_the_spelling_of_the_release(read):
    rows = "a,Pleural Thickening,0,1,PA\nb,Pleural_Thickening,0,1,PA\n"
    found = read(RELEASED + rows, "chestxray14")
    assert found["Pleural_Thickening"].tolist() == ["1", "1"]


def test_patients_are_numbers_without_zeros(read):
    found = read(RELEASED + "a,Mass,0,7,PA\nb,Mass,0,0000007,PA\nc,Mass,0,7.0,PA\n", "chestxray14")
    assert found["patient"].tolist() == ["7", "7", "7"]


def test_an_unknown_finding_of_one_row_is_refused_with_row_and_value(read):
    rows = "a,Mass,0,1,PA\nb,Mass|Emphisema,0,1,PA\n"
    with pytest.raises(UserError, match="'Emphisema' in line 3, .* did you mean Emphysema?"):
        read(RELEASED + rows, "chestxray14")


def test_a_finding_that_other_rows_have_too_is_one_more(read, caplog):
    rows = "a,Fracture,0,1,PA\nb,fracture | Mass,0,1,PA\n"
    found = read(RELEASED + rows, "chestxray14")
    assert found["Fracture"].tolist() == ["1", "1"]
    assert "'Fracture', in 2 rows, is no finding of the release" in caplog.text


def test_an_empty_cell_of_a_release_is_named(read):
    with pytest.raises(UserError, match="has '' in line 2, column Finding Labels"):
        read(RELEASED + "a,,0,1,PA\n", "chestxray14")


@pytest.mark.parametrize("name", ["Mass", "mass", "MASS", " Mass"])
def test_a_column_is_found_by_its_name_in_any_case(name):
    assert columns.find(["image", "Mass"], name) == "Mass"
    assert columns.find(["Pleural_Thickening"], "pleural thickening") == "Pleural_Thickening"
    assert columns.find(["image"], name) is None
