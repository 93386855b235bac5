"""One test per promise about what is made again, by counting the jobs of the real Snakefile."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pytest

import tiny
from project import copy_project

EVALUATED = {"predict": 1, "mcbn": 1, "verdicts": 1, "score": 2, "write_table1": 1, "draw_situs": 1}
ONE_LEVEL = {"train": 1, **EVALUATED}
BOTH_LEVELS = {
    **ONE_LEVEL,
    **{"train": 2, "predict": 2, "mcbn": 2, "verdicts": 2, "score": 4},
}
SHARD = "results/images/shards/001.h5"
LIBRARY = "workflow/scripts/cxrnoise"
SITUS = "tasks={situs: {%s}}"


def test_a_second_run_does_nothing(finished):
    assert finished.jobs() == {}


def test_forcing_a_model_retrains_that_level_and_what_depends_on_it(finished):
    jobs = finished.jobs("-R", "results/situs/noise-8/seed-0/model.keras", "--", "table1")
    assert jobs == ONE_LEVEL


def test_another_level_trains_just_that_level(finished):
    jobs = finished.jobs("--config", SITUS % "noise_levels: [0, 5, 8]")
    assert jobs == {"labels": 1, **ONE_LEVEL}


def test_another_seed_trains_just_that_seed(finished):
    jobs = finished.jobs("--config", "seeds=[0,1]", "--", "table1")
    assert jobs == {**BOTH_LEVELS, "cohort": 1, "labels": 2}


def test_another_task_trains_just_that_task(finished):
    target = "results/effusion/noise-0/seed-0/evaluation.csv"
    shares = "{train: 0.6, val: 0.2, test: 0.2}"
    task = f"effusion: {{kind: finding, finding: Effusion, cohort: all, splits: {shares}, "
    task += f"positives: {shares}, crop: 40}}"
    jobs = finished.jobs("--config", f"tasks={{{task}}}", "--", target)
    assert jobs == dict.fromkeys(("cohort", "labels", "train", "predict", "evaluate"), 1)


def test_another_number_of_samples_trains_nothing(finished):
    finished.edit("tiny.yaml", "samples: 3", "samples: 4")
    assert finished.jobs("--", "table1") == {
        "mcbn": 2,
        "verdicts": 2,
        "score": 2,  # the uncertainty; the confidence needs no samples
        "write_table1": 1,
        "draw_situs": 1,
    }


def test_another_crop_makes_no_shards(finished):
    finished.edit("tiny.yaml", "crop: 28", "crop: 32")
    assert finished.jobs() == BOTH_LEVELS


def test_another_size_makes_all_shards_and_what_follows(finished):
    finished.edit("tiny.yaml", "size: 48", "size: 40")
    jobs = finished.jobs("--", "table1")
    assert jobs == {"shard": 3, "labels": 2, **BOTH_LEVELS}


def test_another_rule_for_the_groups_only_scores_again(finished):
    jobs = finished.jobs("--config", "measures={groups: mean-sd}")
    assert jobs == {"score": 4, "write_table1": 1, "draw_situs": 1}


def test_a_deleted_shard_is_remade_and_equal_content_retrains_nothing(finished):
    before = finished.read(SHARD)
    (finished.folder / SHARD).unlink()
    finished.run("--", SHARD, "table1")
    assert finished.started("shard") == 1
    assert finished.started("train", "predict", "mcbn") == 0
    assert finished.read(SHARD) == before
    assert finished.jobs() == {}


def test_a_touched_shard_does_nothing(finished):
    (finished.folder / SHARD).touch()
    assert finished.jobs() == {}


@pytest.mark.parametrize(
    "module", ["networks/architectures", "networks/training", "scores/run", "images/shards"]
)
def test_a_comment_in_the_library_does_nothing(finished, module):
    finished.edit(f"{LIBRARY}/{module}.py", "\n", "\n# another comment\n")
    assert finished.jobs() == {}


def test_the_text_of_an_error_does_nothing(finished):
    finished.edit(f"{LIBRARY}/datasets/downloads.py", "keep one row of it", "delete one")
    finished.edit(f"{LIBRARY}/networks/training.py", "less than one batch", "fewer than a batch")
    assert finished.jobs() == {}


def test_another_entry_of_a_registry_does_nothing(finished):
    finished.edit(f"{LIBRARY}/scores/registry.py", '"confidence",', '"confidence", "other",')
    finished.edit(f"{LIBRARY}/tasks/noise/registry.py", '"symmetric",', '"symmetric", "other",')
    finished.edit(f"{LIBRARY}/datasets/registry.py", '"phantom"', '"phantom", "other"')
    for path in ("scores", "tasks/noise", "datasets/kinds"):
        (finished.folder / f"{LIBRARY}/{path}/other.py").write_text("NEEDS = ()\n")
    assert finished.jobs() == {}


def test_a_change_of_a_noise_model_that_is_not_used_does_nothing(finished):
    with (finished.folder / LIBRARY / "tasks/noise/class_conditional.py").open("a") as module:
        module.write("\nANOTHER = 1\n")
    assert finished.jobs() == {}


def test_a_change_of_the_network_retrains(finished):
    finished.edit(f"{LIBRARY}/core/backbones.py", "(16, 32, 64)", "(16, 32, 48)")
    assert trainings(finished.jobs()) == 2


def test_a_change_of_the_tables_trains_nothing(finished):
    with (finished.folder / LIBRARY / "report/table1.py").open("a") as module:
        module.write("\nANOTHER = 1\n")
    jobs = finished.jobs()
    assert "write_table1" in jobs
    assert trainings(jobs) == 0


def test_other_code_that_makes_the_same_labels_retrains_nothing(finished):
    with (finished.folder / LIBRARY / "tasks/noise/symmetric.py").open("a") as module:
        module.write("\nANOTHER = 1\n")
    jobs = finished.run("--", "table1")
    assert jobs["labels"] == 2
    assert finished.started("train", "predict", "mcbn", "score") == 0
    assert finished.jobs() == {}


def test_other_code_for_images_that_makes_the_same_pixels_retrains_nothing(finished):
    with (finished.folder / LIBRARY / "images/raster.py").open("a") as module:
        module.write("\nANOTHER = 1\n")
    finished.run("--", "table1")
    assert finished.started("shard") == 3
    assert finished.started("cohort", "train", "predict", "mcbn", "score") == 0


def trainings(jobs):
    return jobs.get("train", 0)


@pytest.fixture(scope="module")
def kept_files(tmp_path_factory):
    """A project with radiographs in a folder, of which `table1` has been made."""
    folder = tmp_path_factory.mktemp("files") / "project"
    project = copy_project(folder)
    data = tiny.chestxray14(folder / "data", patients=60)
    project.without_phantoms()
    project.edit("tiny.yaml", "images: results/phantom", f"images: {data.images}")
    project.edit("tiny.yaml", "results/phantom/Data_Entry_2017_v2020.csv", f"{data.metadata}")
    project.edit("tiny.yaml", "{kind: phantom}", "{kind: chestxray14}")
    project.edit("tiny.yaml", "noise_levels: [0, 8]", "noise_levels: [8]")
    project.run("--", "table1")
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    return project, data, kept


@pytest.fixture
def of_files(kept_files):
    """That project and its data; what a test changes is undone before the next."""
    project, data, kept = kept_files
    shutil.rmtree(project.folder)
    shutil.copytree(kept, project.folder)
    return project, data


def made_again(project, *arguments):
    """Run `table1`; return how many jobs of each rule really started."""
    project.run(*arguments, "--", "table1")
    rules = ("shard", "cohort", "train", "predict", "mcbn")
    return {rule: number for rule in rules if (number := project.started(rule))}


def test_a_new_file_that_is_no_image_retrains_nothing(of_files):
    project, data = of_files
    (data.images / "notes.txt").write_text("to do")
    assert made_again(project) == {}


def test_touched_metadata_retrain_nothing(of_files):
    project, data = of_files
    data.metadata.touch()
    assert made_again(project) == {}


def test_metadata_of_equal_content_in_another_form_retrain_nothing(of_files):
    project, data = of_files
    text = data.metadata.read_text()
    packed = data.metadata.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(text.replace("\n", "\r\n").encode("utf-8-sig")))
    assert made_again(project, "--config", f"metadata={packed}") == {}


def test_a_copied_folder_makes_shards_anew_and_retrains_nothing(of_files):
    project, data = of_files
    shutil.copytree(data.images, data.images.with_name("copied"))
    started = made_again(project, "--config", f"images={data.images.with_name('copied')}")
    assert set(started) <= {"shard", "cohort"}


def add_image(data, patient, view, number):
    """Add a radiograph to the data set, with its line of metadata."""
    name = f"{patient:08d}_{number:03d}.png"
    (data.images / name).write_bytes(data.pngs[data.pa[0]])
    with data.metadata.open("a") as file:
        file.write(f"{name},No Finding,9,{patient},50,M,{view},32,32,0.1,0.1\n")


def test_a_new_image_outside_the_cohort_retrains_nothing(of_files):
    project, data = of_files
    add_image(data, 1, "LL", 99)
    assert "train" not in made_again(project)


def test_a_replaced_image_of_the_cohort_remakes_its_shard_and_what_follows(of_files):
    project, data = of_files
    cohort = pd.read_parquet(project.folder / "results/situs/cohort-0.parquet")
    image = data.images / cohort["image"][0]
    image.write_bytes(tiny.png(np.full((32, 32), 77, np.uint8)))
    data.images.touch()  # as a file that is put there does
    assert made_again(project) == {"shard": 1, "train": 1, "predict": 1, "mcbn": 1}


def test_new_images_in_the_cohort_remake_their_shards_the_cohort_and_what_follows(of_files):
    project, data = of_files
    for patient in range(1000, 1020):
        add_image(data, patient, "PA", 0)
    started = made_again(project)
    assert started["cohort"] == 1
    assert started["shard"] <= 3
    assert started["train"] == started["predict"] == started["mcbn"] == 1


OPENED = """
import atexit, os, sys

seen = []
sys.addaudithook(lambda event, details: event == "open" and seen.append(str(details[0])))


@atexit.register
def tell():
    with open(os.environ["OPENED"], "a") as file:
        file.writelines(f"{path}\\n" for path in seen)
"""


def test_a_plan_opens_no_file_of_the_data_and_changes_nothing(of_files, tmp_path, monkeypatch):
    project, data = of_files
    (tmp_path / "sitecustomize.py").write_text(OPENED)
    before = sorted(path.relative_to(project.folder) for path in data.images.parent.rglob("*"))
    monkeypatch.setenv("OPENED", str(tmp_path / "opened"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for target in ("table1", "table2", "download", "verify"):
        done = project.snakemake("--dry-run", "--forceall", "--", target)
        assert done.returncode == 0, done.stderr[-2000:]
    opened = (tmp_path / "opened").read_text().splitlines()
    assert any("Snakefile" in path for path in opened)
    assert not [path for path in opened if str(data.images.parent) in path]
    after = sorted(path.relative_to(project.folder) for path in data.images.parent.rglob("*"))
    assert before == after
