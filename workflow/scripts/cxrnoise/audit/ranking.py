"""Every given label of a run, ranked by how suspicious it is, the most suspicious first."""

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run

BY_RANK = [False, True, True]  # the highest score first; equal scores by image and label


def ranking(run: Run, scores: pd.DataFrame) -> pd.DataFrame:
    """Rank every given label of a run.

    Parameters
    ----------
    run: whose predictions are out of fold: no network saw the labels that it judges.
    scores: the table `scores` of one score of this run.

    Returns
    -------
    The manifest `ranking`, by rank: image, patient, label, given_label, suggested (the most
    probable value, int8), probability (float64, 1 - p(given label), from 0 to 1: the model's, not
    calibrated), score (float64, higher is more suspicious, NaN where it says nothing) and rank
    (from 1 on). Labels without a score come last. `attrs["classes"]` names the values of a label.
    """
    table = run.labels[["image", "patient", "label", "given_label"]].assign(
        suggested=run.of_labels(run.predicted),
        probability=run.of_labels(1 - run.of_given(run.probabilities)),
    )
    table = table[table["given_label"] != UNKNOWN]
    values = scores[["image", "label", "value"]].rename(columns={"value": "score"})
    table = table.merge(values, how="left", on=["image", "label"], validate="one_to_one")
    table = table.sort_values(["score", "image", "label"], ascending=BY_RANK, ignore_index=True)
    table["rank"] = np.arange(1, len(table) + 1)
    table.attrs["classes"] = run.labels.attrs["classes"]
    return table


def for_people(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return a ranking with words for the values of a label, and the rank first."""
    words = dict(enumerate(ranking.attrs["classes"]))
    named = ranking.assign(
        given=ranking["given_label"].map(words),
        suggested=ranking["suggested"].map(words),
        probability_wrong_not_calibrated=ranking["probability"].round(4),
        score=ranking["score"].round(6),
    )
    columns = ["rank", "image", "patient", "label", "given", "suggested"]
    return named[[*columns, "probability_wrong_not_calibrated", "score"]]
