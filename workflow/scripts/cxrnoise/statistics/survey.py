"""How many labels of an archive are wrong, from a sample of which people read a part.

The archive is divided into strata. In each, a simple random sample of a fixed size is drawn without
replacement (W. G. Cochran, Sampling Techniques, 1977, chapters 5, 5A and 6). Strata are arrays with
one entry a stratum, in the order of their sampling rates, so that neighbours are alike.

All intervals are 95 %. None leaves what is possible: the wrong labels that were found are wrong,
and those that were found right are not. A stratum that was read whole adds no width.
"""

from collections.abc import Sequence

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


def total(
    wrong: np.ndarray,
    labels: np.ndarray,
    stratum: np.ndarray,
    images: np.ndarray,
    size: np.ndarray,
    expected: np.ndarray | None = None,
    expected_in_all: float = 0.0,
    expected_variance: np.ndarray | None = None,
) -> Estimate:
    """Return how many labels are wrong where the labels of an image are read together.

    The images are what was drawn, so the variance is that between images. In each stratum the share
    of wrong labels is a ratio of two sums over the images, for not every label of an image may be
    decided.

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
    expected: float64 (n,), the number of wrong labels that a model expects among the decided labels
        of each read image.
    expected_in_all: the same of all labels of the population.
    expected_variance: float64 (H,), the mean over the images of a stratum of the variance of the
        number of wrong labels, by the model.

    Returns
    -------
    The number with its interval, `n` being all labels. Where fewer than two images were read and
    not all, the interval is all that is possible.
    """
    strata, everything = len(images), int(np.sum(size))
    least, most = wrong.sum(), everything - (labels - wrong).sum()
    decided = labels > 0
    wrong, labels, stratum = (part[decided] for part in (wrong, labels, stratum))
    if len(labels) == 0:
        return Estimate(np.nan, least, most, everything)
    left = wrong if expected is None else wrong - expected[decided]
    read = np.bincount(stratum, minlength=strata)
    groups = joined(read, images)
    weight, group = (images / np.maximum(read, 1))[stratum], groups[stratum]
    read, size_of, decided_of, weighted, sum_left = (
        np.bincount(of, part, groups[-1] + 1)
        for of, part in (
            (group, None),
            (groups, size),
            (group, labels),
            (group, weight * labels),
            (group, weight * left),
        )
    )
    value = expected_in_all + (size_of / weighted * sum_left).sum()
    apart = weight * (left - (sum_left / weighted)[group] * labels)
    mean = np.bincount(group, apart) / read
    squares = np.bincount(group, (apart - mean[group]) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = squares / (read - 1)
    if expected_variance is not None:
        images_of, variance_of = (
            np.bincount(groups, part) for part in (images, images * expected_variance)
        )
        weights = np.bincount(group, weight**2) / read
        between = np.fmax(between, variance_of / images_of * weights)
    variance = (size_of / weighted) ** 2 * read * between * (1 - decided_of / size_of)
    variance = np.where(decided_of == size_of, 0, variance)
    if not np.isfinite(variance).all():
        return _within(value, least, most, least, most, everything, LINEARISED)
    half = 0.0
    if variance.any():
        freedom = variance.sum() ** 2 / (variance**2 / np.maximum(read - 1, 1)).sum()
        half = t.ppf(0.975, freedom) * np.sqrt(variance.sum())
    return _within(value, value - half, value + half, least, most, everything, LINEARISED)


def _within(value, low, high, least, most, n, how) -> Estimate:
    value, low, high = (float(np.clip(part, least, most)) for part in (value, low, high))
    return Estimate(value, low, high, n, how)
