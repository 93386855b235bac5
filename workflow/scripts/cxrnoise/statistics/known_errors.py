"""The labels whose truth is known, and how well single readers find the wrong ones."""

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.statistics import replicates
from cxrnoise.statistics.detection import POOLED

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


def known(table: pd.DataFrame, truth: pd.DataFrame | None) -> pd.DataFrame:
    """Return the labels whose truth is known, and which of them are wrong; count the others.

    Parameters
    ----------
    table: of `scored`.
    truth: image, label and true_label (-1 for not known), or None for the truth of the run.

    Returns
    -------
    The table that `detection.measure` takes: that of `scored`, with `wrong` for `true_label`.
    """
    if truth is not None:
        table = table.drop(columns="true_label")
        table = table.merge(truth[[*KEY, "true_label"]], on=KEY, how="left")
    unread = table["true_label"].isna()
    decided = ~unread & (table["true_label"] != UNKNOWN)
    table = table.assign(wrong=table["given_label"] != table["true_label"])
    log.info(
        "%d scored labels; left out are %d without a truth and %d on which it is undecided; "
        "%d of the other %d are wrong",
        len(table),
        unread.sum(),
        (~unread & ~decided).sum(),
        table.loc[decided, "wrong"].sum(),
        decided.sum(),
    )
    return table[decided].drop(columns="true_label").reset_index(drop=True)


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
    part = table[table["reader"] == reader]
    if label != POOLED:
        part = part[part["label"] == label]
    doubted = part["answer"] != part["given_label"]
    wrong = part["true_label"] != part["given_label"]
    return part.assign(doubted=doubted, wrong=wrong, found=doubted & wrong)
