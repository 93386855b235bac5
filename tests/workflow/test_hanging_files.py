"""Files that hang wrongly, in the workflow: from shards and features to lists and pictures."""

import pandas as pd

from cxrnoise.audit.hanging import COLUMNS, KINDS

ORIENTATION = """tasks:
  orientation:
    kind: orientation
    crop: 29
    training: {epochs: 1}
"""
BY_PROBE = """probe: {network: orientation}
hanging: {first: 3}
report: {sections: [hanging]}
network:"""
BY_NETWORKS = "probe: {network: orientation}\nhanging: {by: orientation}\nnetwork:"


def test_lists_and_pictures_are_made_of_every_image(finished):
    finished.edit("tiny.yaml", "tasks:\n", ORIENTATION)
    finished.edit("tiny.yaml", "network:", BY_PROBE)
    finished.edit("tiny.yaml", "number: 3", "number: 1")
    jobs = finished.run("--", "hanging", "report")
    wanted = ("train", "probe_features", "hanging_probe", "hanging_lists")
    assert [jobs[rule] for rule in wanted] == [1, 2, 1, 1]
    assert (jobs["hanging_page"], jobs["report_page"]) == (1, 1)
    results = finished.folder / "results"
    lists = pd.read_csv(results / "hanging.csv")
    assert lists.columns.tolist() == COLUMNS
    assert set(lists["kind"]) == set(KINDS)
    assert lists.loc[lists["kind"] != "duplicate", "rank"].max() == 3
    index = pd.read_parquet(results / "images/index.parquet")
    predictions = pd.read_parquet(results / "hanging/predictions.parquet")
    assert len(predictions) == (index["shard"] >= 0).sum()
    html = (results / "hanging.html").read_text()
    assert "<h1>PHANTOM: Files that hang wrongly</h1>" in html
    pictures = html.count("data:image/jpeg")
    assert (results / "report.html").read_text().count("data:image/jpeg") == pictures > 3 * 4
    assert not finished.jobs("--", "hanging", "report")


def test_networks_of_the_folds_can_say_how_files_hang(fresh):
    fresh.edit("tiny.yaml", "tasks:\n", ORIENTATION)
    fresh.edit("tiny.yaml", "network:", BY_NETWORKS)
    jobs = fresh.jobs("--", "hanging")
    assert (jobs["train"], jobs["predict"], jobs["out_of_fold"]) == (6, 5, 1)
    assert "hanging_probe" not in jobs
