"""A logistic regression of "this label is wrong", partially pooled over the findings.

It knows of a label

- the logit of the model's probability that it is wrong, with a slope for each given value;
- the finding, the given value, and the two together (for classes, the given class);
- the logits of all findings of the image, with a slope for each pair of findings: where the network
  sees an effusion, an atelectasis that nobody reported is more likely. Classes have none of these.

Each coefficient has a normal prior around 0, which is a ridge. Its standard deviation is a constant
of this module. A finding with few reads therefore stays near the others, and a finding without any
gets their mean. Findings may differ from each other by a standard deviation of 1 in log odds,
because in radiograph archives 1 % to 30 % of a finding's labels are wrong. The logits of all
findings together may move a label by less, 0.75, which is shared among the findings.

To the reads are added half a right and half a wrong label, as Jeffreys' prior does for a
proportion, so that no probability is 0 or 1.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

CERTAIN = 1e-4  # the model's probabilities are kept so far from 0 and 1
# Standard deviations of the coefficients before anybody read, in log odds.
OVERALL = 5.0  # of all labels: next to nothing is known
SLOPE = 2.0  # of one standard deviation of the model's logit
GIVEN = 2.0  # between the labels that say present and those that say absent
SLOPE_OF_GIVEN = 1.0  # between their slopes
FINDING = 1.0  # between findings, and again between the given values of a finding
ALL_LOGITS = 0.75  # of the logits of all findings of an image together
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Reads:
    """Labels that people read, m of them.

    rows: their rows in the ranking, int (m,); wrong: bool (m,).
    weight: the inverse of the probability that the image was drawn, float64 (m,).
    patient: a number for each patient, int (m,).
    """

    rows: np.ndarray
    wrong: np.ndarray
    weight: np.ndarray
    patient: np.ndarray

    def part(self, taken: np.ndarray) -> "Reads":
        """Return some of the reads: bool (m,)."""
        return Reads(self.rows[taken], self.wrong[taken], self.weight[taken], self.patient[taken])

    @property
    def counts(self) -> np.ndarray:
        """As how many reads each counts, float64 (m,).

        They are proportional to the weights and add up to the effective number of reads (L. Kish,
        Survey Sampling, 1965), so that the prior has its due against unequal weights.
        """
        total = self.weight.sum()
        return self.weight * total / (self.weight**2).sum() if total else self.weight


@dataclass(frozen=True)
class Fit:
    """A fitted regression: its coefficients, float64 (d,)."""

    coefficients: np.ndarray

    def probability(self, columns: sparse.csr_array) -> np.ndarray:
        """Return the probability that each label is wrong, float64 (n,)."""
        return expit(columns @ self.coefficients)

    def covariance(
        self, columns: sparse.csr_array, reads: Reads, expected: np.ndarray
    ) -> np.ndarray:
        """Return the covariance of the coefficients, float64 (d, d).

        It is the sandwich of K.-Y. Liang and S. L. Zeger (Biometrika 73, 1986) with patients as
        clusters, to which the prior adds its information. For labels that are independent it is
        the covariance of the posterior.

        Parameters
        ----------
        columns: of all labels; reads: to which the regression was fitted.
        expected: the probability that each of these labels is wrong, from a fit without its
            patient, float64 (m,).
        """
        read = columns[reads.rows]
        chance = self.probability(read)
        spread = sparse.diags_array(reads.counts * chance * (1 - chance))
        prior = np.eye(read.shape[1])
        information = (read.T @ spread @ read).toarray() + prior
        residuals = reads.counts * (reads.wrong - expected)
        of_label = (residuals, (reads.patient, np.arange(len(residuals))))
        of_patient = (sparse.csr_array(of_label) @ read).toarray()
        inverse = np.linalg.inv(information)
        return inverse @ (of_patient.T @ of_patient + prior) @ inverse


def fit(columns: sparse.csr_array, reads: Reads) -> Fit:
    """Fit the regression to what people read.

    Parameters
    ----------
    columns: of all labels, see `columns`.
    """
    added = sparse.csr_array(([OVERALL] * 2, ([0, 1], [0, 0])), (2, columns.shape[1]))
    known = sparse.vstack([columns[reads.rows], added])
    wrong, counts = np.append(reads.wrong, [True, False]), np.append(reads.counts, [0.5, 0.5])
    # C = 1 without an intercept: a standard normal prior of each coefficient.
    regression = LogisticRegression(
        C=1.0, fit_intercept=False, solver="newton-cholesky", tol=TOLERANCE
    )
    return Fit(regression.fit(known, wrong, counts).coef_[0])


def columns(ranking: pd.DataFrame) -> sparse.csr_array:
    """Return what the regression knows of each label, float64 (n, d).

    Each column is multiplied by the standard deviation of its coefficient, so that all coefficients
    have a standard normal prior.

    Parameters
    ----------
    ranking: the manifest `ranking`: image, label, given_label, suggested, probability.
    """
    given = ranking["given_label"].to_numpy(np.int32)
    chance = ranking["probability"].to_numpy().clip(CERTAIN, 1 - CERTAIN)
    finding, names = ranking["label"].factorize(sort=True)
    values = 1 + max(1, given.max(), ranking["suggested"].max())
    findings = values == 2
    one, odds = np.ones(len(given)), _standardised(logit(chance))
    towards = np.where(given == 1, -one, one) if findings else 0 * one  # the sign of "present"
    group = finding * values + given
    blocks = [
        (0, 1, OVERALL * one),
        (0, 1, SLOPE * odds),
        (0, 1, GIVEN * towards),
        (0, 1, SLOPE_OF_GIVEN * towards * odds),
        (finding, len(names), FINDING * one),
        (group, len(names) * values, FINDING * one),
    ]
    if findings:
        logits = _of_images(
            ranking["image"], finding, logit(np.where(given == 1, 1 - chance, chance))
        )
        scaled = ALL_LOGITS / len(names) ** 0.5 * towards
        blocks += [(finding, len(names), scaled * of_finding) for of_finding in logits.T]
    return _sparse(blocks)


def _sparse(blocks: list[tuple]) -> sparse.csr_array:
    """Return blocks of columns side by side, of which each label has a value in one column each.

    A block: the column of each label (int (n,), or 0), the number of columns, and the values
    (float64 (n,)).
    """
    labels = len(blocks[0][2])
    places, values = np.empty((labels, len(blocks)), np.int32), np.empty((labels, len(blocks)))
    width = 0
    for number, (place, wide, value) in enumerate(blocks):
        places[:, number], values[:, number] = width + place, value
        width += wide
    starts = np.arange(labels + 1) * len(blocks)
    return sparse.csr_array((values.ravel(), places.ravel(), starts), (labels, width))


def _of_images(images: pd.Series, finding: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Return the logits of all findings of each label's image, standardised, float64 (n, K).

    A finding that the image has no label of is at its mean.
    """
    image = images.factorize()[0]
    found = np.zeros((image.max() + 1, finding.max() + 1))
    for number in range(found.shape[1]):
        rows = finding == number
        found[image[rows], number] = _standardised(logits[rows])
    return found[image]


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)
