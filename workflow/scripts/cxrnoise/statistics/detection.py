"""How good each score is at finding wrong labels.

A label is wrong where the given label differs from the truth. A score ranks the labels, and the
first in its ranking are those that a person would look at first. Everything here is about rankings:
only the order of a score's values counts.

**Ties.** Labels with equal values stand in a random order. Precision and the label accuracy after
k reviews are the expected values over these orders; AUROC and average precision treat ties as
scikit-learn does.

**Directions.** `any` ranks all labels. Binary labels have two more: `present` ranks the labels that
say present, of which the wrong ones are absent in truth; `absent` ranks those that say absent.

**Labels.** `all` ranks the labels of all findings by the raw values of the score. `mean` is the
mean over the findings that have both right and wrong labels. A task with one label has `all` only.

Intervals are those of `replicates`, over all seeds. A value that does not exist is NaN: an AUROC or
an average precision without both right and wrong labels, a precision at 100 of fewer labels. Where
all of the first 20 or 100 are wrong, or none is, the interval of the precision is Wilson's; that of
another measure of a perfect ranking has no width.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from cxrnoise.statistics import replicates
from cxrnoise.statistics.intervals import NOTHING, Estimate
from cxrnoise.statistics.ranking import Ranking, rankings

REFERENCE = "self_confidence"  # what everybody uses: cleanlab's
OF_A_LABEL = ("image", "patient", "label", "given_label", "wrong")
POOLED, MEAN = "all", "mean"
ANY, PRESENT, ABSENT = "any", "present", "absent"
GIVEN = {PRESENT: 1, ABSENT: 0}
RANDOM, ORACLE = "random", "oracle"
DEPTHS = (20, 100)
PRECISIONS = {f"precision_at_{depth}": depth for depth in DEPTHS}
LEFT_OUT = WITHOUT_TRUTH, UNDECIDED = "without_truth", "undecided"  # see `known_errors.left_out`
MEASURES = ("auroc", "average_precision", *PRECISIONS, "precision_at_wrong")
COLUMNS = ["score", "label", "direction", "measure", *Estimate._fields, "seeds"]
COLUMNS += ["difference", "difference_low", "difference_high"]
REVIEWS = ["score", "label", "reviewed", "label_accuracy", "low", "high"]

Key = tuple[str, str]  # label and direction
Measured = dict[Key, np.ndarray]  # (S, 1 + RESAMPLES, measures), NaN where a seed has none


def measure(seeds: Sequence[pd.DataFrame], findings: bool, seed: int = 0) -> pd.DataFrame:
    """Measure the scores on labels whose truth is known.

    Parameters
    ----------
    seeds: a table a seed, one row a label: image, patient, label, given_label, wrong (bool) and a
        column a score, float64, higher = more likely wrong. A score is NaN for labels that it does
        not have. It is measured on those that it has; differences are on those that both have.
    findings: whether the labels are findings, absent (0) or present (1), whose errors have a
        direction.
    seed: of the bootstrap.

    Returns
    -------
    One row a number: score, label, direction, measure, value, low, high (95 %), n (labels, the mean
    over the seeds), how, seeds (those in which the measure exists), and difference,
    difference_low, difference_high: the value less that of `REFERENCE` on the same labels, with its
    interval by the same resamples. The measures are `MEASURES`; two rows with the score `` say how
    many labels are wrong (`wrong`) and their share (`prevalence`).
    """
    compared = _Compared(seeds, seed, [ANY, PRESENT, ABSENT] if findings else [ANY])
    rows = list(compared.counts())
    for score in compared.scores:
        rows += compared.rows(score)
    return pd.DataFrame(rows, columns=COLUMNS)


def reviews(
    seeds: Sequence[pd.DataFrame], seed: int = 0, further: Sequence[int] = ()
) -> pd.DataFrame:
    """Return the share of right labels after the first k of a ranking were reviewed and corrected.

    Parameters
    ----------
    seeds, seed: as in `measure`.
    further: numbers of reviews that are looked at besides.

    Returns
    -------
    One row a score and k: score, label (`all`), reviewed (k: 0, 10, 20, …, 100, 200, … and all),
    label_accuracy, low and high (95 %). The score `random` is the expected value of a random
    order, `oracle` that of an order with all wrong labels first. A seed with fewer labels than k
    has reviewed all of them. A resample with more or fewer labels reviews the same share of them.
    """
    compared = _Compared(seeds, seed, [ANY])
    steps = sorted({*_steps(max(len(table) for table in seeds)), *further})
    rows = []
    for score in [*compared.scores, RANDOM, ORACLE]:
        accuracy = compared.accuracy(score, steps)
        for number, step in enumerate(steps):
            found = _estimate(accuracy[:, :, number], step)
            rows.append((score, POOLED, step, *found[:3]))
    return pd.DataFrame(rows, columns=REVIEWS)


def _steps(n: int) -> list[int]:
    """Return 0, 10, 20, 30, …, 100, 200, 300, … below n, and n."""
    steps = [0]
    for power in range(1, len(str(n))):
        steps += [digit * 10**power for digit in range(1, 10)]
    return [step for step in steps if step < n] + [n]


def _measures(ranking: Ranking) -> np.ndarray:
    """Return `MEASURES` of a ranking, (B, measures)."""
    depths = np.column_stack(np.broadcast_arrays(*DEPTHS, ranking.all_wrong))
    with np.errstate(invalid="ignore"):
        return np.column_stack(
            [ranking.auroc(), ranking.average_precision(), ranking.precision(depths)]
        )


class _Labels:
    """The labels of one seed, and which of them each ranking has."""

    def __init__(self, table: pd.DataFrame, place: np.ndarray, patients: int):
        self.table, self.place, self.patients = table, place, patients
        self.wrong = table["wrong"].to_numpy(bool)
        self.label, self.given = table["label"].to_numpy(), table["given_label"].to_numpy()

    def among(self, label: str, direction: str) -> np.ndarray:
        """Return which labels a ranking has, bool (n,)."""
        among = np.ones(len(self.table), bool)
        if label not in (POOLED, MEAN):
            among = among & (self.label == label)
        if direction != ANY:
            among = among & (self.given == GIVEN[direction])
        return among

    def known(self, score: str) -> np.ndarray:
        """Return which labels have a score, bool (n,)."""
        return self.table[score].notna().to_numpy()

    def values(self, score: str) -> np.ndarray:
        """Return a score, that of a random order or that of an oracle, float64 (n,)."""
        if score == RANDOM:
            return np.zeros(len(self.table))
        if score == ORACLE:
            return self.wrong.astype(np.float64)
        return self.table[score].to_numpy(np.float64)

    def ranked(self, score: str, among: np.ndarray, weights: np.ndarray) -> Iterator[Ranking]:
        """Yield the ranking of some labels under some sets of weights at a time."""
        at = np.flatnonzero(among)
        return rankings(self.values(score)[at], self.wrong[at], self.place[at], weights)

    def measured(self, score: str, among: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return `MEASURES` of some labels, (B, measures)."""
        ranked = self.ranked(score, among, weights)
        found = np.concatenate([_measures(ranking) for ranking in ranked])
        too_deep = [number for number, depth in enumerate(DEPTHS, 2) if depth > among.sum()]
        found[:, too_deep] = np.nan
        return found

    def counted(self, among: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return `COUNTS` of some labels, (B, counts); the weights are float32 here."""
        labels, wrong = (
            weights @ np.bincount(self.place[part], minlength=self.patients).astype(np.float32)
            for part in (among, among & self.wrong)
        )
        with np.errstate(invalid="ignore"):
            return np.column_stack([wrong, wrong.astype(np.float64) / labels])

    def accuracy(self, score: str, steps: list[int], weights: np.ndarray) -> np.ndarray:
        """Return the label accuracy after each step, (B, steps)."""
        known = ~np.isnan(self.values(score))
        reviewed = np.minimum(np.array(steps) / max(1, known.sum()), 1)
        found = []
        for ranking in self.ranked(score, known, weights):
            labels, wrong = ranking.labels[:, np.newaxis], ranking.all_wrong[:, np.newaxis]
            with np.errstate(invalid="ignore"):
                found.append(1 - (wrong - ranking.reached(reviewed * labels)) / labels)
        return np.concatenate(found)


class _Compared:
    """The labels of all seeds with weights of their patients, and what each score finds there."""

    def __init__(self, seeds: Sequence[pd.DataFrame], seed: int, directions: Sequence[str]):
        drawn, places = replicates.draws([table["patient"].to_numpy() for table in seeds], seed)
        self.weights = np.vstack([np.ones_like(drawn[:1]), drawn])  # the first row is the data
        self.seeds = [
            _Labels(table, place, drawn.shape[1])
            for table, place in zip(seeds, places, strict=True)
        ]
        self.scores = [name for name in seeds[0].columns if name not in OF_A_LABEL]
        self.findings = list(pd.concat([table["label"] for table in seeds]).unique())
        self.directions = directions

    def counts(self) -> Iterator[tuple]:
        """Yield the rows of wrong labels."""
        known = [np.ones(len(labels.table), bool) for labels in self.seeds]
        weights = self.weights.astype(np.float32)
        measured = self._of_rankings(known, lambda labels, among: labels.counted(among, weights))
        for key, values in measured.items():
            n = self._n(key, known)
            wrong, prevalence = (values[:, :, number] for number in range(2))
            number = Estimate(replicates.mean_of_known(wrong[:, 0]), *NOTHING[1:], n)
            share = _estimate(prevalence, n, share_of=n)
            yield "", *key, "wrong", *number, _existing(wrong), *NOTHING
            yield "", *key, "prevalence", *share, _existing(prevalence), *NOTHING

    def rows(self, score: str) -> Iterator[tuple]:
        """Yield the rows of a score."""
        known = self._known(score)
        own = self._reference if score == REFERENCE else self._measured(score, known)
        differences = self._differences(score, known, own)
        for key, values in own.items():
            n = self._n(key, known)
            for number, name in enumerate(MEASURES):
                found = _estimate(values[:, :, number], n, share_of=PRECISIONS.get(name, 0))
                compared = NOTHING
                if differences is not None:
                    difference = differences[key][:, :, number]
                    compared = _estimate(difference, n, bounds=replicates.DIFFERENCE)[:3]
                yield score, *key, name, *found, _existing(values[:, :, number]), *compared

    def accuracy(self, score: str, steps: list[int]) -> np.ndarray:
        """Return the label accuracy after each step, (S, 1 + RESAMPLES, steps)."""
        return np.stack([labels.accuracy(score, steps, self.weights) for labels in self.seeds])

    def _known(self, score: str) -> list[np.ndarray]:
        return [labels.known(score) for labels in self.seeds]

    @cached_property
    def _reference(self) -> Measured:
        return self._measured(REFERENCE, self._known(REFERENCE))

    def _measured(self, score: str, known: list[np.ndarray]) -> Measured:
        """Return the measures of a score on some labels of each seed."""
        return self._of_rankings(
            known, lambda labels, among: labels.measured(score, among, self.weights)
        )

    def _differences(self, score: str, known: list[np.ndarray], own: Measured) -> Measured | None:
        """Return the measures of a score less those of the reference, on the labels of both."""
        if score == REFERENCE or REFERENCE not in self.scores:
            return None
        of_reference = self._known(REFERENCE)
        both = [one & other for one, other in zip(known, of_reference, strict=True)]
        ours, theirs = own, self._reference
        if not _same(both, known):
            ours = self._measured(score, both)
        if not _same(both, of_reference):
            theirs = self._measured(REFERENCE, both)
        return {key: ours[key] - theirs[key] for key in ours}

    def _of_rankings(
        self, known: list[np.ndarray], measured: Callable[[_Labels, np.ndarray], np.ndarray]
    ) -> Measured:
        """Return what `measured` returns for each label and direction, and the means."""
        several = len(self.findings) > 1
        found = {}
        for name in [POOLED, *self.findings] if several else [POOLED]:
            for direction in self.directions:
                found[name, direction] = np.stack(
                    [
                        measured(labels, labels.among(name, direction) & part)
                        for labels, part in zip(self.seeds, known, strict=True)
                    ]
                )
        if several:
            for direction in self.directions:
                found[MEAN, direction] = self._means(direction, known, found)
        return found

    def _means(self, direction: str, known: list[np.ndarray], found: Measured) -> np.ndarray:
        """Return the means over the findings of which a seed has right and wrong labels."""
        of_findings = np.stack([found[finding, direction] for finding in self.findings])
        for seed, (labels, part) in enumerate(zip(self.seeds, known, strict=True)):
            for number, finding in enumerate(self.findings):
                wrong = labels.wrong[labels.among(finding, direction) & part]
                if wrong.all() or not wrong.any():
                    of_findings[number, seed] = np.nan
        return replicates.mean_of_known(of_findings)

    def _n(self, key: Key, known: list[np.ndarray]) -> float:
        """Return the number of labels of a ranking, the mean over the seeds."""
        sizes = [
            (labels.among(*key) & part).sum()
            for labels, part in zip(self.seeds, known, strict=True)
        ]
        return float(np.mean(sizes))


def _same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _estimate(measured: np.ndarray, n: float, **options: object) -> Estimate:
    """Return the estimate of values (S, 1 + RESAMPLES), the first of which are of the data."""
    return replicates.estimate(measured[:, 0], measured[:, 1:], n, **options)


def _existing(measured: np.ndarray) -> int:
    """Return in how many seeds a measure exists."""
    return int((~np.isnan(measured[:, 0])).sum())
