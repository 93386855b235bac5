"""One regularised linear classifier a label; those that predict an image never saw its patient.

Within each fold everything is fitted on the patients of the other folds: the reduction of the
features by principal components, the strength of the regularisation by a cross-validation of its
own, the classifier, and the heads: the same classifier on patients who are drawn with replacement.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.randomness import generator, token
from cxrnoise.tasks.splits import of_folds

log = logging.getLogger(__name__)

PARTS = 4  # of the patients of the training folds, to choose the strength
MOST_TO_FIT_A_REDUCTION = 20_000  # images, drawn at random; more change nothing but time
AT_ONCE = 4096  # images that are reduced, which have thousands of features
LEAST = 1e-6  # of a probability in a logarithm


@dataclass(frozen=True)
class Options:
    """The keys of `probe` in the configuration.

    dimensions: of the reduced features, at most. strengths: inverse strengths of regularisation to
    choose from, `C` in scikit-learn. heads: number of heads.
    """

    dimensions: int
    strengths: Sequence[float]
    heads: int


def reduced(features: np.ndarray, dimensions: int, seed: int) -> np.ndarray:
    """Return the principal components of the standardised features, float32 (n, d').

    Parameters
    ----------
    features: float32 (n, d). No label has a part in it.
    dimensions: at most so many components, the largest first.
    """
    return _reduced(features, np.arange(len(features)), dimensions, seed)


def out_of_fold(
    features: np.ndarray,
    given: np.ndarray,
    patients: np.ndarray,
    folds: np.ndarray,
    classes: Sequence[str],
    options: Options,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each image by classifiers that were fitted on the patients of the other folds.

    Parameters
    ----------
    features: float32 (n, d).
    given: integers (n,), each the place of one of the K classes; or (n, K), whether each of K
        findings is absent (0) or present (1). -1 is not known and takes no part.
    patients: strings (n,); folds: integers (n,), the same for all images of a patient.
    classes: the K names of the classes or findings.

    Returns
    -------
    probabilities: float32 (n, K), of the classes (they sum to one) or of each finding.
    heads: float32 (H, n, K), of the classifiers on resampled patients. Their number of images
        differs from head to head, as patients have several.

    Where the training folds have one class only, its probability is 1, and the log says so. Where
    none of their labels is known, each class has the same.
    """
    exclusive = given.ndim == 1
    probabilities = np.empty((len(given), len(classes)), np.float32)
    heads = np.empty((options.heads, *probabilities.shape), np.float32)
    for fold in np.unique(folds):
        test = folds == fold
        train = ~test
        rows = np.flatnonzero(train)
        components = _reduced(features, rows, options.dimensions, seed, fold).astype(np.float64)
        inside, outside = components[train], components[test]
        weights = _resampled(patients[train], options.heads, seed, fold)
        for number, name in enumerate(["the classes"] if exclusive else classes):
            labels = given if exclusive else given[:, number]
            made = _Label(name, labels[train], patients[train], len(classes) if exclusive else 2)
            found = made.predict(inside, outside, weights, options.strengths, seed, fold)
            if exclusive:
                probabilities[test], heads[:, test] = found[0], found[1:]
            else:
                probabilities[test, number] = found[0, :, 1]
                heads[:, test, number] = found[1:, :, 1]
    return probabilities, heads


@dataclass(frozen=True)
class _Label:
    """A label of the training folds: its name, values (n,), patients (n,), number of classes."""

    name: str
    values: np.ndarray
    patients: np.ndarray
    classes: int

    def predict(
        self,
        inside: np.ndarray,
        outside: np.ndarray,
        weights: np.ndarray,
        strengths: Sequence[float],
        seed: int,
        fold: int,
    ) -> np.ndarray:
        """Return the probabilities of the images `outside` (m, d), float64 (1 + H, m, classes).

        The first are of the classifier on all images `inside` (n, d), the others of the heads,
        whose weights of the images are (H, n).
        """
        known = self.values != UNKNOWN
        values, inside, weights = self.values[known], inside[known], weights[:, known]
        if len(np.unique(values)) < 2:
            log.info("%s, fold %d: one class only in the other folds", self.name, fold)
            return self._constant(values, (1 + len(weights), len(outside)))
        strength = self._strength(inside, values, self.patients[known], strengths, seed, fold)
        log.info("%s, fold %d: strength %g", self.name, fold, strength)
        base = _fitted(inside, values, strength)
        found = [self._probabilities(base, outside)]
        for weight in weights:
            drawn = weight > 0
            if len(np.unique(values[drawn])) < 2:
                found.append(self._constant(values[drawn], (len(outside),)))
            else:
                head = _fitted(inside[drawn], values[drawn], strength, weight[drawn], base)
                found.append(self._probabilities(head, outside))
        return np.stack(found)

    def _strength(
        self,
        features: np.ndarray,
        values: np.ndarray,
        patients: np.ndarray,
        strengths: Sequence[float],
        seed: int,
        fold: int,
    ) -> float:
        """Return the strength with the least log loss of labels that were left out by patient."""
        table = pd.DataFrame({"patient": patients, "label": self.name, "reported_label": values})
        number = min(PARTS, table["patient"].nunique())
        parts = of_folds(table, number, int(token(8, seed, "probe parts", fold, self.name), 16))
        losses = np.zeros(len(strengths))
        for part in range(number):
            left_out = parts == part
            fitted = None
            if len(np.unique(values[~left_out])) < 2:
                continue
            for place, strength in enumerate(strengths):
                fitted = _fitted(features[~left_out], values[~left_out], strength, start=fitted)
                found = self._probabilities(fitted, features[left_out])
                right = found[np.arange(len(found)), values[left_out]]
                losses[place] -= np.log(np.maximum(right, LEAST)).sum()
        return strengths[int(losses.argmin())]

    def _probabilities(self, fitted: LogisticRegression, features: np.ndarray) -> np.ndarray:
        found = np.zeros((len(features), self.classes))
        found[:, fitted.classes_] = fitted.predict_proba(features)
        return found

    def _constant(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        found = np.full((*shape, self.classes), 1 / self.classes)
        if len(values):
            found[...] = np.arange(self.classes) == values[0]
        return found


def _fitted(
    features: np.ndarray,
    values: np.ndarray,
    strength: float,
    weights: np.ndarray | None = None,
    start: LogisticRegression | None = None,
) -> LogisticRegression:
    """Return a logistic regression, multinomial for several classes.

    start: another one on the same features, whose coefficients are near.
    """
    several = len(np.unique(values)) > 2
    made = LogisticRegression(
        C=strength, solver="lbfgs" if several else "newton-cholesky", max_iter=500, warm_start=True
    )
    if start is not None and np.array_equal(start.classes_, np.unique(values)):
        made.coef_, made.intercept_ = start.coef_.copy(), start.intercept_.copy()
    return made.fit(features, values, weights)


def _reduced(
    features: np.ndarray, rows: np.ndarray, dimensions: int, seed: int, *key: object
) -> np.ndarray:
    """Return features (n, d) reduced by what is fitted to some of their rows, float32 (n, d')."""
    draws = generator(seed, "probe reduction", *key)
    if len(rows) > MOST_TO_FIT_A_REDUCTION:
        rows = np.sort(draws.choice(rows, MOST_TO_FIT_A_REDUCTION, replace=False))
    components = PCA(
        min(dimensions, len(rows) - 1, features.shape[1]),
        svd_solver="randomized",
        random_state=int(draws.integers(2**31)),
    )
    reduction = make_pipeline(StandardScaler(), components).fit(features[rows])
    parts = range(0, len(features), AT_ONCE)
    return np.concatenate([reduction.transform(features[at : at + AT_ONCE]) for at in parts])


def _resampled(patients: np.ndarray, heads: int, seed: int, fold: int) -> np.ndarray:
    """Return how often each image is drawn for each head, with its patient, float32 (H, n)."""
    unique, place = np.unique(patients, return_inverse=True)
    even = np.full(len(unique), 1 / len(unique))
    draws = generator(seed, "probe heads", fold).multinomial(len(unique), even, size=heads)
    return draws[:, place].astype(np.float32)
