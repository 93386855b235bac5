import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

from cxrnoise.images import radiographs
from tiny import dicom

GREY = np.random.default_rng(0).integers(0, 256, (24, 20), dtype=np.uint8)
AS_SHOWN = {"PatientOrientation": ["L", "F"], "ViewPosition": "PA", "BodyPartExamined": "CHEST"}

# How the picture GREY, which hangs as usual, is stored for each Patient Orientation: the
# first letter says where its rows run to, the second where its columns run to.
STORED = {
    "LF": GREY,
    "RF": GREY[:, ::-1],
    "LH": GREY[::-1],
    "RH": GREY[::-1, ::-1],
    "FL": GREY.T,
    "HL": GREY.T[:, ::-1],
    "FR": GREY.T[::-1],
    "HR": GREY.T[::-1, ::-1],
}
MIRRORED = {"RF", "LH", "FL", "HR"}


def described(**elements):
    return radiographs.describe(dicom(GREY, **elements))


def coded(value, meaning):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return [item]


# Orientation


@pytest.mark.parametrize("letters", STORED)
def test_a_picture_is_shown_upright_and_unmirrored_however_it_is_stored(letters):
    data = dicom(np.ascontiguousarray(STORED[letters]), PatientOrientation=list(letters))
    np.testing.assert_array_equal(radiographs.decode(data), GREY)
    found = radiographs.describe(data)
    assert (found.width, found.height, found.left_out) == (20, 24, "")
    said = f"Patient Orientation {letters[0]}\\{letters[1]})"
    done = "mirrored back" if letters in MIRRORED else "turned upright"
    assert found.remarks == (() if letters == "LF" else (f"{done} ({said}",))


@pytest.mark.parametrize("letters", STORED)
def test_a_picture_and_its_mirror_image_are_told_apart(letters):
    """Of the eight orientations, four are mirror images: no turn makes them equal to the rest."""
    turns = [np.rot90(STORED[letters], number) for number in range(4)]
    is_turned = any(np.array_equal(turn, GREY) for turn in turns)
    assert is_turned == (letters not in MIRRORED)


@pytest.mark.parametrize("letters", [["RH", "FP"], ["rla", "f"], ["RIGHT", "FOOT"]])
def test_the_main_direction_counts_where_several_letters_are_given(letters):
    data = dicom(GREY, PatientOrientation=letters)
    np.testing.assert_array_equal(radiographs.decode(data), GREY[:, ::-1])


@pytest.mark.parametrize("letters", [["A", "F"], ["P", "F"], ["L", "P"], ["L", "R"], ["L"]])
def test_any_other_orientation_is_left_out_and_named(letters):
    said = "\\".join(letters)
    assert described(PatientOrientation=letters).left_out == f"Patient Orientation {said}"


@pytest.mark.parametrize("flip", ["YES", "NO"])
@pytest.mark.parametrize("turn", [0, 180])
def test_patient_orientation_wins_over_what_was_done_at_the_detector(flip, turn):
    elements = {"FieldOfViewHorizontalFlip": flip, "FieldOfViewRotation": turn}
    data = dicom(GREY, **elements, **AS_SHOWN)
    np.testing.assert_array_equal(radiographs.decode(data), GREY)
    found = radiographs.describe(data)
    assert (found.view, found.left_out, found.remarks) == ("PA", "", ())


def test_a_flip_at_the_detector_without_an_orientation_is_left_out():
    found = described(FieldOfViewHorizontalFlip="YES", ViewPosition="PA")
    assert found.left_out == "Field of View Horizontal Flip without Patient Orientation"
    assert described(FieldOfViewHorizontalFlip="NO").left_out == ""


def test_a_turn_at_the_detector_without_an_orientation_is_a_remark():
    assert described(FieldOfViewRotation=90).remarks == ("Field of View Rotation 90",)
    assert described(FieldOfViewRotation=0).remarks == ()


# View


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("PA", "PA"),
        ("pa ", "PA"),
        ("P.A.", "PA"),
        ("PA ERECT", "PA"),
        ("POSTERO-ANTERIOR", "PA"),
        ("AP", "AP"),
        ("AP SUPINE", "AP"),
        ("antero-posterior", "AP"),
        ("", ""),
        (None, ""),
    ],
)
def test_pa_and_ap_are_recognised_as_people_write_them(text, view):
    found = described(ViewPosition=text) if text is not None else described()
    assert (found.view, found.left_out, found.remarks) == (view, "", ())


@pytest.mark.parametrize(
    "text",
    ["LL", "RL", "LATERAL", "lateral", "LLD", "RLO", "PA LLD", "AP AXIAL", "XTABLE LATERAL", "LAO"],
)
def test_what_is_no_frontal_view_is_left_out_and_named(text):
    found = described(ViewPosition=text)
    assert (found.view, found.left_out) == ("", f"View Position {text}")


@pytest.mark.parametrize("text", ["FRONTAL", "STANDARD", "1"])
def test_a_view_that_is_not_understood_is_kept_with_a_remark(text):
    found = described(ViewPosition=text)
    assert (found.view, found.left_out) == ("", "")
    assert found.remarks == (f"View Position {text} is not understood",)


@pytest.mark.parametrize(
    ("code", "view", "left_out"),
    [
        (("272479007", "postero-anterior"), "PA", ""),
        (("R-10214", "thorax de face"), "PA", ""),
        (("399348003", "antero-posterior"), "AP", ""),
        (("399173006", "links seitlich"), "", "View Code links seitlich"),
        (("X", "left anterior oblique"), "", "View Code left anterior oblique"),
    ],
)
def test_a_view_code_is_as_good_as_a_view_position(code, view, left_out):
    found = described(ViewCodeSequence=coded(*code))
    assert (found.view, found.left_out) == (view, left_out)


def test_one_attribute_that_says_lateral_leaves_an_image_out():
    code = coded("399067008", "lateral")
    found = described(ViewPosition="PA", ViewCodeSequence=code)
    assert found.left_out == "View Code lateral"


def test_views_that_contradict_each_other_are_unknown_with_a_remark():
    found = described(ViewPosition="AP", ViewCodeSequence=coded("272479007", "postero-anterior"))
    assert (found.view, found.left_out) == ("", "")
    assert found.remarks == ("View Position AP contradicts View Code postero-anterior",)


# Part of the body


@pytest.mark.parametrize("part", ["HAND", "ABDOMEN", "TSPINE", "THORACIC SPINE", "Skull", "RIB"])
def test_another_part_of_the_body_is_left_out_and_named(part):
    found = described(BodyPartExamined=part, ViewPosition="PA")
    assert (found.view, found.left_out) == ("PA", f"Body Part Examined {part.upper()}")


@pytest.mark.parametrize("part", ["CHEST", "PORT CHEST", "TORAX", "Thorax", "LUNG", "UNKNOWN", ""])
def test_a_chest_or_an_unnamed_part_is_kept(part):
    assert described(BodyPartExamined=part).left_out == ""


def test_the_anatomic_region_is_read_too():
    hand = coded("85562004", "Hand")
    assert described(AnatomicRegionSequence=hand).left_out == "Anatomic Region Hand"
    found = described(AnatomicRegionSequence=coded("51185008", "Brustkorb"))
    assert found.left_out == ""


@pytest.mark.parametrize(("modality", "kept"), [("DX", True), ("CR", True), ("CT", False)])
def test_another_modality_is_left_out(modality, kept):
    assert described(Modality=modality).left_out == ("" if kept else f"Modality {modality}")


@pytest.mark.parametrize("keyword", ["Laterality", "ImageLaterality"])
def test_a_side_is_a_remark(keyword):
    assert described(**{keyword: "R"}).remarks[0].endswith("Laterality R")
    assert described(**{keyword: "U"}).remarks == ()


def test_a_raw_image_is_a_remark():
    (remark,) = described(PresentationIntentType="FOR PROCESSING").remarks
    assert remark.startswith("raw image")


def test_a_png_says_nothing(nih):
    path = min((nih / "images-1024").glob("*.png"))
    found = radiographs.describe(path.read_bytes())
    assert (found.width, found.height) == (1024, 1024)
    assert (found.view, found.left_out, found.remarks) == ("", "", ())


LATIN = st.text(st.characters(max_codepoint=255), max_size=60)


@given(LATIN, LATIN)
def test_no_text_of_a_header_breaks_the_description_or_a_log(part, view):
    found = described(BodyPartExamined=part, ViewPosition=view)
    for text in (found.left_out, *found.remarks):
        assert len(text) < 200 and "\n" not in text and "\x1b" not in text
