"""How far readers agree with each other."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from statsmodels.stats.inter_rater import cohens_kappa

from cxrnoise.statistics.intervals import NOTHING, Estimate


def cohen(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Return Cohen's kappa of two readers' answers to the same cases, with its asymptotic interval.

    Kappa does not exist where both readers gave one and the same answer to all cases. Where only
    one of them gave the same answer to all cases, it is 0 and has no interval.
    """
    answers, codes = np.unique([first, second], return_inverse=True)
    if len(first) == 0 or len(answers) == 1:
        return Estimate(*NOTHING, len(first))
    codes = codes.reshape(2, -1)
    if (codes == codes[:, :1]).all(axis=1).any():
        return Estimate(0.0, np.nan, np.nan, len(first))
    table = np.zeros((len(answers), len(answers)))
    np.add.at(table, tuple(codes), 1)
    with np.errstate(invalid="ignore"):  # in a test of statsmodels that is not used here
        found = cohens_kappa(table)
    # rounding can make the variance slightly negative
    half = norm.ppf(0.975) * np.sqrt(max(found.var_kappa, 0.0))
    low, high = _bounded(found.kappa - half, found.kappa + half)
    return Estimate(found.kappa, low, high, len(first), "asymptotic")


def fleiss(counts: np.ndarray) -> Estimate:
    """Return Fleiss' kappa of several readers; see `_chance_corrected`."""
    return _chance_corrected(counts, lambda shares: shares)


def ac1(counts: np.ndarray) -> Estimate:
    """Return Gwet's AC1 of several readers; see `_chance_corrected`.

    Where nearly all answers are the same, AC1 stays near the observed agreement and kappa does not.
    """
    return _chance_corrected(counts, lambda shares: (1 - shares) / (len(shares) - 1))


def count(answers: pd.DataFrame, vocabulary: Iterable[str]) -> np.ndarray:
    """Return how many readers gave each answer, integers (cases, answers).

    Parameters
    ----------
    answers: one row per case, one column per reader; NaN where a reader did not read a case.
    vocabulary: answers that are counted even if nobody gave them; others are added if given.
    """
    given = {answer for answer in answers.to_numpy().ravel() if isinstance(answer, str)}
    columns = sorted({*vocabulary, *given})
    return np.column_stack([(answers == answer).sum(axis=1) for answer in columns])


def _chance_corrected(
    counts: np.ndarray, by_chance: Callable[[np.ndarray], np.ndarray]
) -> Estimate:
    """Return (observed - chance) / (1 - chance), the agreement of readers corrected for chance.

    `observed` is the share of pairs of readers who agree. The interval comes from the linearised
    variance over the cases and the t distribution (K. L. Gwet, British Journal of Mathematical and
    Statistical Psychology 61, 2008, and Handbook of Inter-Rater Reliability, 2014). Not every
    reader must have read every case; a case with one reader counts in the shares of the answers
    only. statsmodels' `fleiss_kappa` has no interval and needs all cases read by all readers; the
    values are the same there.

    Parameters
    ----------
    counts: integers (cases, answers), how many readers gave each answer.
    by_chance: takes the shares of the answers (answers,) and returns, for each answer, the
        probability that another reader gives the same answer by chance (answers,).
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
    if chance == 1:  # all readers gave the same answer
        return Estimate(*NOTHING, int(several.sum()))
    value = (agreed[several].mean() - chance) / (1 - chance)
    of_case = n / several.sum() * np.where(several, agreed - chance, 0) / (1 - chance)
    of_case -= 2 * (1 - value) * (parts @ probability - chance) / (1 - chance)
    half = t.ppf(0.975, n - 1) * np.sqrt(((of_case - value) ** 2).sum() / (n * (n - 1)))
    return Estimate(value, *_bounded(value - half, value + half), int(several.sum()), "linearised")


def _bounded(low: float, high: float) -> tuple[float, float]:
    return max(low, -1.0), min(high, 1.0)
