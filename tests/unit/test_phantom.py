import gzip
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cxrnoise.datasets.phantom import anatomy, patients, render

CONFIG = {
    "patients": 40,
    "pa_images": 55,
    "ap_images": 7,
    "size": 128,
    "parts": 3,
    "seed": 1,
    "emphysema_rate": 0.3,
    "subcutaneous_rate": 0.1,
    "missed_rate": 0.2,
    "false_positive_rate": 0.1,
    "subcutaneous_reported_rate": 0.8,
    "device_rate": 0.2,
}
MANY = CONFIG | {"patients": 5000, "pa_images": 5000, "ap_images": 0}


@settings(deadline=None, max_examples=25)
@given(
    number=st.integers(1, 60),
    further=st.integers(0, 40),
    ap_images=st.integers(0, 20),
    parts=st.integers(1, 5),
)
def test_counts_are_exact_and_every_patient_has_a_pa_image(number, further, ap_images, parts):
    sizes = {"patients": number, "pa_images": number + further, "ap_images": ap_images}
    frame = patients.patients(CONFIG | sizes | {"parts": parts})
    assert (frame["view"] == "PA").sum() == number + further
    assert (frame["view"] == "AP").sum() == ap_images
    assert set(frame.loc[frame["view"] == "PA", "patient_id"]) == set(range(1, number + 1))
    assert frame["image"].is_unique and frame["image"].is_monotonic_increasing
    assert frame["part"].is_monotonic_increasing and frame["part"].between(1, parts).all()


def test_every_patient_has_the_least_number_of_pa_images():
    sizes = {"patients": 40, "pa_images": 130, "images_per_patient": 3}
    frame = patients.patients(CONFIG | sizes)
    seen = frame.loc[frame["view"] == "PA", "patient_id"].value_counts()
    assert len(seen) == 40 and seen.min() == 3 and seen.sum() == 130


def test_a_part_is_drawn_without_the_others():
    frame = patients.patients(CONFIG)
    for part in (1, 2, 3):
        expected = frame[frame["part"] == part].reset_index(drop=True)
        pd.testing.assert_frame_equal(patients.patients(CONFIG, part), expected)


def test_an_image_more_changes_no_other_image():
    before = patients.patients(CONFIG).set_index("image")
    after = patients.patients(CONFIG | {"ap_images": 8}).set_index("image")
    common = before.index.intersection(after.index)
    columns = ["age", "sex", "emphysema_severity", "device", "true_findings", "reported_findings"]
    pd.testing.assert_frame_equal(before.loc[common, columns], after.loc[common, columns])


def test_reports_are_wrong_at_the_rates_asked_for():
    frame = patients.patients(MANY)
    true = frame["emphysema_severity"] > 0
    reported = frame["reported_findings"].str.contains("Emphysema")
    mistaken = frame["subcutaneous"] & ~true
    assert true.mean() == pytest.approx(0.3, abs=0.03)
    assert reported[true & ~frame["subcutaneous"]].mean() == pytest.approx(0.8, abs=0.04)
    assert reported[~true & ~mistaken].mean() == pytest.approx(0.1, abs=0.02)
    assert reported[mistaken].mean() == pytest.approx(1 - 0.2 * 0.9, abs=0.06)


def test_reports_are_the_truth_without_noise():
    silent = {"missed_rate": 0, "false_positive_rate": 0, "subcutaneous_reported_rate": 0}
    frame = patients.patients(CONFIG | silent)
    assert (frame["true_findings"] == frame["reported_findings"]).all()


def test_the_metadata_has_the_columns_of_the_nih(nih, tmp_path):
    patients.metadata(patients.patients(CONFIG)).to_csv(tmp_path / "metadata.csv", index=False)
    with gzip.open(nih / "Data_Entry_2017_v2020.csv.gz", "rt") as real:
        assert (tmp_path / "metadata.csv").read_text().splitlines()[0] == real.readline().strip()


def test_the_truth_has_a_row_per_image_and_says_what_the_metadata_hides():
    frame = patients.patients(CONFIG)
    truth = patients.truth(frame)
    assert list(truth["image"]) == list(frame["image"])
    assert {"true_findings", "emphysema_severity", "subcutaneous", "device"} <= set(truth)


def test_a_part_is_the_png_of_each_of_its_images(tmp_path):
    frame = patients.patients(CONFIG).head(3)
    render.write_part(frame, tmp_path / "images", CONFIG)
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == list(frame["image"])
    for row in frame.itertuples(index=False):
        with Image.open(tmp_path / "images" / row.image) as image:
            np.testing.assert_array_equal(np.asarray(image), render.render(row, CONFIG))


def test_an_image_does_not_depend_on_what_else_is_drawn():
    first = rows(patients.patients(CONFIG))
    again = rows(patients.patients(CONFIG | {"patients": 41, "pa_images": 56}))
    image = first[3].image
    [same] = [row for row in again if row.image == image]
    np.testing.assert_array_equal(render.render(first[3], CONFIG), render.render(same, CONFIG))


def test_lungs_are_darker_than_the_mediastinum_and_the_abdomen():
    mean = average(row() for row in rows(patients.patients(CONFIG))[:12])
    lung = (region(mean, (0.3, 0.45), (0.25, 0.35)) + region(mean, (0.3, 0.45), (0.65, 0.75))) / 2
    assert lung + 50 < region(mean, (0.3, 0.45), (0.46, 0.54))
    assert lung + 50 < region(mean, (0.8, 0.9), (0.35, 0.65))


def test_the_heart_lies_to_the_patient_s_left_which_is_the_image_s_right():
    mean = average(row() for row in rows(patients.patients(CONFIG))[:12])
    left, right = region(mean, (0.5, 0.6), (0.58, 0.68)), region(mean, (0.5, 0.6), (0.32, 0.42))
    assert left > right + 8


def test_emphysema_darkens_the_lungs_and_lowers_the_diaphragm():
    healthy = average(row(emphysema_severity=0.0) for row in some())
    ill = average(row(emphysema_severity=1.0) for row in some())
    columns = [(0.25, 0.38), (0.68, 0.75)]
    above = [region(ill - healthy, (0.6, 0.75), each) for each in columns]
    assert max(above) < -15


def test_each_device_is_brighter_than_the_chest_without_it():
    [plain, *_] = some()
    without = plain(device="").astype(int)
    assert set(anatomy.DEVICES) == set(patients.DEVICES)
    for device in patients.DEVICES:
        assert (plain(device=device) - without).max() > 15, device


def test_subcutaneous_gas_darkens_the_chest_wall():
    [plain, *_] = some()
    difference = plain(subcutaneous=True).astype(int) - plain(subcutaneous=False)
    assert difference.min() < -20


def test_the_marker_lies_in_an_upper_corner_outside_the_central_crop():
    for seed in range(200):
        shown = np.zeros((120, 120), np.float32)
        render._add_marker(shown, np.random.default_rng(seed))
        assert shown.max() > 0.5
        assert not shown[24:96, 24:96].any() and not shown[60:].any()


def test_the_same_patient_looks_alike_in_two_exposures():
    frame = patients.patients(CONFIG)
    [patient] = frame["patient_id"].value_counts().head(1).index
    visits = [r._asdict() for r in frame[frame["patient_id"] == patient].itertuples(index=False)]
    bodies = [render._body(SimpleNamespace(**v), 1, set()) for v in visits]
    assert len(bodies) > 1 and all(body == bodies[0] for body in bodies)
    first, second = (render.render(SimpleNamespace(**visit), CONFIG) for visit in visits[:2])
    assert (first != second).any()


class Row:
    """A row that renders itself, with some columns changed."""

    def __init__(self, values):
        self.values = values
        self.image = values["image"]

    def __call__(self, **changes):
        return render.render(SimpleNamespace(**self.values | changes), CONFIG)

    def __getattr__(self, name):
        return self.values[name]


def rows(frame):
    return [Row(row._asdict()) for row in frame.itertuples(index=False)]


def some():
    """Ten PA rows without findings or devices."""
    frame = patients.patients(CONFIG).query("view == 'PA'").head(10)
    return rows(frame.assign(true_findings="No Finding", device="", subcutaneous=False))


def average(images):
    return np.mean([image.astype(float) for image in images], axis=0)


def region(image, down, across):
    (top, bottom), (left, right) = ([int(len(image) * v) for v in pair] for pair in (down, across))
    return image[top:bottom, left:right].mean()
