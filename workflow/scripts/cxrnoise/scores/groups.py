"""Groups of low, moderate and high confidence or uncertainty."""

import numpy as np

from cxrnoise.core.errors import UserError

GROUPS = ("low", "moderate", "high")
# the columns of the paper's tables in its order: for either measure the doubtful cases come first
CELLS = [("confidence", group) for group in GROUPS] + [
    ("uncertainty", group) for group in reversed(GROUPS)
]


def groups(
    values: np.ndarray,
    images: np.ndarray,
    rule: str = "test-quantiles",
    reference: np.ndarray | None = None,
    sd_factor: float = 1.0,
) -> np.ndarray:
    """Group images into low, moderate and high.

    Parameters
    ----------
    values: (n,), C(x), U(x) or another score of the whole test set.
    images: (n,), their names. Equal values are ranked by name, so the order of rows plays no part.
    rule: `test-quantiles`: thirds of the test set by rank, whose sizes differ by one at most;
        `val-quantiles`: low is below the first tercile of `reference`, high above the second;
        `mean-sd`: low and high are more than `sd_factor` standard deviations from the mean.
    reference: (m,), the same measure on the validation set (`val-quantiles` only).
    sd_factor: distance from the mean in population standard deviations (`mean-sd` only).

    Returns
    -------
    strings (n,), of `GROUPS`. A high uncertainty means a large U, a high confidence a large C.
    """
    if rule == "test-quantiles":
        codes = _thirds(values, images)
    elif rule == "val-quantiles":
        if len(reference) == 0:
            raise UserError(
                "measures.groups is val-quantiles, but no validation image has the label that is "
                "to be grouped: set it to test-quantiles."
            )
        codes = _between(values, *np.quantile(reference, [1 / 3, 2 / 3]))
    elif rule == "mean-sd":
        ordered = np.sort(values)  # the rounding of a sum depends on the order
        centre, distance = ordered.mean(), sd_factor * ordered.std()
        codes = _between(values, centre - distance, centre + distance)
    else:
        raise UserError(
            f"measures.groups is {rule!r}: choose test-quantiles, val-quantiles or mean-sd."
        )
    return np.array(GROUPS)[codes]


def _thirds(values: np.ndarray, images: np.ndarray) -> np.ndarray:
    codes = np.empty(len(values), dtype=np.int64)
    order = np.lexsort((np.asarray(images, dtype=str), values))
    codes[order] = np.arange(len(values)) * len(GROUPS) // len(values)
    return codes


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values >= low).astype(np.int64) + (values > high)
