"""What readers say of an audit, from the configuration to the table."""

import pandas as pd
from test_auditing import CONFIGURATION, predict

from cxrnoise.core import manifests

FOLDER = "results/reports/audit/design-first"
READINGS = f"{FOLDER}/readings.parquet"


def test_an_audit_asks_for_readings_and_then_reads_those_of_its_images(fresh):
    (fresh.folder / "tiny.yaml").write_text(CONFIGURATION)
    predict(fresh.folder)
    printed = fresh.refuses(READINGS)
    assert f"let people read the images of {FOLDER}/sample.parquet and name the file" in printed
    assert "Traceback" not in printed
    images = pd.read_parquet(fresh.folder / FOLDER / "sample.parquet")["image"]
    lines = ["Image ID,Reader ID,Effusion,Mass", "elsewhere.png,ann,YES,YES"]
    lines += [f"{image},{reader},YES,NO" for image in images for reader in ("ann", "bo")]
    (fresh.folder / "reads.csv").write_text("\n".join(lines))
    fresh.edit("tiny.yaml", "suspicious: 3", "suspicious: 3, readings: reads.csv")
    assert fresh.run(READINGS) == {"audit_readings": 1}
    read = manifests.read(fresh.folder / READINGS, "audit_readings")
    assert len(read) == len(images) * 2 * 2
    said = read.groupby("label")["answer"].unique().map(list)
    assert said.to_dict() == {"Effusion": [1], "Mass": [0]}
