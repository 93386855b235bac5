"""Which rule makes which score."""

FOLDER = "results/situs/noise-8/seed-0/scores"


def test_the_scores_of_cleanlab_have_a_rule_with_an_environment_of_their_own(fresh):
    names = ("entropy", "margin", "cleanlab_issues")
    jobs = fresh.jobs("--", *(f"{FOLDER}/{name}.parquet" for name in names))
    assert (jobs["score"], jobs["score_by_cleanlab"], jobs["train"]) == (2, 1, 1)
