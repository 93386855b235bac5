"""One test per promise about what is made again, by counting the jobs of the real Snakefile."""

AFTER_TRAINING = {"predict": 1, "mcbn": 1, "scores": 1, "table1": 1, "figure_situs": 1}
ONE_LEVEL = {"train": 1, **AFTER_TRAINING}
BOTH_LEVELS = {**ONE_LEVEL, "train": 2, "predict": 2, "mcbn": 2, "scores": 2}
SHARD = "results/images/shards/001.h5"
LIBRARY = "workflow/scripts/cxrnoise"


def test_a_second_run_does_nothing(finished):
    assert finished.jobs() == {}


def test_forcing_a_model_retrains_that_level_and_what_depends_on_it(finished):
    assert finished.jobs("-R", "results/situs/noise-8/seed-0/model.keras", "--", "all") == ONE_LEVEL


def test_another_level_trains_just_that_level(finished):
    jobs = finished.jobs("--config", "noise_levels=[0,5,8]")
    assert jobs == {"labels": 1, **ONE_LEVEL}


def test_another_seed_trains_just_that_seed(finished):
    jobs = finished.jobs("--config", "seeds=[0,1]")
    assert jobs == {**BOTH_LEVELS, "cohort": 1, "labels": 2}


def test_another_number_of_samples_trains_nothing(finished):
    finished.edit("tiny.yaml", "samples: 3", "samples: 4")
    assert finished.jobs() == {"mcbn": 2, "scores": 2, "table1": 1, "figure_situs": 1}


def test_another_crop_makes_no_shards(finished):
    finished.edit("tiny.yaml", "crop: 28", "crop: 32")
    assert finished.jobs() == BOTH_LEVELS


def test_another_size_makes_all_shards_and_what_follows(finished):
    finished.edit("tiny.yaml", "size: 48", "size: 40")
    assert finished.jobs() == {"shard": 3, **BOTH_LEVELS}


def test_another_rule_for_the_groups_only_scores_again(finished):
    jobs = finished.jobs("--config", "measures={groups: mean-sd}")
    assert jobs == {"scores": 2, "table1": 1, "figure_situs": 1}


def test_a_deleted_shard_is_remade_alone_and_equal_content_retrains_nothing(finished):
    before = finished.read(SHARD)
    (finished.folder / SHARD).unlink()
    assert finished.run("--", SHARD) == {"shard": 1}
    assert finished.read(SHARD) == before
    assert finished.jobs() == {}


def test_a_touched_shard_does_nothing(finished):
    (finished.folder / SHARD).touch()
    assert finished.jobs() == {}


def test_a_shard_of_other_content_retrains(finished):
    digest = finished.folder / "results/images/shards/001.sha256"
    digest.write_text(f"{'0' * 64}  001.h5\n")
    assert finished.jobs() == BOTH_LEVELS


def test_a_comment_in_the_library_does_nothing(finished):
    for module in ("network", "training", "mcbn", "measures", "phantom", "shards"):
        finished.edit(f"{LIBRARY}/{module}.py", "\n", "\n# another comment\n")
    assert finished.jobs() == {}


def test_a_change_of_the_network_retrains(finished):
    finished.edit(f"{LIBRARY}/network.py", "(16, 32, 64)", "(16, 32, 48)")
    assert finished.jobs() == BOTH_LEVELS


def test_a_change_of_the_tables_trains_nothing(finished):
    with (finished.folder / LIBRARY / "tables.py").open("a") as module:
        module.write("\nANOTHER = 1\n")
    jobs = finished.jobs()
    assert "table1" in jobs
    assert "train" not in jobs
