"""The ranking of an audit after reading, in the workflow."""

import pandas as pd
from test_auditing import AUDIT, SAMPLE, elsewhere  # noqa: F401 (a fixture)

from cxrnoise.core import manifests

VERDICTS = f"{AUDIT}/design-first/verdicts.parquet"


def test_what_was_read_ranks_the_labels_anew(elsewhere):  # noqa: F811
    folder = elsewhere.folder
    elsewhere.run("audit-sample")
    before = pd.read_parquet(folder / f"{AUDIT}/ranking-before.parquet")
    images = pd.read_parquet(folder / SAMPLE)["image"]
    verdicts = before.loc[before["image"].isin(images), ["image", "label"]]
    verdicts = verdicts.assign(true_label=1, votes=2, readers=3)
    manifests.write(verdicts, folder / VERDICTS, "audit_verdicts", "{}")

    elsewhere.run("--allowed-rules", "calibrate", "--", f"{AUDIT}/ranking.parquet")
    after = manifests.read(folder / f"{AUDIT}/ranking.parquet", "calibrated")
    people = pd.read_csv(folder / f"{AUDIT}/ranking.csv", keep_default_na=False)
    assert len(after) == len(people) == len(before)
    assert after["calibrated"].is_monotonic_decreasing
    assert (people["verdict"] != "").sum() == len(verdicts)
    # Whatever says absent is wrong, for these readers.
    by_given = people.groupby("given")["probability_wrong"].mean()
    assert by_given["absent"] > 0.9 and by_given["present"] < 0.1
    expected = pd.read_csv(folder / f"{AUDIT}/first.csv")
    assert expected["k"].tolist() == [10, 20, 50, 100, 200, 240]
    assert expected["read"].iloc[-1] == len(verdicts)
