"""The ranking before reading: every given label once, the most suspicious first."""

import numpy as np
import pandas as pd

import rankings
import runs
from cxrnoise.audit.ranking import for_people, ranking
from cxrnoise.core.manifests import SCHEMAS, UNKNOWN
from cxrnoise.scores import tables


def test_every_given_label_has_a_rank_and_the_models_probability_that_it_is_wrong():
    given = [[1, 0], [UNKNOWN, 1], [0, 0]]
    probabilities = [[0.2, 0.4], [0.5, 0.9], [0.7, 0.1]]
    run = runs.findings(given, given, probabilities)
    table = rankings.of_run(run, ["absent", "present"])
    assert table.columns.tolist() == SCHEMAS["ranking"].names
    found = table[["image", "label", "given_label", "suggested"]].to_numpy().tolist()
    first, second, third = runs.names(3)
    assert found == [
        [first, "Effusion", 1, 0],
        [third, "Effusion", 0, 1],
        [first, "Mass", 0, 0],
        [second, "Mass", 1, 1],
        [third, "Mass", 0, 0],
    ]
    assert np.allclose(table["probability"], [0.8, 0.7, 0.4, 0.1, 0.1])
    assert table["rank"].tolist() == [1, 2, 3, 4, 5]


def test_classes_are_suggested_by_name():
    table = for_people(rankings.of_classes())
    wrong = table[table["given"] != table["suggested"]]
    assert set(table["given"]) == set(table["suggested"]) == {"cat", "dog", "deer"}
    assert wrong["rank"].mean() < table["rank"].mean()
    assert "probability_wrong_not_calibrated" in table


def test_a_label_that_the_score_says_nothing_of_comes_last():
    run = runs.findings([[1, 0]] * 3, [[1, 0]] * 3, [[0.1, 0.2]] * 3)
    run.labels.attrs["classes"] = ["absent", "present"]
    scores = tables.scored(run, "self_confidence")
    scores.loc[2, "value"] = np.nan
    table = ranking(run, scores)
    assert table.iloc[-1][["image", "rank"]].tolist() == [runs.names(2)[1], 6]


def test_the_order_of_rows_changes_nothing():
    run = runs.findings([[1, 0]] * 9, [[1, 0]] * 9, [[0.1, 0.2]] * 9)
    run.labels.attrs["classes"] = ["absent", "present"]
    scores = tables.scored(run, "self_confidence")
    pd.testing.assert_frame_equal(ranking(run, scores), ranking(run, rankings.shuffled(scores)))
