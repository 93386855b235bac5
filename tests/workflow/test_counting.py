"""The count of an audit, in the workflow."""

import pandas as pd
from test_auditing import AUDIT, SAMPLE, elsewhere  # noqa: F401 (a fixture)

COUNT = [f"{AUDIT}/count.csv", f"{AUDIT}/agreement.csv"]


def test_what_was_read_is_counted(elsewhere):  # noqa: F811
    folder = elsewhere.folder
    elsewhere.run("audit-sample")
    sample = pd.read_parquet(folder / SAMPLE)
    rows = [
        {"Image ID": image, "Reader ID": reader, "Effusion": "YES", "Mass": said}
        for image in sample["image"]
        for reader, said in (("ann", "NO"), ("bob", "NO"), ("cy", "YES"))
    ]
    pd.DataFrame(rows).to_csv(folder / "reads.csv", index=False)
    elsewhere.edit("tiny.yaml", "suspicious: 3", "suspicious: 3, readings: reads.csv")
    elsewhere.run(*COUNT)

    given = pd.read_csv(folder / "predictions.csv")
    table = pd.read_csv(folder / COUNT[0]).set_index(["label", "direction", "method"])
    in_sample = sample.loc[sample["role"] == "sample", "image"]
    own = given[given["image"].isin(in_sample)]
    row = table.loc[("Effusion", "any", "stratified")]
    assert (row["labels"], row["read"]) == (120, 40)
    assert row["found"] == (own["given_Effusion"] == 0).sum()
    assert row["wrong_low"] <= (given["given_Effusion"] == 0).sum() <= row["wrong_high"]
    total = table.loc[("all", "any", "difference")]
    assert (total["labels"], total["read"]) == (240, 80)
    log = (folder / "results/logs/reports/audit/count.log").read_text()
    assert "3 images were read that are not in the probability sample" in log
    agreement = pd.read_csv(folder / COUNT[1]).set_index(["label", "statistic", "reader"])
    assert agreement.loc[("Mass", "cohen_kappa", "ann & cy"), "estimate"] == 0
    assert not elsewhere.jobs(*COUNT)
