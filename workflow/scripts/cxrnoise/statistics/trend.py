"""Whether a share rises or falls across ordered groups."""

from collections.abc import Sequence

import numpy as np
from statsmodels.stats.contingency_tables import Table


def trend(
    hits: Sequence[int], misses: Sequence[int], scores: Sequence[float] | None = None
) -> tuple[float, float]:
    """Test whether the share hits / (hits + misses) rises or falls across ordered groups.

    This is the Cochran-Armitage test as statsmodels has it (variance with N - 1).

    Parameters
    ----------
    hits, misses: numbers per group, in order.
    scores: one number per group that says where it lies; 0, 1, 2, … if None.

    Returns
    -------
    z, positive where the share rises, and the two-sided p. Both are NaN where there are no hits, no
    misses, or cases in fewer than two groups.
    """
    table = np.array([misses, hits], dtype=float)
    if (table.sum(axis=1) == 0).any() or (table.sum(axis=0) > 0).sum() < 2:
        return np.nan, np.nan
    scores = np.arange(table.shape[1]) if scores is None else np.asarray(scores)
    found = Table(table, shift_zeros=False).test_ordinal_association(np.arange(2), scores)
    return float(found.zscore), float(found.pvalue)
