"""What cleanlab says of the given labels, from the predictions of a run (cleanlab 2.9).

cleanlab has an environment of its own (`envs/cleanlab.yaml`) and is imported here only. For several
findings it judges each by itself, as two classes.
"""

from collections.abc import Callable, Iterator

import numpy as np

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run


def suspicion(run: Run, method: str) -> np.ndarray:
    """Return one minus cleanlab's label quality, float64 (n,) or (n, K) from 0 to 1.

    Parameters
    ----------
    method: `self_confidence`, `normalized_margin` or `confidence_weighted_entropy`.

    NaN where no label is given. Raises `UserError` where cleanlab is not installed.
    """
    rank = _imported("rank")
    return 1 - _of_each(run, lambda *given: rank.get_label_quality_scores(*given, method=method))


def issues(run: Run) -> np.ndarray:
    """Return whether `find_label_issues` flags a label, float64 (n,) or (n, K): 1 or 0.

    NaN where no label is given. Raises `UserError` where cleanlab is not installed.
    """
    filters = _imported("filter")
    return _of_each(run, lambda *given: filters.find_label_issues(*given, n_jobs=1))


def _imported(module: str):
    try:
        import cleanlab.filter
        import cleanlab.rank
    except ImportError as error:
        raise UserError(
            "Scores of cleanlab need cleanlab 2.9, which is not installed: run Snakemake with "
            "`--sdm conda`, or install it into .venv with `envs/install envs/lock-cleanlab.txt`."
        ) from error
    return getattr(cleanlab, module)


def _of_each(run: Run, judge: Callable) -> np.ndarray:
    """Return judge(labels (m,), probabilities (m, K)) of all given labels of each question."""
    given = run.given.reshape(len(run.images), -1)
    found = np.full(given.shape, np.nan)
    for column, probabilities in enumerate(_questions(run)):
        known = given[:, column] != UNKNOWN
        if known.any():
            labels = given[known, column].astype(np.int64)
            found[known, column] = judge(labels, probabilities[known])
    return found.reshape(run.given.shape)


def _questions(run: Run) -> Iterator[np.ndarray]:
    """Yield the probabilities of all classes, float64 (n, K), or of each finding (n, 2)."""
    probabilities = np.clip(run.probabilities, 0, 1, dtype=np.float64)
    if run.exclusive:
        yield probabilities
    else:
        for present in probabilities.T:
            yield np.stack([1 - present, present], axis=1)
