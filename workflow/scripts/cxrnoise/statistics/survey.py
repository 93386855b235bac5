"""How many labels of an archive are wrong, from a sample of which people read a part.

The archive is divided into strata. In each, a simple random sample of a fixed size is drawn without
replacement (W. G. Cochran, Sampling Techniques, 1977, chapters 5, 5A and 6). Strata are arrays with
one entry a stratum, in the order of their sampling rates, so that neighbours are alike.

All intervals are 95 %. None leaves what is possible: the wrong labels that were found are wrong,
and those that were found right are not. A stratum that was read whole adds no width.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from cxrnoise.statistics.intervals import Estimate, wilson

ZOU, LINEARISED = "Wilson, Zou and Donner", "linearised, t"
ENOUGH = 2  # read units without which a stratum joins its neighbour


def joined(read: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return the groups of strata that are estimated as one, so that each has two reads or more.

    The rule is fixed before anybody reads: from the first stratum on, a stratum with fewer than two
    reads that was not read whole takes in the next one, until it has two; what is left over at the
    end joins the group before it.

    Parameters
    ----------
    read, size: integers (H,), the units that were read and that there are.

    Returns
    -------
    Integers (H,), the number of each stratum's group, rising.
    """
    groups, reads, units, number = [], 0, 0, 0
    for more, of in zip(read, size, strict=True):
        groups.append(number)
        reads, units = reads + more, units + of
        if reads >= ENOUGH or reads == units > 0:
            number, reads, units = number + 1, 0, 0
    groups = np.array(groups, int)
    return np.minimum(groups, max(number - 1, 0))


def number(found: np.ndarray, read: np.ndarray, size: np.ndarray) -> Estimate:
    """Return how many units of a population are wrong, each unit being wrong or right.

    The interval of a stratum is Wilson's for a finite population: with n (N - 1) / (N - n) in place
    of n reads, so that it closes when all N are read. The distances from the estimates to the
    bounds of the strata are combined as the square root of the sum of their squares (G. Y. Zou,
    A. Donner, Statistics in Medicine 27, 2008), which also holds where a share is 0 or 1.
    In strata that `joined` puts together, reads are weighted by the inverse of their rate, and n is
    the effective number of reads (L. Kish, Survey Sampling, 1965).

    Parameters
    ----------
    found, read, size: integers (H,), of each stratum the units that were found wrong, that were
        read, and that there are.

    Returns
    -------
    The number with its interval, `n` being all units; NaN for the number, and the bounds of what
    is possible, where nothing was read.
    """
    found, read, size = (np.asarray(part, float) for part in (found, read, size))
    least, most, total = found.sum(), size.sum() - (read - found).sum(), int(size.sum())
    if read.sum() == 0:
        return Estimate(np.nan, least, most, total)
    groups = joined(read, size)
    weight = np.where(read > 0, size, 0)  # of the strata that say something
    of_read = np.maximum(read, 1)
    stands_for, units, reads, right_or_wrong = (
        np.bincount(groups, part) for part in (weight, size, read, found)
    )
    part = np.bincount(groups, weight * found / of_read) / stands_for
    effective = stands_for**2 / np.bincount(groups, weight**2 / of_read)
    whole = reads == units
    effective = np.where(whole, 1, effective * (units - 1) / np.where(whole, 1, units - effective))
    low, high = wilson(np.where(whole, 0, part), effective)
    value = units * part
    low = np.where(whole, value, np.clip(units * low, right_or_wrong, value))
    high = np.where(whole, value, np.clip(units * high, value, units - reads + right_or_wrong))
    below, above = np.sqrt(((value - low) ** 2).sum()), np.sqrt(((high - value) ** 2).sum())
    return _within(value.sum(), value.sum() - below, value.sum() + above, least, most, total, ZOU)


def added(parts: Sequence[Estimate]) -> Estimate:
    """Return the sum of numbers of separate populations, combined as the strata of `number`."""
    value, low, high, n = np.array([part[:4] for part in parts]).T
    whole = value.sum()
    below, above = np.sqrt(((value - low) ** 2).sum()), np.sqrt(((high - value) ** 2).sum())
    return Estimate(whole, whole - below, whole + above, int(n.sum()), ZOU)


class Expected(NamedTuple):
    """How many wrong labels a model expects.

    of_read: float64 (n,), among the decided labels of each read image.
    in_all: among all labels of the population.
    variance: float64 (H,), of the number of wrong labels of an image, the mean over the images of
        each stratum.
    """

    of_read: np.ndarray
    in_all: float
    variance: np.ndarray


def total(
    wrong: np.ndarray,
    labels: np.ndarray,
    stratum: np.ndarray,
    images: np.ndarray,
    size: np.ndarray,
    expected: Expected | None = None,
) -> Estimate:
    """Return how many labels are wrong where the labels of an image are read together.

    The images are what was drawn, so the variance is that between images. In each stratum the share
    of wrong labels is a ratio of two sums over the images, for not every label of an image may be
    decided. In strata that `joined` puts together, images are weighted by the inverse of their
    rate.

    With `expected` it is the difference estimator (C.-E. Särndal, B. Swensson, J. Wretman, Model
    Assisted Survey Sampling, 1992, chapter 6): what a model expects of all labels, plus the
    weighted difference between what was found and what the model expects of the same labels. It is
    right on average whatever the model says; a good model makes the interval short. The model must
    not have seen the image that it judges. As a few reads may happen to have no difference at all,
    the variance of a stratum is at least what the model says it is.

    The interval has the t distribution with the degrees of freedom of F. E. Satterthwaite
    (Biometrics Bulletin 2, 1946).

    Parameters
    ----------
    wrong, labels: (n,), of each read image the labels that were found wrong and that were decided.
    stratum: integers (n,), the stratum of each read image.
    images, size: integers (H,), the images and the labels of each stratum.

    Returns
    -------
    The number with its interval, `n` being all labels. Where fewer than two images were read and
    not all, the interval is all that is possible.
    """
    least, most = wrong.sum(), size.sum() - (labels - wrong).sum()
    if labels.sum() == 0:
        return Estimate(np.nan, least, most, int(size.sum()))
    decided = labels > 0
    left = wrong - (0 if expected is None else expected.of_read)
    labels, stratum, left = labels[decided], stratum[decided], left[decided]
    read = np.bincount(stratum, minlength=len(images))
    groups = joined(read, images)
    group, weight = groups[stratum], (images / np.maximum(read, 1))[stratum]

    reads, of_read = np.bincount(group), np.bincount(group, labels)
    size_of = np.bincount(groups, size)
    scale = size_of / np.bincount(group, weight * labels)
    part = scale * np.bincount(group, weight * left)
    apart = weight * (left - (part / size_of)[group] * labels)
    apart -= (np.bincount(group, apart) / reads)[group]
    with np.errstate(invalid="ignore"):  # one image has no variance
        between = np.bincount(group, apart**2) / (reads - 1)
    value = part.sum()
    if expected is not None:
        value += expected.in_all
        inside = np.bincount(groups, images * expected.variance) / np.bincount(groups, images)
        between = np.fmax(between, inside * np.bincount(group, weight**2) / reads)
    variance = np.where(of_read == size_of, 0, scale**2 * reads * between * (1 - of_read / size_of))
    half = _quantile(variance, reads) * np.sqrt(variance.sum())
    low, high = (value - half, value + half) if np.isfinite(half) else (least, most)
    return _within(value, low, high, least, most, int(size.sum()), LINEARISED)


def _quantile(variance: np.ndarray, reads: np.ndarray) -> float:
    """Return the quantile of the t distribution for a sum of variances from so many reads."""
    if not variance.any():
        return 0.0
    freedom = variance.sum() ** 2 / (variance**2 / np.maximum(reads - 1, 1)).sum()
    return t.ppf(0.975, freedom)


def _within(value, low, high, least, most, n, how) -> Estimate:
    value, low, high = (float(np.clip(part, least, most)) for part in (value, low, high))
    return Estimate(value, low, high, n, how)
