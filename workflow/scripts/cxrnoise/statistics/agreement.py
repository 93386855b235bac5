"""How far readers agree: with each other, and with themselves."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from statsmodels.stats.inter_rater import cohens_kappa

from cxrnoise.reading.answers import ABSENT, PRESENT
from cxrnoise.scores.measures import wilson


class Estimate(NamedTuple):
    """A number with its 95 % interval, from `n` cases; NaN where it does not exist."""

    value: float
    low: float
    high: float
    n: int


NOTHING = (np.nan, np.nan, np.nan)


def share(part: float, whole: float) -> Estimate:
    """Return part / whole with its Wilson interval."""
    if whole == 0:
        return Estimate(*NOTHING, 0)
    return Estimate(part / whole, *wilson(part / whole, whole), int(whole))


def cohen(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Return Cohen's kappa of two readers' answers to the same cases, asymptotic interval.

    It does not exist where chance alone makes them agree always: both gave one same answer. Where
    one of them gave the same answer to all, it is 0 whatever the other said, without an interval.
    """
    answers, codes = np.unique([first, second], return_inverse=True)
    if len(first) == 0 or len(answers) == 1:
        return Estimate(*NOTHING, len(first))
    codes = codes.reshape(2, -1)
    if (codes == codes[:, :1]).all(axis=1).any():
        return Estimate(0.0, np.nan, np.nan, len(first))
    table = np.zeros((len(answers), len(answers)))
    np.add.at(table, tuple(codes), 1)
    with np.errstate(invalid="ignore"):  # in a test that is not used here
        found = cohens_kappa(table)
    half = norm.ppf(0.975) * np.sqrt(max(found.var_kappa, 0.0))  # rounding may leave less than 0
    return Estimate(found.kappa, *_bounded(found.kappa - half, found.kappa + half), len(first))


def fleiss(counts: np.ndarray) -> Estimate:
    """Return Fleiss' kappa of several readers; see `_chance_corrected`."""
    return _chance_corrected(counts, lambda shares: shares)


def ac1(counts: np.ndarray) -> Estimate:
    """Return Gwet's AC1 of several readers; see `_chance_corrected`.

    Unlike kappa it stays near the agreement that is seen where nearly all answers are the same.
    """
    return _chance_corrected(counts, lambda shares: (1 - shares) / (len(shares) - 1))


def count(answers: pd.DataFrame) -> np.ndarray:
    """Return how many readers gave each answer, integers (cases, answers).

    The answers are present, absent and any other one that was given.

    Parameters
    ----------
    answers: one row per case, one column per reader; NaN where a reader did not read a case.
    """
    given = {answer for answer in answers.to_numpy().ravel() if isinstance(answer, str)}
    return np.column_stack(
        [(answers == answer).sum(axis=1) for answer in sorted({PRESENT, ABSENT} | given)]
    )


def _chance_corrected(
    counts: np.ndarray, by_chance: Callable[[np.ndarray], np.ndarray]
) -> Estimate:
    """Return (seen - chance) / (1 - chance), seen being the pairs of readers that agree.

    The interval is from the linearised variance over the cases and the t distribution (K. L.
    Gwet, British Journal of Mathematical and Statistical Psychology 61, 2008, and Handbook of
    Inter-Rater Reliability, 2014). A case need not be read by all; one reader alone counts in the
    shares of the answers only. (statsmodels' `fleiss_kappa` has no interval and wants all cases
    read by all; on those the value is the same.)

    Parameters
    ----------
    counts: integers (cases, answers), how many readers gave each answer.
    by_chance: the probability that another answer agrees by chance with each answer, (answers,),
        from the shares of the answers (answers,).
    """
    counts = counts[counts.sum(axis=1) > 0]
    readers = counts.sum(axis=1)
    several = readers >= 2
    n = len(counts)
    if several.sum() < 2:
        return Estimate(*NOTHING, int(several.sum()))
    pairs = np.where(several, readers * (readers - 1), 1)
    agreed = (counts * (counts - 1)).sum(axis=1) / pairs
    parts = counts / readers[:, np.newaxis]
    shares = parts.mean(axis=0)
    probability = by_chance(shares)
    chance = (shares * probability).sum()
    if chance == 1:  # all gave the same answer
        return Estimate(*NOTHING, int(several.sum()))
    value = (agreed[several].mean() - chance) / (1 - chance)
    of_case = n / several.sum() * np.where(several, agreed - chance, 0) / (1 - chance)
    of_case -= 2 * (1 - value) * (parts @ probability - chance) / (1 - chance)
    half = t.ppf(0.975, n - 1) * np.sqrt(((of_case - value) ** 2).sum() / (n * (n - 1)))
    return Estimate(value, *_bounded(value - half, value + half), int(several.sum()))


def _bounded(low: float, high: float) -> tuple[float, float]:
    return max(low, -1.0), min(high, 1.0)
