"""`make new`: what it says of a folder and a table, and the configuration that it writes."""

import csv
import io
import re

import numpy as np
import pandas as pd
import pytest
import yaml

import new_data_set as program
from cxrnoise.core.errors import UserError
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.new import configuration, weights
from tiny import HEADER, dicom

PIXELS = np.arange(64, dtype=np.uint16).reshape(8, 8) * 64
GERMAN = ["Datei", "Pat.-Nr.", "Alter", "Projektion", "Erguß", "Rundherd", "Bemerkung"]


def files(folder, names, data=lambda name: b""):
    """Write files; PNGs and JPEGs may be empty, because they are not opened."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data(name))
    return folder


def table(path, header, rows, separator=",", encoding="utf-8"):
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows([header, *rows])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    """Run `make new`; return what it prints, and the settings that come of what it writes."""
    monkeypatch.chdir(tmp_path)

    def run(images="images", labels="labels.csv", **given):
        arguments = {"name": "mine", "images": str(images), "labels": str(labels), **given}
        program.main([word for key, value in arguments.items() for word in (f"--{key}", value)])
        text = (tmp_path / f"{arguments['name']}.yaml").read_text(encoding="utf-8")
        config = configuration.check(text).model_dump()
        assert config["results"] == f"results/{arguments['name']}"
        return capsys.readouterr().out, config

    return run


def numbers(printed, name):
    """Return the numbers of a row that was printed."""
    [row] = re.findall(rf"^{re.escape(name)} +([\d, ]+)", printed, re.MULTILINE)
    return [int(number.replace(",", "")) for number in row.split()]


@pytest.fixture
def german(tmp_path):
    """60 DICOM files, and a table as a German spreadsheet has it, with cells as people type."""
    rows = []
    for number in range(62):
        name, patient = f"IM{number:03d}.dcm", number // 2
        if number < 60:
            data = dicom(PIXELS, PatientID=f"{patient:06d}", PatientName="Muster^Max")
            files(tmp_path / "images", [name], lambda _, data=data: data)
        effusion = ["ja", "Nein", "JA ", "nein"][number % 4]
        nodule = "ja" if number in (8, 30) else "nein"
        view = "a.p. liegend" if number % 10 == 0 else ["p.a.", "PA"][number % 2]
        rows.append([name, str(patient), "50", view, effusion, nodule, "frei; alt"])
    rows[1][4], rows[2][4], rows[3][4], rows[5][4] = "fraglich", "s. Befund", "", "?"
    del rows[59]
    table(tmp_path / "labels.csv", GERMAN, rows, ";", "cp1252")
    return rows


def test_a_german_spreadsheet_with_dicom_files_is_understood(new, german):
    printed, config = new()
    assert "60 DICOM" in printed and "30 of the DICOM files were opened, 30 are g" in printed
    assert "61 rows, separated by semicolons, cp1252" in printed
    assert re.search(r"^Pat\.-Nr\. +the patient +as the DICOM headers have it +30 p", printed, re.M)
    assert re.search(r"^Projektion +the view .* PA 53, a\.p\. liegend 6$", printed, re.M)
    assert numbers(printed, "Erguß") == [29, 26, 3, 1]
    assert re.search(r"^Rundherd .*left out: 2 patients with it$", printed, re.M)
    assert "2 rows of the table have no file: IM060.dcm, IM061.dcm" in printed
    assert "1 file has no row in the table and is not used: IM059.dcm" in printed
    assert "not understood, and not used: 's. befund' 1" in printed
    assert "Muster" not in printed
    assert config["dataset"]["kind"] == "table"
    asked = {key: config["table"][key] for key in ("image", "patient", "view", "suffix")}
    assert asked == {"image": "Datei", "patient": "Pat.-Nr.", "view": "Projektion", "suffix": None}
    assert config["table"]["empty"] == "masked"
    spelled = {"ja": "present", "nein": "absent", "fraglich": "masked", "?": "masked"}
    assert config["table"]["words"] == {**spelled, "s. befund": "masked"}
    assert config["finding"] == config["audit"]["task"] == "erguss"
    task = config["tasks"]["erguss"]
    assert (task["kind"], task["finding"], task["folds"]) == ("finding", "Erguß", 5)
    assert task["views"] == ["PA", "a.p. liegend"]
    assert config["audit"]["images"] == 30
    assert config["tolerated"] == {"missing": 2, "doubled": 0, "truncated": 1, "unreadable": 1}
    assert config["shards"]["number"] == 1


def test_the_workflow_reads_the_columns_as_it_was_said(new, german, tmp_path):
    _, config = new()
    asked = {key: config["table"][key] for key in ("image", "patient", "view", "suffix")}
    entries = DATASETS["table"].read(tmp_path / "labels.csv", **asked)
    assert list(entries)[:3] == ["image", "patient", "view"]
    assert entries["view"].value_counts().to_dict() == {"PA": 54, "a.p. liegend": 7}


def test_all_of_chestxray14_gets_the_paper_s_splits_and_a_part_gets_shares(new, tmp_path):
    rows = [
        [f"{patient:08d}_{number:03d}.png", found, number, patient, 50, "F", view, 9, 9, 1, 1]
        for patient, found in enumerate(["Effusion", "Mass|Emphysema", "No Finding"] * 8)
        for number, view in enumerate(["PA", "AP"])
    ]
    table(tmp_path / "labels.csv", HEADER.split(","), rows)
    files(tmp_path / "images", [row[0] for row in rows])
    printed, config = new()
    assert "it has the columns of ChestXRay14" in printed
    assert numbers(printed, "Emphysema") == [16, 32, 0, 0]
    assert config["dataset"] == {"kind": "chestxray14", "name": "ChestXRay14"}
    assert config["tasks"]["situs"]["splits"] == {"train": 25000, "val": 1000, "test": 2868}
    assert config["tasks"]["findings"]["findings"] == ["Effusion", "Emphysema", "Mass"]
    assert config["tasks"]["findings"]["views"] == ["PA", "AP"]
    assert config["tolerated"] == dict.fromkeys(config["tolerated"], 0)

    (tmp_path / "images" / rows[0][0]).unlink()
    _, config = new(name="part")
    assert config["dataset"]["name"] == "part"
    assert config["tasks"]["situs"]["splits"]["train"] == 0.65
    assert config["tasks"]["emphysema"]["cohort"] == "all"
    assert config["tolerated"]["missing"] == 1


def test_archives_are_not_read(new, tmp_path):
    rows = [
        [f"{patient:08d}_000.png", found, 0, patient, 50, "F", "PA", 9, 9, 1, 1]
        for patient, found in enumerate(["Effusion", "Mass", "No Finding"] * 8)
    ]
    table(tmp_path / "labels.csv", HEADER.split(","), rows)
    files(tmp_path / "images", ["images_01.tar.gz", "images_02.tar.gz"])
    printed, config = new()
    assert "2 archives, images_01.tar.gz and so on; the run will list what is in them" in printed
    assert config["tasks"]["findings"]["findings"] == ["Effusion", "Mass"]


def test_archives_need_the_name_of_an_unusual_column(new, tmp_path):
    rows = [[f"{number}.png", f"{number}", "ja" if number % 2 else "nein"] for number in range(20)]
    table(tmp_path / "labels.csv", ["Datei", "Patient", "Erguss"], rows, ";")
    files(tmp_path / "images", ["a.tar.gz"])
    with pytest.raises(UserError, match="give IMAGE=COLUMN, one of 'Datei', 'Patient', 'Erguss'"):
        new()
    _, config = new(image="datei")
    assert config["table"]["image"] == "Datei"


def test_of_dicom_files_a_few_are_opened_and_what_is_wrong_is_said(new, tmp_path):
    rows = [[f"{number}.dcm", f"{number}", number % 2] for number in range(24)]
    table(tmp_path / "labels.csv", ["image", "patient", "Effusion"], rows)
    for row in rows:
        view = {"0.dcm": "LL", "1.dcm": "AP"}.get(row[0], "PA")
        whole = dicom(PIXELS, PatientID="same for all", ViewPosition=view)
        data = whole[:-40] if row[0] == "2.dcm" else whole
        files(tmp_path / "images", [row[0]], lambda _, data=data: data)
    printed, config = new()
    assert "24 of the DICOM files were opened, 22 are good (AP 1, PA 21)" in printed
    assert "1 of the opened files is no frontal chest radiograph and is not used: 0.dcm (View" in (
        printed
    )
    assert "1 of the opened files is cut off: 2.dcm" in printed
    assert config["tasks"]["effusion"]["views"] == ["PA", "AP"]
    assert config["tolerated"]["truncated"] == 1


def test_chexpert_s_table_is_read_as_it_is(new, tmp_path):
    header = [
        "Path",
        "Sex",
        "Age",
        "Frontal/Lateral",
        "AP/PA",
        "No Finding",
        "Edema",
        "Pleural Effusion",
    ]
    rows = []
    for number in range(40):
        path = f"CheXpert-v1.0/train/patient{number:05d}/study1/view1_frontal.jpg"
        cells = [["1.0", "", "0.0", "-1.0"][number % 4], ["", "1.0"][number % 2]]
        rows.append([path, "Female", "68", "Frontal", "AP", "", *cells])
    rows.append([rows[0][0].replace("frontal", "lateral"), "Female", "68", "Lateral", *[""] * 4])
    table(tmp_path / "labels.csv", header, rows)
    files(tmp_path / "images", [row[0].removeprefix("CheXpert-v1.0/") for row in rows])
    printed, config = new()
    assert re.search(r"^Path +the patient +the folder in the path +40 patients", printed, re.M)
    assert numbers(printed, "Edema") == [10, 10, 10, 11]
    assert "images whose view is not used: (empty) 1" in printed
    assert config["table"]["image"] is config["table"]["patient"] is config["table"]["view"] is None
    assert config["table"]["empty"] == "absent"
    assert config["tasks"]["findings"]["findings"] == ["Edema", "Pleural Effusion"]
    assert config["tasks"]["findings"]["views"] == ["AP"]


def test_padchest_s_table_is_known_and_few_enough_findings_are_read(new, tmp_path):
    there = [f"finding {number}" for number in range(30)]
    rows = []
    for number in range(240):
        found = [name for place, name in enumerate(there) if number % (place + 2) == 0]
        view = ["PA", "L", "AP_horizontal"][number % 3]
        rows.append(
            [f"{number}.png", f"{number}", view, repr(found or ["normal"]), "sin hallazgos"]
        )
    table(tmp_path / "labels.csv", ["ImageID", "PatientID", "Projection", "Labels", "Report"], rows)
    files(tmp_path / "images", [row[0] for row in rows])
    printed, config = new()
    assert "it has the columns of PadChest" in printed and "sin hallazgos" not in printed
    assert config["dataset"]["kind"] == "padchest"
    assert config["tasks"]["findings"]["views"] == ["PA", "AP_horizontal"]
    assert len(config["tasks"]["findings"]["findings"]) == 20
    assert "finding 29" not in config["tasks"]["findings"]["findings"]
    assert "finding 1 " in printed and "and 20 others have more" in printed


def test_a_column_of_classes_and_names_without_suffix_in_utf_16(new, tmp_path):
    names = ["normal", "neumonía", "tuberculosis"]
    rows = [[f"{n:04d}", f"P{n // 2}", names[n % 3], "hombre"] for n in range(90)]
    for row in rows[:24:3]:
        row[2] = "Normal"
    header = ["Radiografía", "Paciente", "Diagnóstico", "Sexo"]
    table(tmp_path / "labels.csv", header, rows, "\t", "utf-16")
    files(tmp_path / "images", [f"sala/{row[0]}.jpg" for row in rows])
    printed, config = new()
    assert "90 JPEG" in printed and "separated by tabs, utf-16" in printed
    assert re.search(r"^neumonía +30$", printed, re.M)
    assert "'Normal' and 'normal' are taken for different classes" in printed
    assert config["table"]["suffix"] == ".jpg"
    assert config["table"]["image"] == "Radiografía"
    assert config["table"]["patient"] == "Paciente"
    task = config["tasks"]["diagnostico"]
    assert (task["kind"], task["column"]) == ("classes", "Diagnóstico")
    assert task["views"] == ["PA"]
    entries = DATASETS["table"].read(
        tmp_path / "labels.csv", image="Radiografía", patient="Paciente", suffix=".jpg"
    )
    assert entries["image"].iloc[0] == "0000.jpg"


ENGLISH = ["image", "patient", "Effusion", "Mass"]


@pytest.fixture
def english(tmp_path):
    """40 PNGs of 40 patients, and a table with usual names."""
    rows = [[f"{n}.png", f"A{n}", n % 2, int(n % 3 == 0)] for n in range(40)]
    table(tmp_path / "labels.csv", ENGLISH, rows)
    files(tmp_path / "images", [row[0] for row in rows])
    return rows


def test_nothing_is_written_for_a_table_with_usual_names(new, english, tmp_path):
    _, config = new()
    assert not {"image", "patient", "view", "words"} & set(_written(tmp_path)["table"])
    assert config["tasks"]["findings"]["findings"] == ["Effusion", "Mass"]


def _written(folder):
    return yaml.safe_load((folder / "mine.yaml").read_text(encoding="utf-8"))


def test_only_the_labels_that_were_asked_for(new, english):
    _, config = new(only="mass")
    assert config["tasks"]["mass"]["finding"] == "Mass"
    assert config["audit"]["task"] == "mass"


def test_a_file_is_never_overwritten(new, english, tmp_path):
    (tmp_path / "mine.yaml").write_text("mine")
    with pytest.raises(UserError, match="^mine.yaml is there already and is not overwritten"):
        new()
    assert (tmp_path / "mine.yaml").read_text() == "mine"


def test_two_columns_that_may_be_the_patient_are_asked_about(new, english, tmp_path):
    header = ["image", "Patient ID", "Patientennummer", "Effusion", "Mass"]
    rows = [[row[0], row[1], f"B{n // 2}", *row[2:]] for n, row in enumerate(english)]
    table(tmp_path / "labels.csv", header, rows)
    with pytest.raises(UserError, match="2 columns of labels.csv may be the patient, 'Patient ID'"):
        new()
    _, config = new(patient="patientennummer")
    assert config["table"]["patient"] == "Patientennummer"
    alike = [[*row[:2], row[1].lower(), *row[3:]] for row in rows]
    table(tmp_path / "labels.csv", header, alike)
    _, config = new(name="alike")
    assert config["table"]["patient"] is None


def test_each_image_may_be_of_another_patient(new, english, tmp_path):
    table(tmp_path / "labels.csv", ["image", *ENGLISH[2:]], [[r[0], *r[2:]] for r in english])
    with pytest.raises(UserError, match="give PATIENT=COLUMN, one of 'Effusion', 'Mass'; where"):
        new()
    printed, config = new(patient="image")
    assert "40 patients, one image each" in printed
    entries = DATASETS["table"].read(tmp_path / "labels.csv", patient=config["table"]["patient"])
    assert (entries["patient"] == entries["image"]).all()


def test_rows_without_a_patient_are_counted(new, english, tmp_path):
    english[3][1] = english[7][1] = ""
    table(tmp_path / "labels.csv", ENGLISH, english)
    with pytest.raises(UserError, match="^2 of the 40 rows of labels.csv name no patient, .* 5: "):
        new()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": "nowhere"}, "There is no folder nowhere: give"),
        ({"labels": "nothing.csv"}, "There is no file nothing.csv: give"),
        ({"labels": ""}, "LABELS is missing: make new NAME=mine IMAGES="),
        ({"name": "my/data"}, "NAME=my/data becomes a file and a folder"),
        ({"patient": "Mas"}, "PATIENT=Mas is no column of labels.csv"),
        ({"only": "Mas"}, "ONLY has 'Mas', which is no column with labels"),
        ({"weights": "w.pth"}, "WEIGHTS=w.pth is no file of weights"),
    ],
    ids=["folder", "table", "argument", "name", "patient", "labels", "weights"],
)
def test_what_is_missing_is_said_in_a_sentence(new, english, change, message):
    with pytest.raises(UserError, match=f"^{message}"):
        new(**change)


def test_images_that_are_spelled_otherwise_are_named(new, english, tmp_path):
    table(tmp_path / "labels.csv", ENGLISH, [[f"x{r[0]}", *r[1:]] for r in english])
    with pytest.raises(UserError, match="the table has x0.png, and the files are called 0.png"):
        new()
    table(tmp_path / "labels.csv", ENGLISH, [[r[0].upper(), *r[1:]] for r in english])
    with pytest.raises(UserError, match="the table has 0.PNG, and a file is called 0.png; write"):
        new()
    table(tmp_path / "labels.csv", ["A", "B"], [["q", "r"], ["s", "t"]])
    with pytest.raises(UserError, match="No column of labels.csv names the images: no cell is"):
        new()


def test_a_workbook_and_dicom_files_without_suffix_are_said_with_what_to_do(new, english, tmp_path):
    (tmp_path / "labels.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="is a workbook: open it .* save the sheet as CSV"):
        new(labels="labels.xlsx")
    files(tmp_path / "bare", ["a/IM1", "a/IM2"], lambda _: dicom(PIXELS))
    with pytest.raises(UserError, match="The 2 DICOM files in bare, such as .* have no suffix"):
        new(images="bare")


def test_findings_that_too_few_patients_have_are_an_error_by_name(new, english, tmp_path):
    rows = [[*row[:2], int(n < 3), 0] for n, row in enumerate(english)]
    table(tmp_path / "labels.csv", ENGLISH, rows)
    with pytest.raises(UserError, match="Effusion has 3 patients with it; Mass has 0 patients"):
        new()


def test_a_table_without_labels_says_which_columns_it_has(new, english, tmp_path):
    rows = [[*row[:2], f"text {n}", n * 7] for n, row in enumerate(english)]
    table(tmp_path / "labels.csv", ["image", "patient", "Notes", "Dose"], rows)
    with pytest.raises(UserError, match="has labels that are understood.*'Notes', 'Dose'"):
        new()


def test_columns_with_names_of_people_and_grades_are_no_findings(new, english, tmp_path):
    header = [*ENGLISH, "Patientenname", "Vorname", "Grade", "Stage"]
    rows = [[*row, "Max", ["Eva", "Ina"][n % 2], n % 4, "no"] for n, row in enumerate(english)]
    table(tmp_path / "labels.csv", header, rows)
    printed, config = new()
    assert config["tasks"]["findings"]["findings"] == ["Effusion", "Mass"]
    assert "- Patientenname: may name people" in printed
    assert re.search(r"^Stage .*left out: 0 patients with it$", printed, re.M)


def test_what_a_file_of_weights_needs_follows_from_its_names(tmp_path):
    path = tmp_path / "w.npz"

    def known(**arrays):
        np.savez(path, **arrays)
        return weights.look(path)

    grey, colour = np.zeros((4, 1, 7, 7)), np.zeros((4, 3, 7, 7))
    dense = {"features.conv0.weight": grey, "features.denseblock1.denselayer1.conv1.weight": 0}
    assert known(**dense) == weights.Known("densenet121", "xrv", None)
    whole = {"layer1.0.conv3.weight": 0, "layer4.2.conv3.weight": 0, "conv1.weight": colour}
    assert known(**whole) == weights.Known("resnet50v1.5", None, None)
    caffe = {"layer1.0.conv3.weight": 0, "conv1.bias_caffe": 0, "conv1.weight": colour}
    layers = ["conv3_block4_out", "conv4_block6_out"]
    assert known(**caffe) == weights.Known("resnet50", None, layers)
    assert known(**{"layer1.0.conv1.weight": 0}).backbone == "resnet18"


def test_weights_are_written_with_the_network_that_they_are_of(new, english, tmp_path):
    np.savez(tmp_path / "w.npz", **{"layer1.0.conv1.weight": 0})
    _, config = new(weights="w.npz")
    assert (config["weights"], config["network"]["backbone"]) == ("w.npz", "resnet18")


def test_names_that_yaml_would_misread_are_kept(new, english, tmp_path):
    header = ["image", "patient", "yes", "12: #é"]
    table(tmp_path / "labels.csv", header, english)
    _, config = new()
    assert config["tasks"]["findings"]["findings"] == ["yes", "12: #é"]
    assert new(name="12", only="yes")[1]["tasks"]["yes"]["finding"] == "yes"
    assert new(name="no", only="12: #é")[1]["audit"]["task"] == "finding"


def test_several_rows_an_image_are_said(new, english, tmp_path):
    rows = [row for row in english for _ in range(2)]
    table(tmp_path / "labels.csv", ENGLISH, rows)
    with pytest.raises(UserError, match="is there several times, .* one row an image"):
        new()


def test_every_choice_has_a_comment(new, english, tmp_path):
    new()
    lines = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) > 20
    commands = [line for line in lines if line.startswith("#   ")]
    assert max(len(line) for line in lines if line not in commands) <= 120
    assert pd.Series(lines).str.contains("{{", regex=False).sum() == 0


def test_a_column_of_views_without_frontal_ones_is_an_error(new, english, tmp_path):
    rows = [[*row, "front"] for row in english]
    table(tmp_path / "labels.csv", [*ENGLISH, "View"], rows)
    with pytest.raises(UserError, match=r"has the view PA or AP \(front 40\): write the views so"):
        new()


def test_images_that_are_all_unfit_are_an_error_with_the_reason(new, tmp_path):
    for count, data, reason in [
        (9, dicom(PIXELS, ViewPosition="LL"), "left out: View Position LL"),
        (40, b"no DICOM", "unreadable: "),
    ]:
        rows = [[f"{number}.dcm", f"{number}", number % 2] for number in range(count)]
        table(tmp_path / "labels.csv", ENGLISH[:3], rows)
        files(tmp_path / "images", [row[0] for row in rows], lambda _, data=data: data)
        with pytest.raises(UserError, match=f"in images cannot be used: 0.dcm is {reason}"):
            new()
