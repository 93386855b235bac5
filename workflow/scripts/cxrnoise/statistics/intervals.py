"""A number with its 95 % interval."""

from typing import NamedTuple

import numpy as np
from statsmodels.stats.proportion import proportion_confint


class Estimate(NamedTuple):
    """A number with its 95 % interval, from `n` cases; NaN where it does not exist.

    `how` says how the interval was made, such as `Wilson`; it is empty where there is none.
    """

    value: float
    low: float
    high: float
    n: int
    how: str = ""


NOTHING = (np.nan, np.nan, np.nan)  # value, low and high of a number that does not exist


def wilson(
    proportion: float | np.ndarray, n: float | np.ndarray
) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Return the 95 % Wilson score interval of a proportion of n, or of each of several."""
    return proportion_confint(proportion * n, n, method="wilson")


def share(part: float, whole: float) -> Estimate:
    """Return part / whole with its Wilson interval; a share of nothing does not exist."""
    if whole == 0:
        return Estimate(*NOTHING, 0)
    return Estimate(part / whole, *wilson(part / whole, whole), int(whole), "Wilson")
