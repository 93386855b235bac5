"""More images in as many shards are as many jobs."""

import tiny


def test_the_number_of_jobs_follows_from_the_shards_and_not_from_the_images(fresh, tmp_path):
    few = tiny.chestxray14(tmp_path / "few", patients=6, layout="kaggle")
    many = tiny.chestxray14(tmp_path / "many", patients=60, layout="kaggle")
    assert len(many.pa) == 10 * len(few.pa)
    fresh.without_phantoms()

    def jobs(data, images_per_shard):
        settings = [f"images={data.images}", f"metadata={data.metadata}"]
        settings.append(f"shards={{images_per_shard: {images_per_shard}}}")
        return fresh.jobs("--config", *settings, "--", "results/table1.csv")

    expected = jobs(few, 4)
    assert expected["shard"] == len(few.pa) / 4 > 1
    assert jobs(many, 40) == expected
