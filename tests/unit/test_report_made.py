"""The section of the report on how it was made."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pandas as pd
import pytest

from cxrnoise.core import manifests, origins, provenance, records
from cxrnoise.images import packing
from cxrnoise.report.privacy import Names
from cxrnoise.report.sections import made
from cxrnoise.report.sections.section import Study

CODE = "0123456789abcdef"
CONFIG = {
    "seeds": [0, 1],
    "results": "results",
    "images": "/home/Anna Smith/chests",
    "training": {"epochs": 2},
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with results and with Snakemake's folder."""
    monkeypatch.chdir(tmp_path)
    for folder in ("results/logs", str(records.FOLDER)):
        Path(folder).mkdir(parents=True)
    return tmp_path


def record(path, rule, inputs=(), start=100, end=160, log=None, params=(f"'{CODE}'",)):
    """Write a record as Snakemake does."""
    name = urlsafe_b64encode(path.encode()).decode()
    *folders, last = [name[at : at + 254] for at in range(0, len(name), 254)]
    place = records.FOLDER.joinpath(*(f"@{folder}" for folder in folders), last)
    place.parent.mkdir(exist_ok=True)
    found = {"rule": rule, "input": list(inputs), "params": list(params)}
    found |= {"starttime": start, "endtime": end, "log": [log or f"results/logs/{rule}.log"]}
    place.write_text(json.dumps(found))


def study(key=None, **changes):
    options = {"dataset": "Chests", "phantom": False, "simulated": False, "config": CONFIG}
    options |= {"pictures": True, "names": Names(key), "first": 9}
    options |= {"defaults": {**CONFIG, "images": "data", "training": {"epochs": 3}}}
    return Study(**options | {"sources": {"audit": ["results/count.csv"]}} | changes)


def chain():
    """A table, made from predictions, made from metadata that were given."""
    Path("results/count.csv").write_text("wrong\n3\n")
    frame = pd.DataFrame({"image": ["a"], "split": ["test"]})
    made_by = provenance.describe({"seed": 7}, "f" * 16)
    manifests.write(frame, "results/p.parquet", "predictions", made_by)
    record("results/p.parquet", "predict", ["/home/Anna Smith/chests.csv"], params=["'secret'"])
    record("results/count.csv", "count", ["results/p.parquet"], 200, 200.5)


def rows(table):
    return [[cell.value for cell in row] for row in table.rows]


def test_a_number_leads_to_its_file_its_rule_and_what_it_was_made_from(here):
    chain()
    values = made.section({}, study()).values
    [[path, sections, rule, _, sha256, number]] = rows(values["direct"])
    assert (path, sections, rule) == ("results/count.csv", "audit", "count")
    assert sha256 == origins.checksum("results/count.csv")[:12]
    by_number = {row[0]: row for row in rows(values["every"])}
    predictions = by_number[by_number[number][6]]
    assert predictions[1:3] == ["results/p.parquet", "predict"]
    assert predictions[5] == "f" * 16 and predictions[7] == "seed: 7"
    given = by_number[predictions[6]]
    assert given[1:3] == ["/home/Anna Smith/chests.csv", "given"]
    assert by_number[number][5] == CODE and by_number[number][7] == f"'{CODE}'"


def test_a_result_without_a_record_says_so(here):
    Path("results/count.csv").write_text("wrong\n")
    values = made.section({}, study()).values
    assert rows(values["direct"])[0][2] == "not recorded"
    assert values["not_recorded"] == 1
    assert rows(values["times"]) == []


def test_where_names_are_replaced_no_folder_of_a_person_is_named(here):
    chain()
    record("results/p.parquet", "predict", params=["{'file': '/home/Anna Smith/x.csv', 'n': 2}"])
    plain, hidden = (str(made.section({}, study(key)).values) for key in (None, "key.csv"))
    assert "/home/Anna Smith/chests" in plain
    assert "Anna" not in hidden and "…/chests" in hidden
    assert str(here) not in plain


def test_the_configuration_begins_with_what_is_no_default(here):
    values = made.section({}, study()).values
    assert rows(values["configuration"]) == [
        ["images", "/home/Anna Smith/chests", "data"],
        ["training.epochs", "2", "3"],
    ]
    assert ["seeds", "[0, 1]"] in rows(values["whole"])


def test_versions_are_those_of_the_files(here):
    chain()
    versions = {row[0]: row[1:] for row in rows(made.section({}, study()).values["versions"])}
    assert versions["pandas"] == [f"{pd.__version__} (1)", pd.__version__]


def test_times_count_a_job_with_two_outputs_once(here):
    record("results/a.csv", "train", start=0, end=70, log="results/logs/a/train.log")
    record("results/b.csv", "train", start=1, end=80, log="results/logs/a/train.log")
    record("results/c.csv", "train", start=0, end=20, log="results/logs/c/train.log")
    Path("results/logs/a").mkdir()
    Path("results/logs/a/train.benchmark.tsv").write_text("s\tmax_rss\n80\t123.4\n")
    sources = {"audit": [f"results/{name}.csv" for name in "abc"]}
    times = made.section({}, study(sources=sources)).values["times"]
    assert rows(times) == [["train", "2", "2 min", "1 min", "123 MB"]]


def test_records_of_long_paths_are_found_and_broken_ones_are_none(here):
    path = "results/" + "long/" * 60 + "file.csv"
    record(path, "count")
    assert records.read(path).rule == "count"
    [broken] = [file for file in records.FOLDER.rglob("*") if file.is_file()]
    broken.write_text("{")
    assert records.read(path) is None
    assert records.read("results/none.csv") is None
    assert records.read(path, Path("nowhere")) is None


def test_a_file_follows_what_it_was_made_from_once(here):
    record("d", "last", ["b", "c"])
    record("b", "middle", ["a"])
    record("c", "middle", ["a"])
    assert list(records.history(["d", "b"])) == ["a", "b", "c", "d"]


def test_what_files_say_of_themselves(here):
    with packing.writing("s.h5", 8, "lanczos", '{"code": "x"}', images=0):
        pass
    Path("model.keras").write_bytes(b"")
    Path("provenance.json").write_text('{"code": "y"}')
    Path("broken.parquet").write_bytes(b"PAR1")
    assert origins.provenance("s.h5") == {"code": "x"}
    assert origins.provenance("model.keras") == {"code": "y"}
    for path in ("broken.parquet", "gone.h5", "table.csv"):
        assert origins.provenance(path) is None
    packing.write_digest("s.h5", "s.sha256")
    said, computed = origins.checksum("s.h5"), packing.sha256_of("s.h5")
    assert said == computed
    assert origins.checksum("results") is None
