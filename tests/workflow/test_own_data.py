"""The example of a user's own data set in config/README.md, run as it is written there."""

import csv
import re
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from pydicom import uid

from tiny import dicom, jpeg, png

ROOT = Path(__file__).parents[2]
IMAGES = "data/mine/images"
RESULTS = "results/mine"
# Flat in blocks of 8×8 pixels, which a JPEG keeps to a grey level.
GREY = np.kron(np.arange(48, 208, 10, dtype=np.uint8).reshape(4, 4), np.ones((60, 60), np.uint8))


MORE_PATIENTS = 40  # than the example shows, so that there is something to learn from
# Of these, the first have names that a shell, a page, a path, a spreadsheet or a figure may take
# for something else.
ODD = [
    "$(touch x).png",
    "`touch x`.png",
    "; touch x;.png",
    "&touch x&.png",
    "two words.png",
    'it\'s "quoted".png',
    "<script>x()</script>.png".replace("/", "\N{DIVISION SLASH}"),
    "a|b.png",
    "100%#?.png",
    "{wildcard}.png",
    "$x^{.png",
    "=HYPERLINK(1).png",
    "-rf.png",
    "@x.png",
    "Röntgen 肺.png",
    "a,b.png",
]
QUICK = """
weights: none
network: {backbone: small, threads: 1, gpus: 0}
training: {batch_size: 4}
uncertainty: {samples: 2, batch_size: 4}
"""
ODD_READERS = ["=HYPERLINK(1)|ann", "<script>x()</script>"]


@pytest.fixture
def example(fresh):
    """A project with the example's files: its commands, and the names of its images."""
    section = (ROOT / "config/README.md").read_text(encoding="utf-8")
    section = section.split("\n## Your own data set\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```(\w*)\n(.*?)```", section, re.DOTALL)
    kinds = {kind: text for kind, text in blocks if kind != "sh"}
    images = [row["image"] for row in csv.DictReader(kinds["csv"].splitlines())]
    assert re.findall(r"── (\S+\.(?:png|jpe?g|dcm))", kinds[""]) == images
    (fresh.folder / IMAGES).mkdir(parents=True)
    more = ODD + [f"more-{number:04d}.png" for number in range(len(ODD), MORE_PATIENTS)]
    with (fresh.folder / "data/mine/labels.csv").open("w", newline="", encoding="utf-8") as file:
        file.write(kinds["csv"])
        csv.writer(file).writerows([image, image, number % 2] for number, image in enumerate(more))
    epochs = "  training: {epochs: 1, validate_every_steps: 5}\n"
    (fresh.folder / "mine.yaml").write_text(kinds["yaml"] + epochs + QUICK)
    images += more
    for number, image in enumerate(images):
        (fresh.folder / IMAGES / image).write_bytes(written(image, number))
    return fresh, [text for kind, text in blocks if kind == "sh"], images


def written(image, number):
    """The same radiograph in the format of this file's name."""
    if image.endswith(".dcm"):
        if number % 2:
            return dicom(GREY.astype(np.uint16) * 257, uid.JPEG2000Lossless)
        return dicom(255 - GREY, PhotometricInterpretation="MONOCHROME1")
    return png(GREY) if image.endswith(".png") else jpeg(GREY, quality=100)


def test_the_example_of_the_documentation_works_as_it_is_written(example):
    project, commands, images = example
    for command in commands:
        done = project.documented(command)
        assert done.returncode == 0, done.stderr[-3000:]
    index = pd.read_parquet(project.folder / RESULTS / "images/index.parquet")
    assert index["image"].tolist() == sorted(images)
    assert set(index["view"]) == {"PA"}
    assert set(index["findings"]) == {"label", "No Finding"}
    with h5py.File(project.folder / RESULTS / "images/shards/000.h5") as shard:
        assert shard["image"].asstr("utf-8")[:].tolist() == sorted(images)
        for pixels in shard["pixels"]:
            np.testing.assert_allclose(pixels.astype(int), GREY, atol=1)
    evaluation = pd.read_csv(
        project.folder / RESULTS / "label/noise-0/seed-0/evaluation.csv", index_col="measure"
    )
    scores = pd.read_parquet(project.folder / RESULTS / "label/noise-0/seed-0/scores.parquet")
    assert evaluation.at["images", "value"] == len(scores) >= 0.2 * len(images) - 2
    assert set(scores["image"]) & set(ODD)
    tables_of_readers(project, images)
    assert not list(project.folder.rglob("x"))  # which the commands in names would make


def tables_of_readers(project, images):
    """Go on to Table 2 and its figures with readers whose names are odd too."""
    with (project.folder / "reads.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[image, reader, "YES"] for image in images for reader in ODD_READERS]
        csv.writer(file).writerows([["Image ID", "Reader ID", "label"], *rows])
    config = "readings=reads.csv 'study={cases: 0, controls: 0, repeats: 0}'"
    targets = [f"{RESULTS}/{name}" for name in ("table2.csv", "figures/cases-1.png")]
    done = project.documented(
        f"snakemake --configfile mine.yaml --cores 2 --config {config} -- {' '.join(targets)}"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    results = project.folder / RESULTS
    cases = pd.read_parquet(results / "label/noise-0/seed-0/key.parquet")["case"]
    shown = (results / "label/noise-0/seed-0/study/images").glob("*.png")
    assert sorted(path.name for path in shown) == sorted(f"{case}.png" for case in cases)
    assert set(cases.map(len)) == {12} and len(cases)
    found = pd.read_csv(results / "table2.csv")["reader"]
    assert {f"'{ODD_READERS[0]}", ODD_READERS[1]} <= set(found)
    page = (results / "table2.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page and "<script" not in page
    markdown = (results / "table2.md").read_text(encoding="utf-8")
    assert ODD_READERS[0].replace("|", r"\|") in markdown


def test_a_truncated_dicom_file_of_the_example_stops_the_run_by_name(example):
    project, commands, _ = example
    path = project.folder / IMAGES / "archive-0001.dcm"
    path.write_bytes(path.read_bytes()[:-1000])
    done = project.documented(commands[0])
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    assert "1 truncated (0 tolerated), namely archive-0001.dcm" in printed
    assert "Traceback" not in printed
    [line] = pd.read_csv(project.folder / RESULTS / "logs/images-report.csv").to_dict("records")
    assert (line["image"], line["problem"]) == ("archive-0001.dcm", "truncated")


def test_a_label_that_is_not_0_or_1_is_said_before_any_job_starts(example):
    project, commands, _ = example
    project.edit("data/mine/labels.csv", "B04,1", "B04,maybe")
    done = project.documented(commands[0])
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    assert "labels.csv has 'maybe' in line 5, column label" in printed
    assert "Traceback" not in printed
    assert not (project.folder / "results").exists()
