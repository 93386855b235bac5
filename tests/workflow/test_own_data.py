"""The examples of docs/own-data.md: run as they are written there, on small images."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from pydicom import uid

from project import said_at_the_end
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
QUICK = {
    "weights": "none",
    "network": {"backbone": "small", "threads": 1, "gpus": 0},
    "training": {"batch_size": 4},
    "uncertainty": {"samples": 2, "batch_size": 4},
}
SMALL = {"shards": {"size": 40, "number": 2}}  # of the examples that do not look at pixels
QUICK_TASK = {"training": {"epochs": 1, "validate_every_steps": 5}}
ODD_READERS = ["=HYPERLINK(1)|ann", "<script>x()</script>"]


def section(title):
    """Return the blocks of a section of the page as lists by their language."""
    page = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    text = page.split(f"\n## {title}\n")[1].split("\n## ")[0]
    blocks = {}
    for language, block in re.findall(r"```(\w*)\n(.*?)```", text, re.DOTALL):
        blocks.setdefault(language, []).append(block)
    return blocks


def configure(project, name, configuration, task=None, **quicker):
    """Write the configuration of an example, with what makes it quick; return it."""
    config = yaml.safe_load(configuration) | QUICK | quicker
    if task:
        tasks = config.setdefault("tasks", {})
        tasks[task] = tasks.get(task, {}) | QUICK_TASK
    (project.folder / name).write_text(yaml.safe_dump(config))
    return config


def runs(project, command):
    done = project.documented(command.replace("\\\n", " "))
    assert done.returncode == 0, done.stderr[-3000:]


def refused(project, command):
    """Return what is said at the end of a documented command that must fail."""
    done = project.documented(command)
    assert done.returncode != 0
    return said_at_the_end(done.stdout + done.stderr)


def noise(number):
    return png(np.random.default_rng(number).integers(0, 256, (40, 40), dtype=np.uint8))


@pytest.fixture
def example(fresh):
    """A project with the first example's files: its commands, and the names of its images."""
    blocks = section("One finding")
    [tree], [table] = blocks[""], blocks["csv"]
    images = [row["image"] for row in csv.DictReader(table.splitlines())]
    assert re.findall(r"── (\S+\.(?:png|jpe?g|dcm))", tree) == images
    (fresh.folder / IMAGES).mkdir(parents=True)
    more = ODD + [f"more-{number:04d}.png" for number in range(len(ODD), MORE_PATIENTS)]
    with (fresh.folder / "data/mine/labels.csv").open("w", newline="", encoding="utf-8") as file:
        file.write(table)
        csv.writer(file).writerows([image, image, number % 2] for number, image in enumerate(more))
    configure(fresh, "mine.yaml", blocks["yaml"][0], "label")
    images += more
    for number, image in enumerate(images):
        (fresh.folder / IMAGES / image).write_bytes(written(image, number))
    return fresh, blocks["sh"], images


def written(image, number):
    """The same radiograph in the format of this file's name."""
    if image.endswith(".dcm"):
        if number % 2:
            return dicom(GREY.astype(np.uint16) * 257, uid.JPEG2000Lossless)
        return dicom(255 - GREY, PhotometricInterpretation="MONOCHROME1")
    return png(GREY) if image.endswith(".png") else jpeg(GREY, quality=100)


def test_one_finding_of_the_documentation_works_as_it_is_written(example):
    project, commands, images = example
    for command in commands:
        runs(project, command)
    index = pd.read_parquet(project.folder / RESULTS / "images/index.parquet")
    assert index["image"].tolist() == sorted(images)
    assert set(index["view"]) == {"PA"}
    assert set(index["label"]) == {"0", "1"}
    with h5py.File(project.folder / RESULTS / "images/shards/000.h5") as shard:
        assert shard["image"].asstr("utf-8")[:].tolist() == sorted(images)
        for pixels in shard["pixels"]:
            np.testing.assert_allclose(pixels.astype(int), GREY, atol=1)
    run = project.folder / RESULTS / "label/noise-0/seed-0"
    evaluation = pd.read_csv(run / "evaluation.csv", index_col="measure")
    scores = pd.read_parquet(run / "scores/confidence.parquet")
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
    runs(project, f"snakemake --configfile mine.yaml --cores 2 --config {config} -- table2")
    results = project.folder / RESULTS
    cases = pd.read_parquet(results / "label/noise-0/seed-0/key.parquet")["case"]
    shown = (results / "label/noise-0/seed-0/study/images").glob("*.png")
    assert sorted(path.name for path in shown) == sorted(f"{case}.png" for case in cases)
    assert len(cases) and cases.str.fullmatch("c[0-9a-f]{12}").all()
    found = pd.read_csv(results / "table2.csv")["reader"]
    assert {f"'{ODD_READERS[0]}", ODD_READERS[1]} <= set(found)
    page = (results / "table2.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page and "<script" not in page
    markdown = (results / "table2.md").read_text(encoding="utf-8")
    assert ODD_READERS[0].replace("|", r"\|") in markdown


def test_the_configuration_of_make_new_is_planned(example):
    project, _, _ = example
    given = ["--name", "found", "--images", "data/mine/images", "--labels", "data/mine/labels.csv"]
    command = [sys.executable, "workflow/scripts/new_data_set.py", *given]
    subprocess.run(command, cwd=project.folder, check=True, capture_output=True)
    planned = "snakemake --configfile found.yaml --cores 2 --dry-run -- audit-sample hanging"
    done = project.documented(planned)
    assert done.returncode == 0, done.stderr[-3000:]
    for rule in ("ranking_before", "audit_study", "hanging_page"):
        assert f"rule {rule}:" in done.stdout + done.stderr


def test_a_report_without_an_audit_is_of_the_tasks_of_the_example(example):
    project, _, _ = example
    done = project.documented("snakemake --configfile mine.yaml --cores 2 --dry-run -- report")
    assert done.returncode == 0, done.stderr[-3000:]
    printed = done.stdout + done.stderr
    assert "results/mine/report.html" in printed
    assert "situs/cohort" not in printed and "emphysema/cohort" not in printed


def test_a_truncated_dicom_file_of_the_example_stops_the_run_by_name(example):
    project, commands, _ = example
    path = project.folder / IMAGES / "archive-0001.dcm"
    path.write_bytes(path.read_bytes()[:-1000])
    printed = refused(project, commands[0])
    assert "1 truncated (0 tolerated), namely archive-0001.dcm" in printed
    [line] = pd.read_csv(project.folder / RESULTS / "logs/images-report.csv").to_dict("records")
    assert (line["image"], line["problem"]) == ("archive-0001.dcm", "truncated")


def test_a_label_that_is_not_0_or_1_is_said_before_any_training(example):
    project, _, _ = example
    project.edit("data/mine/labels.csv", "B04,1", "B04,maybe")
    cohort = f"{RESULTS}/label/cohort-0.parquet"
    printed = refused(project, f"snakemake --configfile mine.yaml --cores 2 -- {cohort}")
    assert "The column label of the metadata has 'maybe' for the image clinic-0002.jpeg" in printed
    assert not (project.folder / cohort).exists()


FOUR = ["Cardiomegaly", "Edema", "Pleural Effusion", "Pneumothorax"]


def test_four_findings_of_a_table_like_chexpert_s_come_from_csv_to_scores(fresh):
    blocks = section("Several findings")
    header, *rows = csv.reader(blocks["csv"][0].splitlines())
    draw = np.random.default_rng(4)
    for number in range(3, 83):  # patients, whose first has a lateral image besides
        cells = draw.choice(["1.0", "0.0", "-1.0", ""], 4, p=[0.4, 0.3, 0.1, 0.2])
        for image in ["view1_frontal", "view2_lateral"][: 2 if number == 3 else 1]:
            path = f"train/patient{number:05d}/study1/{image}.jpg"
            view = ["Frontal", "AP" if number % 2 else "PA"]
            view = view if "frontal" in image else ["Lateral", ""]
            rows.append([path, "Female", "60", *view, "", *cells])
    for number, row in enumerate(rows):
        file = fresh.folder / "data/chexpert" / row[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(jpeg(np.full((40, 40), number, np.uint8)))
    with (fresh.folder / "data/chexpert/train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    configure(fresh, "chexpert.yaml", blocks["yaml"][0], "four", **SMALL)

    [command] = blocks["sh"]
    run = "results/chexpert/four/noise-0/seed-0"
    runs(fresh, f"{command.strip()} {run}/evaluation.csv {run}/verdicts.parquet")
    table = pd.DataFrame(rows, columns=header).rename(columns={"Path": "image"})
    table = table[table["Frontal/Lateral"] == "Frontal"]
    cells = table.melt("image", FOUR, "label", "cell").set_index(["image", "label"])["cell"]
    labels = pd.read_parquet(fresh.folder / run / "labels.parquet")
    reported = labels.set_index(["image", "label"])["reported_label"]
    assert set(labels["image"]) == set(table["image"])
    meaning = {"1.0": 1, "0.0": 0, "-1.0": -1, "": 0}
    assert reported.to_dict() == cells[reported.index].map(meaning).to_dict()

    test = labels[labels["split"] == "test"]
    known = test[test["given_label"] != -1]
    assert 0 < len(known) < len(test)
    scores = pd.read_parquet(fresh.folder / run / "scores/confidence.parquet")
    assert scores[["image", "label"]].to_numpy().tolist() == (
        known[["image", "label"]].to_numpy().tolist()
    )
    assert scores["value"].between(-0.5, 0.5).all()
    verdicts = pd.read_parquet(fresh.folder / run / "verdicts.parquet")
    disagrees = verdicts["predicted"] != verdicts["given_label"]
    assert verdicts["verdict"].eq("?").tolist() == disagrees.tolist()
    evaluation = pd.read_csv(fresh.folder / run / "evaluation.csv").set_index(["label", "measure"])
    for finding in FOUR:
        measured = evaluation.loc[finding]["value"]
        assert measured["images"] == (known["label"] == finding).sum()
        assert 0 <= measured["auc"] <= 1


def test_three_classes_come_from_csv_to_scores(fresh):
    blocks = section("Three classes")
    header, *shown = csv.reader(blocks["csv"][0].splitlines())
    classes = [row[2] for row in shown]
    rows = shown + [
        [f"more-{number}.png", f"D{number}", classes[number % 3]] for number in range(60)
    ]
    (fresh.folder / "data/clinic/images").mkdir(parents=True)
    for number, row in enumerate(rows):
        (fresh.folder / "data/clinic/images" / row[0]).write_bytes(noise(number))
    with (fresh.folder / "data/clinic/labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    configure(fresh, "clinic.yaml", blocks["yaml"][0], "diagnosis", **SMALL)

    [command] = blocks["sh"]
    run = fresh.folder / "results/clinic/diagnosis/noise-0/seed-0"
    runs(fresh, f"{command.strip()} {run.relative_to(fresh.folder)}/evaluation.csv")
    predictions = pd.read_parquet(run / "predictions.parquet")
    assert list(predictions) == ["image", "split", *classes]
    assert np.allclose(predictions[classes].sum(axis=1), 1, atol=1e-5)
    scores = pd.read_parquet(run / "scores/confidence.parquet")
    assert set(scores["label"]) == {"diagnosis"}
    assert scores["value"].abs().max() <= 2 / 3
    evaluation = pd.read_csv(run / "evaluation.csv", index_col="measure")["value"]
    assert evaluation["images"] == len(scores)
    assert evaluation[[f"images_{name}" for name in classes]].sum() == len(scores)
    assert 0 <= evaluation["auc_macro"] <= 1
    flips = pd.read_csv(run.parents[1] / "noise-8/seed-0/flips.csv")
    assert set(flips["class"]) == set(classes)
    assert flips["images"].sum() == len(pd.read_parquet(run / "labels.parquet"))


def test_predictions_of_real_label_noise_come_from_file_to_scores(fresh, cifar10n):
    """The numbers to expect are computed from the file, which is not part of the project."""
    blocks = section("Predictions from elsewhere")
    config = yaml.safe_load(blocks["yaml"][0])
    config["tasks"]["animals"]["file"] = str(cifar10n / "agg_resnet18.parquet")
    (fresh.folder / "cifar10n.yaml").write_text(yaml.safe_dump(config))
    run = "results/cifar10n/animals/noise-0/seed-0"
    confidence, others = f"{run}/scores/confidence.parquet", f"{run}/scores/self_confidence.parquet"
    runs(fresh, f"{blocks['sh'][0].strip()} {run}/verdicts.parquet {others}")

    file = pd.read_parquet(cifar10n / "agg_resnet18.parquet")
    p = file.filter(regex=r"^p\d$").to_numpy()
    given, wrong = file["given_label"].to_numpy(), file["given_label"] != file["true_label"]
    disagrees = p.argmax(axis=1) != given
    verdicts = pd.read_parquet(fresh.folder / run / "verdicts.parquet")
    assert verdicts["image"].tolist() == file["image"].tolist()
    assert (
        verdicts["verdict"].tolist() == np.where(disagrees, np.where(wrong, "A", "B"), "").tolist()
    )
    suspicion = np.where(disagrees, 1, -1) * (p.max(axis=1) - 1 / 10)
    found = pd.read_parquet(fresh.folder / confidence)["value"]
    assert auroc(found, wrong) == pytest.approx(auroc(suspicion, wrong), abs=1e-4)
    # Self-confidence ranks real noise of ten classes better than C(x), which looks at the winner.
    found = pd.read_parquet(fresh.folder / others)["value"]
    of_given = 1 - p[np.arange(len(p)), given]
    assert auroc(found, wrong) == pytest.approx(auroc(of_given, wrong), abs=1e-4)
    assert auroc(of_given, wrong) > auroc(suspicion, wrong) > 0.95


def auroc(values, wrong):
    """Return how often a wrong label has the higher value of a wrong and a right one."""
    ranks, number = pd.Series(values).rank()[wrong.to_numpy()], wrong.sum()
    return (ranks.sum() - number * (number + 1) / 2) / (number * (len(wrong) - number))


def test_predictions_in_a_csv_file_are_scored_as_it_is_written(fresh):
    blocks = section("Predictions from elsewhere")
    (fresh.folder / "data/cifar10n").mkdir(parents=True)
    (fresh.folder / "data/cifar10n/predictions.csv").write_text(blocks["csv"][0])
    configuration = blocks["yaml"][0].replace("agg_resnet18.parquet", "predictions.csv")
    (fresh.folder / "cifar10n.yaml").write_text(configuration)
    run = fresh.folder / "results/cifar10n/animals/noise-0/seed-0"
    runs(fresh, f"{blocks['sh'][0].strip()} {run.relative_to(fresh.folder)}/evaluation.csv")
    scores = pd.read_parquet(run / "scores/confidence.parquet")
    assert scores["value"].round(4).tolist() == [-0.5767, 0.5467]  # ∓(max p - 1/3)
