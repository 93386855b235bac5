"""The observer study in the real Snakefile: drawn, read, counted; and the mistakes around it."""

import json
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cxrnoise.core import manifests
from cxrnoise.reading import answers
from project import Project

RUN = "results/emphysema/noise-0/seed-0"
TABLE2 = "results/table2.csv"
FIGURES = [f"results/figures/cases-{number}.png" for number in (1, 2, 3)]
STUDY = """
readings: simulated
study: {cases: 0, controls: 2, repeats: 2}
"""


@pytest.fixture(scope="module")
def studied_once(pristine):
    """A copy of a project in which Table 2 and its figures were made, too."""
    kept = pristine.with_name("studied")
    shutil.rmtree(pristine)
    shutil.copytree(pristine.with_name("pristine"), pristine)
    with (pristine / "tiny.yaml").open("a") as file:
        file.write(STUDY)
    Project(pristine).run("--", "table2")
    shutil.copytree(pristine, kept)
    return kept


@pytest.fixture
def studied(pristine, studied_once) -> Project:
    """That project at the path where it was made."""
    shutil.rmtree(pristine)
    shutil.copytree(studied_once, pristine)
    return Project(pristine)


def key(project):
    return manifests.read(project.folder / RUN / "key.parquet", "key")


def export(project, path, answer="present", rows=None):
    """Write what two readers say of the study, as the reading room exports it."""
    side = json.loads(project.read(f"{RUN}/study/study.json"))
    rows = rows or [(case, reader) for case in side["cases"] for reader in ("ann", "bo")]
    answers.write_csv(
        [
            answers.Reading(
                side["study"],
                case,
                reader,
                "Emphysema",
                answer,
                3,
                "",
                "",
                9.5,
                "2026-01-31T12:00:00Z",
            )
            for case, reader in rows
        ],
        project.folder / path,
    )


def test_simulated_readers_lead_to_a_table_and_figures_that_say_so(studied):
    assert (
        "<h1>Table 2. SIMULATED READER: Emphysema</h1>"
        in studied.read("results/table2.html").decode()
    )
    table = pd.read_csv(studied.folder / TABLE2)
    assert table["reader"].tolist() == ["majority", "simulated 1", "simulated 2", "simulated 3"]
    verdicts = manifests.read(studied.folder / RUN / "verdicts.parquet", "verdicts")
    assert set(table["n"]) == {(verdicts["verdict"] == "?").sum()}
    for figure in FIGURES:
        assert (studied.folder / figure).stat().st_size > 1000
    assert studied.jobs() == {}


def test_a_finding_is_trained_and_evaluated_beside_situs(studied):
    made = [f"{RUN}/verdicts.parquet", f"{RUN}/scores/confidence.parquet"]
    verdicts = pd.read_parquet(studied.folder / made[0])
    assert set(verdicts["verdict"]) <= {"", "?"}
    assert (verdicts["true_label"] == -1).all()
    assert verdicts["suggestion_right"].isna().all()
    scores = pd.read_parquet(studied.folder / made[-1])
    assert scores["image"].tolist() == verdicts["image"].tolist()
    disagrees = verdicts["predicted"] != verdicts["given_label"]
    assert ((scores["value"] > 0) == disagrees).all()
    assert np.allclose(scores["paper_value"], scores["value"].abs())
    evaluation = pd.read_csv(studied.folder / RUN / "evaluation.csv", index_col="measure")
    assert evaluation.at["images", "value"] == len(scores)
    assert studied.jobs() == {}
    studied.edit("tiny.yaml", "crop: 40", "crop: 44")
    steps = ("train", "predict", "mcbn", "verdicts", "score")
    assert studied.jobs("--", *made) == dict.fromkeys(steps, 1)


def test_the_study_leaves_what_made_it_and_the_readers_side_leaves_nothing_else(studied):
    for name in ("key", "readings"):
        metadata = pq.read_schema(studied.folder / RUN / f"{name}.parquet").metadata
        assert json.loads(metadata[b"provenance"])["packages"]["pyarrow"]
    side = json.loads(studied.read(f"{RUN}/study/study.json"))
    assert list(side) == ["study", "title", "finding", "seed", "cases"]
    shown = {path.name for path in (studied.folder / RUN / "study/images").glob("*.png")}
    assert (
        shown
        == {f"{case}.png" for case in side["cases"]}
        == {f"{case}.png" for case in key(studied)["case"]}
    )


def test_a_change_of_the_study_trains_and_scores_nothing(studied):
    studied.edit("tiny.yaml", "controls: 2", "controls: 1")
    assert studied.jobs("--", TABLE2) == {"study": 1, "readings": 1, "write_table2": 1}


def test_other_simulated_readers_leave_the_study_as_it_is(studied):
    jobs = studied.jobs("--config", "simulated_reader={readers: 5}", "--", TABLE2)
    assert jobs == {"readings": 1, "write_table2": 1}


def test_a_change_of_the_printing_reads_nothing_again(studied):
    with (studied.folder / "workflow/scripts/cxrnoise/report/table2.py").open("a") as module:
        module.write("\nANOTHER = 1\n")
    assert studied.jobs("--", TABLE2) == {"write_table2": 1}


def test_without_an_export_it_is_said_how_to_get_one_and_then_it_goes_on(studied):
    studied.edit("tiny.yaml", "readings: simulated", "readings: room")
    printed = studied.refuses("--", TABLE2)
    assert f"{RUN}/readings.csv is missing" in printed
    assert f"make reading-room STUDY={RUN}/study" in printed
    command = f".venv/bin/reading-room {RUN}/study export {RUN}/readings.csv"
    assert command in " ".join(printed.split())
    assert "Traceback" not in printed
    export(studied, f"{RUN}/readings.csv")
    assert studied.run("--", TABLE2) == {"readings": 1, "write_table2": 1}
    table = pd.read_csv(studied.folder / TABLE2).set_index("reader")
    assert table.index.tolist() == ["majority", "ann", "bo"]
    assert "SIMULATED" not in studied.read("results/table2.html").decode()
    export(studied, f"{RUN}/readings.csv", answer="absent")
    assert studied.jobs("--", TABLE2) == {"readings": 1, "write_table2": 1}


def test_a_row_of_a_readings_file_that_cannot_be_right_stops_the_run(studied):
    case = key(studied)["case"].iloc[0]
    export(studied, "mine.csv", rows=[(case, "ann"), (case, "ann")])
    printed = studied.refuses("--config", "readings=mine.csv", "--", TABLE2)
    assert "mine.csv, row 3, is a second answer of reader 'ann'" in printed
    assert "Traceback" not in printed


def test_expert_reads_make_a_study_of_the_images_that_they_cover(studied):
    drawn = key(studied)
    images = drawn.loc[drawn["role"] == "disagreement", "image"].sort_values()[::2]
    rows = [f"{image},0,{reader},NO" for image in images for reader in (7, 8)]
    (studied.folder / "reads.csv").write_text(
        "\n".join(["Image ID,Patient ID,Reader ID,Emphysema", *rows, "other.png,0,7,YES"]) + "\n"
    )
    arguments = "--config", "readings=reads.csv", "study={controls: 0, repeats: 0}", "--", TABLE2
    assert studied.run(*arguments) == {"study": 1, "readings": 1, "write_table2": 1}
    assert set(key(studied)["image"]) == set(images)
    table = pd.read_csv(studied.folder / TABLE2).set_index("reader")
    assert table.index.tolist() == ["majority", "7", "8"]
    assert set(table["n"]) == {len(images)}
    assert "images that had been read before" in studied.read("results/table2.md").decode()


def test_more_cases_than_disagreements_stop_the_run_with_both_numbers(studied):
    disagreements = (key(studied)["role"] == "disagreement").sum()
    printed = studied.refuses("--config", "study={cases: 500}", "--", TABLE2)
    assert f"asks for 500 cases and there are {disagreements} disagreements" in printed
    assert "Traceback" not in printed


def test_simulated_readers_of_real_radiographs_are_refused_before_any_job(fresh):
    fresh.edit("tiny.yaml", "kind: phantom", "kind: chestxray14")
    printed = fresh.refuses("--config", "readings=simulated")
    assert "readings is simulated, but simulated readers need the truth" in printed
    assert not (fresh.folder / "results").exists()


def test_the_paper_is_compared_with_what_has_been_made(studied):
    page = "results/paper-vs-ours.html"
    assert studied.run("--", page) == {"paper_vs_ours": 1}
    rows = pd.read_csv(studied.folder / "results/paper-vs-ours.csv").set_index("key")
    assert rows.at["table2.confidence_low_A", "verdict"] != "not run"
    assert rows.at["table1.8.errors_noisy", "verdict"] != "not run"
    assert rows.at["table1.32.errors_noisy", "verdict"] == "not run"
    assert "SIMULATED READER" in studied.read(page).decode()
    assert studied.run("--config", "readings=room", "--", page) == {"paper_vs_ours": 1}
    rows = pd.read_csv(studied.folder / "results/paper-vs-ours.csv").set_index("key")
    assert rows.at["table2.confidence_low_A", "verdict"] == "not run"
    assert rows.at["table1.8.errors_noisy", "verdict"] != "not run"
    assert "SIMULATED READER" not in studied.read(page).decode()
