"""The plan follows from the configuration and the names of folders, not from what files say."""

import tiny


def test_the_number_of_jobs_is_that_of_the_shards_however_many_images_there_are(fresh, tmp_path):
    few = tiny.chestxray14(tmp_path / "few", patients=6, layout="kaggle")
    many = tiny.chestxray14(tmp_path / "many", patients=60, layout="kaggle")
    assert len(many.pa) == 10 * len(few.pa)
    fresh.takes(few)

    def jobs(data, **settings):
        paths = [f"images={data.images}", f"metadata={data.metadata}"]
        others = [f"{key}={value}" for key, value in settings.items()]
        return fresh.jobs("--config", *paths, *others, "--", "table1")

    expected = jobs(few)
    assert expected["shard"] == 3
    assert expected["listing"] == 2
    assert jobs(many) == expected
    assert jobs(many, shards="{number: 7}") == {**expected, "shard": 7}
    many.metadata.write_text("no metadata")  # which the job `index` says
    assert jobs(many) == expected
