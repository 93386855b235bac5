"""What readers say of an audit, from the configuration to the table."""

import pandas as pd
from test_auditing import CONFIGURATION, predict

from cxrnoise.core import manifests

FOLDER = "results/reports/audit/design-first"
READINGS = f"{FOLDER}/readings.parquet"


def test_the_reads_of_a_sample_become_a_table_and_those_of_others_are_refused(fresh):
    text = CONFIGURATION.replace("suspicious: 3", "suspicious: 3, readings: reads.csv")
    (fresh.folder / "tiny.yaml").write_text(text)
    predict(fresh.folder)
    fresh.run("audit-sample")
    images = pd.read_parquet(fresh.folder / FOLDER / "sample.parquet")["image"]
    lines = ["Image ID,Reader ID,Effusion,Mass", "elsewhere.png,ann,YES,YES"]
    lines += [f"{image},{reader},YES,NO" for image in images for reader in ("ann", "bo")]
    (fresh.folder / "reads.csv").write_text("\n".join(lines))
    assert fresh.run(READINGS) == {"audit_readings": 1}
    read = manifests.read(fresh.folder / READINGS, "audit_readings")
    assert len(read) == len(images) * 2 * 2
    assert read.groupby("label")["answer"].unique().map(list).to_dict() == {
        "Effusion": [1],
        "Mass": [0],
    }
    assert fresh.jobs(READINGS) == {}
    (fresh.folder / "reads.csv").write_text("\n".join([*lines, lines[-1]]))
    printed = fresh.refuses(READINGS)
    assert f"row {len(lines) + 1}, is a second answer of reader 'bo' to Effusion in" in printed
    assert "Traceback" not in printed


def test_without_readings_it_is_said_how_to_get_them(fresh):
    (fresh.folder / "tiny.yaml").write_text(CONFIGURATION)
    predict(fresh.folder)
    printed = fresh.refuses(READINGS)
    assert f"let people read the images of {FOLDER}/sample.parquet and name the file" in printed
    assert "Traceback" not in printed
