"""The labels whose truth is known, and how well single readers find the wrong ones."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.statistics import replicates
from cxrnoise.statistics.detection import ANY, COLUMNS, GIVEN, LEFT_OUT, POOLED
from cxrnoise.statistics.intervals import NOTHING

log = logging.getLogger(__name__)

KEY = ["image", "label"]
READERS = ["reader", "label", "measure", "value", "low", "high", "n", "how", "ties"]
PAIRS = {"precision": ("found", "doubted"), "recall": ("found", "wrong")}


def scored(labels: pd.DataFrame, scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the scored labels of a run with their scores beside them.

    Parameters
    ----------
    labels: the table `labels`; scores: tables `scores` of the same run by name.

    Returns
    -------
    One row a label that has a score: image, label, patient, given_label, true_label and a column a
    score, NaN where it lacks the label.
    """
    values = [table.set_index(KEY)["value"].rename(name) for name, table in scores.items()]
    table = pd.concat(values, axis=1).join(labels.set_index(KEY), how="inner")
    return table[["patient", "given_label", "true_label", *scores]].reset_index()


def judged(table: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame:
    """Say of each label whether it is wrong, or why that is not known.

    Parameters
    ----------
    table: of `scored`.
    truth: image, label and true_label (-1 where the readers are divided), or None for the truth of
        the run (-1 where it is not known).

    Returns
    -------
    The table of `scored` with two columns for `true_label`: `left_out` (`without_truth`,
    `undecided`, or empty for a label that takes part) and `wrong` (bool; means nothing where a
    label is left out).
    """
    if truth is not None:
        table = table.drop(columns="true_label")
        table = table.merge(truth[[*KEY, "true_label"]], on=KEY, how="left")
    true, nobody_said = table["true_label"], table["true_label"].isna()
    if truth is None:
        nobody_said = true == UNKNOWN
    left_out = np.select([nobody_said, true == UNKNOWN], LEFT_OUT, "")
    return table.assign(left_out=left_out, wrong=table["given_label"] != true).drop(
        columns="true_label"
    )


def known(table: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of `judged` that take part, as `detection.measure` takes them."""
    return table[table["left_out"] == ""].drop(columns="left_out").reset_index(drop=True)


def left_out(seeds: Sequence[pd.DataFrame], findings: bool) -> pd.DataFrame:
    """Count the labels that are left out; the log has the numbers, too.

    Parameters
    ----------
    seeds: a table a seed, of `judged`. findings: as in `detection.measure`.

    Returns
    -------
    Rows as those of `detection.measure`, with an empty score: the measures are `without_truth`
    (the truth says nothing of the label) and `undecided` (its readers are divided). The value is
    the mean over the seeds, n the number of labels that have a score.
    """
    for table in seeds:
        log.info(
            "%d scored labels; left out are %d without a truth and %d on which it is undecided; "
            "%d of the other %d are wrong",
            len(table),
            *((table["left_out"] == measure).sum() for measure in LEFT_OUT),
            known(table)["wrong"].sum(),
            (table["left_out"] == "").sum(),
        )
    names = list(pd.concat([table["label"] for table in seeds]).unique())
    rows = []
    for label in [POOLED, *names] if len(names) > 1 else [POOLED]:
        for direction in [ANY, *GIVEN] if findings else [ANY]:
            parts = [_among(table, label, direction)["left_out"] for table in seeds]
            n = np.mean([len(part) for part in parts])
            for measure in LEFT_OUT:
                number = np.mean([(part == measure).sum() for part in parts])
                estimate = (number, np.nan, np.nan, n, "")
                row = ("", label, direction, measure, *estimate, len(seeds), *NOTHING)
                rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _among(table: pd.DataFrame, label: str, direction: str) -> pd.DataFrame:
    """Return the labels of a finding, or of all, that are given as a direction says."""
    if label != POOLED:
        table = table[table["label"] == label]
    return table if direction == ANY else table[table["given_label"] == GIVEN[direction]]


def check(seeds: Sequence[pd.DataFrame], task: str, noise: str, truth: str) -> None:
    """Raise `UserError` where no label of the tables of `known` has a truth, or none is wrong."""
    if not any(len(table) for table in seeds):
        raise UserError(
            f"The task {task} at noise {noise} has no label whose truth is known (truth: {truth}), "
            "so nobody can say which labels are wrong: name a file of reads of its images as the "
            "truth, or take it out of the configuration key detection."
        )
    if not any(table["wrong"].any() for table in seeds):
        raise UserError(
            f"The task {task} at noise {noise} has no wrong label (truth: {truth}), so there is "
            "nothing to find: choose a noise level above 0, name a file of reads as the truth, or "
            "take it out of the configuration key detection."
        )


def readers(seeds: Sequence[pd.DataFrame], said: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return how well each reader finds the labels that most of the other readers contradict.

    A reader doubts a label whose given value he or she contradicts.

    Parameters
    ----------
    seeds: a table a seed, of `scored`.
    said: image, label, reader, answer, and true_label by the others, -1 in a tie.
    seed: of the bootstrap.

    Returns
    -------
    One row a reader, label (a finding; `all`) and measure: `precision` (share of the doubted labels
    that are wrong) and `recall` (share of the wrong labels that are doubted), with value, low, high
    (95 %), n, how, and ties: the labels that are left out because the others do not agree, the mean
    over the seeds.
    """
    rows = []
    read = [table[[*KEY, "patient", "given_label"]].merge(said, on=KEY) for table in seeds]
    findings = list(pd.concat([table["label"] for table in read]).unique())
    for reader in sorted(said["reader"].unique()):
        for label in [POOLED, *findings] if len(findings) > 1 else [POOLED]:
            parts = [_judged(table, reader, label) for table in read]
            decided = [part[part["true_label"] != UNKNOWN] for part in parts]
            ties = (sum(map(len, parts)) - sum(map(len, decided))) / len(seeds)
            for measure, found in replicates.shares(decided, PAIRS, seed).items():
                rows.append((reader, label, measure, *found, ties))
    return pd.DataFrame(rows, columns=READERS)


def _judged(table: pd.DataFrame, reader: str, label: str) -> pd.DataFrame:
    part = _among(table[table["reader"] == reader], label, ANY)
    doubted = part["answer"] != part["given_label"]
    wrong = part["true_label"] != part["given_label"]
    return part.assign(doubted=doubted, wrong=wrong, found=doubted & wrong)
