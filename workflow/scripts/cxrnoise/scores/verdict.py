"""What a disagreement of the model with a given label means, where the truth is known."""

import logging

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run

log = logging.getLogger(__name__)

LABEL_ERROR = "A"  # the given label is wrong
TRUE_ERROR = "B"  # the given label is right, so the model is wrong
DISPUTED = "?"  # nobody knows the truth
KINDS = (LABEL_ERROR, TRUE_ERROR)


def verdict(predicted: np.ndarray, given: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Judge each disagreement of the model with the given label.

    Returns
    -------
    strings (n,): where the model disagrees, `A` if the given label is wrong (whether or not the
    model's suggestion is right), `B` if the given label is right, `?` if nobody knows the truth.
    Empty where the model agrees.
    """
    disagrees = predicted != given
    return np.select(
        [disagrees & (true == UNKNOWN), disagrees & (given != true), disagrees],
        [DISPUTED, LABEL_ERROR, TRUE_ERROR],
        "",
    )


def verdicts(run: Run) -> pd.DataFrame:
    """Judge every given label of a run.

    Returns
    -------
    The table `verdicts`, in the order of `run.labels`, without the labels that nobody gave.
    `mc_predicted` is what the mean of the Monte Carlo samples says, `UNKNOWN` without samples.
    `suggestion_right` is whether `predicted` is true, missing where the truth is unknown.
    """
    mc_predicted = np.full_like(run.predicted, UNKNOWN)
    if run.samples is not None:
        mc_predicted = run.decide(run.mc_mean)
    columns = ["image", "label", "true_label", "given_label", "flipped"]
    found = run.labels[columns].assign(
        predicted=run.of_labels(run.predicted), mc_predicted=run.of_labels(mc_predicted)
    )
    found = found[found["given_label"] != UNKNOWN].reset_index(drop=True)
    true, given, predicted = (
        found[name].to_numpy() for name in ("true_label", "given_label", "predicted")
    )
    right = pd.array(predicted == true, dtype="boolean")
    right[true == UNKNOWN] = pd.NA
    found = found.assign(suggestion_right=right, verdict=verdict(predicted, given, true))
    log.info(
        "%d labels, accuracy against the given labels %.3f, disagreements %s",
        len(found),
        (predicted == given).mean(),
        found.loc[found["verdict"] != "", "verdict"].value_counts().to_dict(),
    )
    return found
