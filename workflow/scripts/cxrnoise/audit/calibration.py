"""How likely each label is wrong, learnt from the labels that people read.

A network's probabilities are not frequencies of wrong labels: it may be too sure, and some findings
are wrong far more often than others. `calibrate` puts the readers' verdicts on a probability sample
into the logistic regression of `audit.regression`, each weighted by the inverse of the probability
that its image was drawn.

**No label judges itself.** The patients who were read are dealt into folds. All labels of such a
patient get their probability from the patients of the other folds (cross-fitting).

**What to expect among the first k labels.** The number of wrong labels is spread for three reasons:
the coefficients of the regression are not known exactly, each label is either wrong or right, and
the labels of one patient are alike. The share of wrong labels is taken to have a beta distribution
of the mean and the variance that follow. Labels with a verdict count as known.
"""

import logging

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import beta

from cxrnoise.audit import ranking as before_reading
from cxrnoise.audit import regression
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.randomness import uniform

log = logging.getLogger(__name__)

KEY = ["image", "label"]
RIGHT, WRONG, NOT_SURE, NOT_READ = "right", "wrong", "not sure", ""
FOLDS = 10
SMALLEST = 1e-9  # share of wrong labels
FIRST = ["k", "wrong", "low", "high", "read", "remaining", "remaining_low", "remaining_high"]
TAILS = (0.025, 0.975)
WIDEST = 0.99  # of the variance that a share can have


def calibrate(
    ranking: pd.DataFrame, sample: pd.DataFrame, verdicts: pd.DataFrame, seed: int = 0
) -> pd.DataFrame:
    """Return the probability that each label is wrong, learnt from what readers said.

    Parameters
    ----------
    ranking: the manifest `ranking`, one row a label: image, patient, label, given_label, suggested,
        probability and further columns.
    sample: the manifest `sample`: image and rate, the probability that the image was drawn.
        Nothing is learnt from images without a rate, which are outside of the probability sample.
    verdicts: the manifest `verdicts`: image, label and true_label, -1 where readers are not sure.
    seed: deals the patients into folds.

    Returns
    -------
    One row a label, in the order of the ranking: image, label, calibrated (float64 in (0, 1)). The
    labels of a patient who was read get theirs from the other patients.

    Raises `UserError` where no label of the sample has a verdict.
    """
    columns = regression.columns(ranking)
    patient, names = ranking["patient"].factorize()
    reads = _reads(ranking, patient, sample, verdicts)
    log.info(
        "learnt from %d labels of the sample that have a verdict; %d of them are wrong",
        len(reads.wrong),
        reads.wrong.sum(),
    )
    calibrated = regression.fit(columns, reads).probability(columns)
    for patients in _folds(names, reads, seed):
        others = regression.fit(columns, reads.part(~np.isin(reads.patient, patients)))
        rows = np.isin(patient, patients)
        calibrated[rows] = others.probability(columns[rows])
    return ranking[KEY].assign(calibrated=calibrated).reset_index(drop=True)


def ranked(ranking: pd.DataFrame, calibrated: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the ranking by calibrated probabilities, with what the readers said.

    Parameters
    ----------
    ranking, verdicts: as in `calibrate`; calibrated: what it returned.

    Returns
    -------
    The ranking by its new rank, with calibrated (float64) and verdict: `right`, `wrong`, `not sure`
    or, where nobody read the label, "".
    """
    said = _said(ranking, verdicts)
    words = np.select([said == 1, said == 0, said == UNKNOWN], [WRONG, RIGHT, NOT_SURE], NOT_READ)
    table = ranking.assign(calibrated=calibrated["calibrated"].to_numpy(), verdict=words)
    table = table.sort_values(["calibrated", "rank"], ascending=[False, True], ignore_index=True)
    return table.assign(rank=np.arange(1, len(table) + 1))


def for_people(ranked: pd.DataFrame) -> pd.DataFrame:
    """Return what `ranked` returned with words for the values of a label, and the rank first."""
    named = before_reading.for_people(ranked)
    place = named.columns.get_loc("suggested") + 1
    named.insert(place, "probability_wrong", ranked["calibrated"].round(4))
    named.insert(place + 1, "verdict", ranked["verdict"])
    return named


def first(ranking: pd.DataFrame, sample: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return how many wrong labels to expect among the first k of a ranking, and after them.

    Parameters
    ----------
    ranking: what `ranked` returned.
    sample, verdicts: as in `calibrate`.

    Returns
    -------
    One row a k (10, 20, 50, 100, 200, … and all labels): k, wrong (the expected number of wrong
    labels among the first k), low, high (95 % prediction interval), read (how many of the k have a
    verdict), remaining (wrong labels that are left once the first k are mended), remaining_low and
    remaining_high.
    """
    ranking = ranking.sort_values("rank", ignore_index=True)
    columns, patient = regression.columns(ranking), ranking["patient"].factorize()[0]
    reads, said = _reads(ranking, patient, sample, verdicts), _said(ranking, verdicts)
    chance = ranking["calibrated"].to_numpy()
    expected = chance[reads.rows]
    covariance = regression.fit(columns, reads).covariance(columns, reads, expected)
    alike = _alike(reads, expected)

    depths = _depths(len(ranking))
    sums = _sums(depths, chance, said, patient, columns)
    before = {name: of_parts.cumsum(axis=0) for name, of_parts in sums.items()}
    after = {name: until[-1] - until for name, until in before.items()}
    wrong = _predicted(**before, covariance=covariance, alike=alike)
    remaining = _predicted(**after, covariance=covariance, alike=alike)
    found = [depths, *wrong, before["read"].astype(np.int64), *remaining]
    return pd.DataFrame(dict(zip(FIRST, found, strict=True)))


def say(expected: pd.DataFrame) -> None:
    """Log the table of `first`."""
    for row in expected.itertuples():
        log.info(
            "of the first %d labels %.0f are expected to be wrong [%.0f to %.0f]; once these are "
            "mended, %.0f wrong labels remain [%.0f to %.0f]",
            *(row.k, row.wrong, row.low, row.high),
            *(row.remaining, row.remaining_low, row.remaining_high),
        )


def _sums(
    depths: np.ndarray,
    chance: np.ndarray,
    said: np.ndarray,
    patient: np.ndarray,
    columns: sparse.csr_array,
) -> dict[str, np.ndarray]:
    """Return what `_predicted` is made from, of the labels between each depth and the one before.

    Parameters
    ----------
    depths: int (D,). chance: that each label is wrong, float64 (n,), by rank.
    said, patient, columns: of `_said`, numbers, and of `regression.columns`, of the same labels.
    """
    known = said >= 0
    spread = np.where(known, 0, chance * (1 - chance))
    starts = np.append(0, depths)
    part = np.repeat(np.arange(len(depths)), np.diff(starts))
    slopes = sparse.csr_array((spread, np.arange(len(part)), starts), (len(depths), len(part)))
    return {
        "labels": np.bincount(part),
        "read": np.bincount(part, known),
        "found": np.bincount(part, said == 1),
        "expected": np.bincount(part, np.where(known, 0, chance)),
        "spread": np.bincount(part, spread),
        "of_patients": sparse.coo_array((spread**0.5, (part, patient))).toarray(),
        "slopes": (slopes @ columns).toarray(),
    }


def _predicted(
    labels: np.ndarray,
    read: np.ndarray,
    found: np.ndarray,
    expected: np.ndarray,
    spread: np.ndarray,
    of_patients: np.ndarray,
    slopes: np.ndarray,
    covariance: np.ndarray,
    alike: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of wrong labels in each of D sets, with its 95 % prediction interval.

    Parameters
    ----------
    labels, read, found: how many labels, how many with a verdict, how many of these wrong, (D,).
    expected, spread: sums of p and of p (1 - p) over the labels without a verdict, (D,).
    of_patients: sums of the root of p (1 - p) over those of each patient, (D, P).
    slopes: sums of the derivatives of p by the coefficients, (D, d).
    covariance: of the coefficients, (d, d).
    alike: the correlation of two labels of a patient.
    """
    unread = labels - read
    some = np.maximum(unread, 1)
    mean = (expected / some).clip(SMALLEST, 1 - SMALLEST)
    pairs = (of_patients**2).sum(axis=1) - spread
    variance = spread + alike * pairs + ((slopes @ covariance) * slopes).sum(axis=1)
    share = (variance / some**2).clip(SMALLEST**2, WIDEST * mean * (1 - mean))
    size = mean * (1 - mean) / share - 1
    low, high = beta.ppf(np.array(TAILS)[:, np.newaxis], mean * size, (1 - mean) * size) * unread
    return found + expected, found + np.floor(low), found + np.ceil(high)


def _alike(reads: regression.Reads, expected: np.ndarray) -> float:
    """Return the correlation of two labels of a patient, beyond their probabilities; at least 0."""
    spread = expected * (1 - expected)
    together, apart = (
        (np.bincount(reads.patient, of) ** 2).sum() - (of**2).sum()
        for of in (reads.wrong - expected, spread**0.5)
    )
    return max(0.0, together / apart) if apart > 0 else 0.0


def _depths(labels: int) -> np.ndarray:
    """Return 10, 20, 50, 100, 200, … below the number of labels, and this number."""
    steps = np.outer(10 ** np.arange(1, 10), [1, 2, 5]).ravel()
    return np.append(steps[steps < labels], labels)


def _reads(
    ranking: pd.DataFrame, patient: np.ndarray, sample: pd.DataFrame, verdicts: pd.DataFrame
) -> regression.Reads:
    """Return the labels of the probability sample that readers call right or wrong."""
    said = _said(ranking, verdicts)
    rate = ranking["image"].map(sample.set_index("image")["rate"]).to_numpy()
    rows = np.flatnonzero((said >= 0) & (rate > 0))
    if len(rows) == 0:
        raise UserError(
            f"No label of the sample has a verdict ({(said == UNKNOWN).sum()} are not sure), so "
            "nothing can be learnt from the readers: let more images be read."
        )
    return regression.Reads(rows, said[rows] == 1, 1 / rate[rows], patient[rows])


def _said(ranking: pd.DataFrame, verdicts: pd.DataFrame) -> np.ndarray:
    """Return of each label 1 for wrong, 0 for right, -1 for not sure, NaN for not read."""
    true = ranking[KEY].merge(verdicts, how="left", on=KEY)["true_label"].to_numpy(np.float64)
    wrong = np.where(np.isnan(true), np.nan, true != ranking["given_label"])
    return np.where(true == UNKNOWN, UNKNOWN, wrong)


def _folds(names: np.ndarray, reads: regression.Reads, seed: int) -> list[np.ndarray]:
    """Return the numbers of the patients who were read, dealt into folds.

    Parameters
    ----------
    names: of all patients, by their numbers.
    """
    patients = np.unique(reads.patient)
    drawn = uniform(seed, "folds of calibration", names[patients])
    return np.array_split(patients[drawn.argsort()], min(FOLDS, len(patients)))
