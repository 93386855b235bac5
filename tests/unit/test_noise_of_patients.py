"""The noise model `patient`, on the reports of phantoms with at least three images a patient."""

from pathlib import Path

import pytest
import yaml

from cxrnoise.datasets.kinds import phantom
from cxrnoise.datasets.phantom import patients
from cxrnoise.tasks.kinds import finding
from cxrnoise.tasks.noise import flip

DEMO = yaml.safe_load((Path(__file__).parents[2] / "config/demo.yaml").read_text())["phantom"]
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
OPTIONS = {
    "name": "emphysema",
    "finding": "Emphysema",
    "views": ["PA"],
    "cohort": "all",
    "splits": SHARES,
    "positives": SHARES,
    "uncertain": "masked",
    "empty": "absent",
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    config = DEMO | {"patients": 500, "pa_images": 1700, "images_per_patient": 3}
    path = tmp_path_factory.mktemp("phantoms") / "metadata.csv"
    patients.metadata(patients.patients(config)).to_csv(path, index=False)
    return finding.cohort(phantom.read(path), OPTIONS, seed=0)


def flipped(cohort, level, model="patient", seed=0):
    given = flip.labels(cohort.frame, cohort.classes, model, level, {"name": "x"}, SHARES, seed)
    return given.assign(flipped=given["flipped"].astype(bool))


@pytest.mark.parametrize("level", [8, 32])
def test_all_images_of_a_patient_are_flipped_or_none(cohort, level):
    given = flipped(cohort, level)
    by_patient = given.groupby("patient")["flipped"]
    assert by_patient.size().min() >= 3
    assert by_patient.nunique().max() == 1
    share = by_patient.first().mean()
    assert abs(share - level / 100) < 4 * (level / 100 * (1 - level / 100) / 500) ** 0.5


def test_levels_are_nested(cohort):
    few, many = flipped(cohort, 8), flipped(cohort, 32)
    assert few["flipped"].any() and (~few["flipped"] | many["flipped"]).all()


def test_symmetric_noise_flips_some_images_of_a_patient_and_not_others(cohort):
    given = flipped(cohort, 32, model="symmetric")
    assert given.groupby("patient")["flipped"].nunique().max() == 2
