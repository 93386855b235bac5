"""A number over several seeds, with an interval of two parts: patients and seeds.

- Patients: the percentiles of a bootstrap that draws patients from the union over the seeds. A
  patient has one weight for all seeds, because the test sets of the seeds overlap and images of one
  patient are alike.
- Seeds: the variance between the S seeds divided by S, with the factor S / (S - 1), and Student's t
  with S - 1 degrees of freedom. Another seed redraws cohort, splits and flips, and trains anew.

The squared distances from the number to either bound are added (Zou and Donner, Statistics in
Medicine 27, 2008). With one seed only the patients are left.

Seeds also differ by their test patients, so patients count twice where test sets overlap little,
and the interval is then too wide. In a simulation of five seeds a nominal 95 % covers 99 % where
seeds differ by their patients alone, and 96 % where networks differ as much as patients make them
differ. It covers 90 % or less where networks differ so much that their values are skewed, such as
accuracies from 0.7 to 0.97.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t

from cxrnoise.core.randomness import generator
from cxrnoise.statistics.intervals import NOTHING, Estimate, wilson

RESAMPLES = 1000
LEVEL = 0.95
ROUNDING = 1e-9
SHARE, DIFFERENCE = (0.0, 1.0), (-1.0, 1.0)  # ranges of a measure


def draws(patients: Sequence[np.ndarray], seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Draw the patients of all seeds anew, `RESAMPLES` times.

    Parameters
    ----------
    patients: of each seed the patients of its n labels, strings (n,).
    seed: of the bootstrap.

    Returns
    -------
    How often each patient of the union is drawn, uint8 (RESAMPLES, P); and of each seed the column
    of each of its labels, int (n,).
    """
    union, columns = np.unique(np.concatenate(patients), return_inverse=True)
    ends = np.cumsum([len(of_seed) for of_seed in patients])[:-1]
    return weights(len(union), seed), np.split(columns, ends)


def weights(patients: int, seed: int) -> np.ndarray:
    """Return how often each of so many patients is drawn: uint8 (RESAMPLES, patients)."""
    rng = generator(seed, "bootstrap of patients")
    drawn = np.zeros((RESAMPLES, patients), np.uint8)
    if patients:
        equal = np.full(patients, 1 / patients)
        for row in drawn:
            row[:] = rng.multinomial(patients, equal)
    return drawn


def estimate(
    values: np.ndarray,
    resampled: np.ndarray,
    n: float,
    bounds: tuple[float, float] = SHARE,
    share_of: float = 0,
) -> Estimate:
    """Return the mean over the seeds with its 95 % interval, which stays within `bounds`.

    Seeds and resamples in which the measure does not exist (NaN) are left out.

    Parameters
    ----------
    values: of each seed, float (S,); resampled: of each seed and resample, float (S, RESAMPLES).
    n: number of cases.
    share_of: of how many cases of one seed the measure is a share. Where neither patients nor seeds
        make a difference, because all or none of these cases are hits, the interval is Wilson's.
    """
    known = ~np.isnan(values)
    values = values[known]
    if len(values) == 0:
        return Estimate(*NOTHING, n)
    value = values.mean()
    means = mean_of_known(resampled[known])
    low, high = np.quantile(means[~np.isnan(means)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    how = "bootstrap of patients"
    if len(values) > 1:
        by_seeds = t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
        low = value - np.hypot(max(value - low, 0), by_seeds)
        high = value + np.hypot(max(high - value, 0), by_seeds)
        how = f"bootstrap of patients and t of {len(values)} seeds"
    if share_of and high - low < ROUNDING:
        return Estimate(float(value), *wilson(value, share_of), n, "Wilson")
    low, high = np.clip([low, high], *bounds)
    return Estimate(float(value), float(low), float(high), n, how)


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Return the mean over the first axis of the values that exist, NaN where none does."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)


def shares(
    seeds: Sequence[pd.DataFrame],
    pairs: Mapping[str, tuple[str, str]],
    seed: int,
    bounds: tuple[float, float] = SHARE,
) -> dict[str, Estimate]:
    """Return shares (the sum of one column over the sum of another) with their intervals.

    Parameters
    ----------
    seeds: a table a seed: `patient`, and columns of 0 and 1, or of -1, 0 and 1 for a difference.
    pairs: by the name of a share the columns of its part and of its whole. A share of nothing does
        not exist. Its n is the whole, the mean over the seeds.
    seed: of the bootstrap. bounds: the range of the shares; `DIFFERENCE` for those of differences.
    """
    drawn, places = draws([table["patient"].to_numpy() for table in seeds], seed)
    once = np.vstack([np.ones(drawn.shape[1], np.float32), drawn])  # the first row is the data
    columns = sorted({column for pair in pairs.values() for column in pair})
    summed = []
    for table, place in zip(seeds, places, strict=True):
        of_patient = np.zeros((drawn.shape[1], len(columns)), np.float32)
        np.add.at(of_patient, place, table[columns].to_numpy(np.float32))
        summed.append(dict(zip(columns, (once @ of_patient).T.astype(np.float64), strict=True)))
    found = {}
    for name, (part, whole) in pairs.items():
        wholes = np.stack([sums[whole] for sums in summed])
        with np.errstate(invalid="ignore"):
            measured = np.stack([sums[part] for sums in summed]) / wholes
        n = wholes[:, 0].mean()
        cases = n if bounds == SHARE else 0
        found[name] = estimate(measured[:, 0], measured[:, 1:], n, bounds, share_of=cases)
    return found
