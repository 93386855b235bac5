"""The kind of data set `padchest`: rows in the layout of its release, made up for the test."""

import logging

import pytest

import whole
from cxrnoise.core.errors import UserError

HEADER = ",ImageID,ImageDir,StudyID,PatientID,PatientSex_DICOM,Projection,Report,MethodLabel,Labels"
ROWS = """
0,a.png,0,1,p1,M,PA,nada que ver,Physician,"['pleural effusion', 'cardiomegaly']"
1,b.png,0,1,p1,M,L,,Physician,['normal']
2,c.png,3,2,p2,F,PA,,RNN_model,"['cardiomegaly', '', ' aortic elongation ']"
3,d.png,3,3,p3,F,AP_horizontal,,RNN_model,
"""


@pytest.fixture
def read(tmp_path):
    def read(rows=ROWS):
        path = tmp_path / "PADCHEST_chest_x_ray_images_labels_160K.csv"
        path.write_text(HEADER + rows)
        return whole.metadata(path, "padchest")

    return read


def test_each_finding_is_a_column_and_normal_is_none(read):
    frame = read().set_index("image")
    assert frame.attrs["classes"] == ["aortic elongation", "cardiomegaly", "pleural effusion"]
    assert frame["cardiomegaly"].tolist() == ["1", "0", "1", "0"]
    assert frame["pleural effusion"].tolist() == ["1", "0", "0", "0"]
    assert frame["aortic elongation"].tolist() == ["0", "0", "1", "0"]


def test_views_are_spelled_as_elsewhere_and_other_columns_stay(read):
    frame = read()
    assert frame["view"].tolist() == ["PA", "L", "PA", "AP_horizontal"]
    assert frame["PatientSex_DICOM"].tolist() == ["M", "M", "F", "F"]


def test_the_text_of_reports_is_left_out_and_that_is_said(read, caplog):
    with caplog.at_level(logging.INFO):
        assert "Report" not in read()
    assert "the column Report is left out" in caplog.text


def test_labels_that_are_no_list_are_named_with_their_line(read):
    with pytest.raises(UserError, match=r"has 'cardiomegaly' in line 2, column Labels: it must be"):
        read("\n0,a.png,0,1,p1,M,PA,,Physician,cardiomegaly\n")
