"""The audit in the workflow: a design that stays, and a sample that grows."""

import json

import numpy as np
import pandas as pd
import pytest
from test_probing import ORIENTATION, PROBE

import runs

AUDIT = "results/reports/audit"
DESIGN = f"{AUDIT}/design-first/design.parquet"
SAMPLE = f"{AUDIT}/design-first/sample.parquet"
CONFIGURATION = """
dataset: {kind: table, name: elsewhere}
images: nowhere
metadata: nowhere.csv
results: results
tasks: {reports: {kind: predictions, file: predictions.csv}}
audit: {task: reports, images: 40, suspicious: 3}
"""


@pytest.fixture
def elsewhere(fresh):
    """A project whose predictions are from elsewhere: neither images nor networks."""
    (fresh.folder / "tiny.yaml").write_text(CONFIGURATION)
    predict(fresh.folder)
    return fresh


def predict(folder, seed=0):
    """Write what a network says of 120 images and two findings; another seed is another network."""
    given = np.random.default_rng(0).random((120, 2)) < 0.3
    said = np.random.default_rng(seed).beta(1 + 3 * given, 4 - 3 * given).round(4)
    columns = {"image": runs.names(120)}
    for number, finding in enumerate(("Effusion", "Mass")):
        columns |= {f"given_{finding}": given[:, number].astype(int)}
        columns |= {f"p_{finding}": said[:, number]}
    pd.DataFrame(columns).to_csv(folder / "predictions.csv", index=False)


def test_a_design_is_made_once_and_stays(elsewhere):
    elsewhere.run("audit-sample")
    design, small = elsewhere.read(DESIGN), pd.read_parquet(elsewhere.folder / SAMPLE)
    before = pd.read_csv(elsewhere.folder / f"{AUDIT}/ranking-before.csv")
    assert (len(before), len(small)) == (240, 43)
    listed = pd.read_csv(elsewhere.folder / f"{AUDIT}/design-first/sample.csv")
    assert listed["role"].value_counts().to_dict() == {"sample": 40, "suspicious": 3}
    assert not elsewhere.jobs("audit-sample")

    # Another network and more images to read.
    predict(elsewhere.folder, seed=1)
    elsewhere.edit("workflow/scripts/cxrnoise/audit/sample.py", "FLOOR = 0.3", "FLOOR = 0.2")
    elsewhere.edit("tiny.yaml", "images: 40", "images: 60")
    elsewhere.run("audit-sample")
    after = pd.read_csv(elsewhere.folder / f"{AUDIT}/ranking-before.csv")
    assert not after["score"].equals(before["score"])
    assert elsewhere.read(DESIGN) == design
    assert "design" not in elsewhere.jobs("--forceall", "audit-sample")
    large = pd.read_parquet(elsewhere.folder / SAMPLE)
    of_sample = small[small["role"] == "sample"]["image"]
    assert set(of_sample) <= set(large[large["role"] == "sample"]["image"])

    # Another design stands beside it.
    kept = {path: path.read_bytes() for path in (elsewhere.folder / AUDIT).glob("design-first/*")}
    elsewhere.run("--config", "audit={design: second}", "--", "audit-sample")
    assert {path: path.read_bytes() for path in kept} == kept
    assert elsewhere.read(DESIGN.replace("first", "second")) != design

    printed = elsewhere.refuses("--config", "audit={draw: simple}", "--", "audit-sample")
    assert "audit.draw is simple, but the design" in printed
    assert "name a new design in audit.design" in printed
    assert "Traceback" not in printed
    assert elsewhere.read(DESIGN) == design


@pytest.mark.parametrize(
    ("old", "new", "target", "message"),
    [
        ("task: reports, ", "", "audit-sample", "name the task whose labels people read"),
        ("task: reports, ", "task: reports, ", "audit", "let people read its images"),
        ("3}", "3, score: neighbours}", "audit-sample", "needs features, and the run of reports"),
    ],
)
def test_what_an_audit_lacks_is_one_sentence(elsewhere, old, new, target, message):
    elsewhere.edit("tiny.yaml", old, new)
    printed = elsewhere.refuses("--dry-run", target)
    assert message in printed
    assert "Traceback" not in printed


def test_a_sample_is_ready_for_the_reading_room(finished):
    finished.edit("tiny.yaml", "tasks:\n", ORIENTATION)
    finished.edit("tiny.yaml", "network:", PROBE)
    audit = "audit: {task: emphysema, images: 20, repeats: 0.3}\n"
    finished.edit("tiny.yaml", "probe:", f"{audit}probe:")
    finished.run("audit-sample")
    folder = finished.folder / "results/emphysema/audit/design-first"
    key = pd.read_parquet(folder / "key.parquet")
    shown = json.loads((folder / "study/study.json").read_text())
    assert shown["cases"] == sorted(key["case"])
    assert {path.stem for path in (folder / "study/images").glob("*.png")} == set(key["case"])
    assert key[key["role"] == "sample"]["image"].nunique() == 20
    assert (key["role"] == "repeat").any()

    printed = finished.refuses("--dry-run", "audit")
    assert "make reading-room STUDY=results/emphysema/audit/design-first/study" in printed
    assert "results/emphysema/audit/design-first/readings.csv" in printed
    model = "results/orientation/noise-0/seed-0/model.keras"
    retrained = finished.jobs("-R", model, "--", "audit-sample")
    assert retrained["ranking_before"] == 1
    assert not {"design", "sample", "audit_study"} & set(retrained)
