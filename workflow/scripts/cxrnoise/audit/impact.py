"""What corrected labels change: the performance that is measured, and the network that learns.

Three comparisons, each of a measure before and after, on the same images:

- `evaluation`: the same predictions, judged by the given labels and by what readers say. The images
  are those of the sample that were read, weighted to the whole archive.
- `retraining`: predictions of a classifier that was trained on the given labels, and of one that
  was trained on the corrected ones. Both are judged by the corrected labels of the test images.
- `retraining_read`: the same, judged by what readers say of the sample, weighted as above. Its
  labels are right as far as the readers are; most corrected labels of test images were never read.

**Weights.** An image that was read stands for as many images as its stratum has for each one read.
Images that were read besides the sample, because they were suspicious, take no part.

**Intervals** are percentiles of a bootstrap of patients within strata (Rao, Wu and Yue, Survey
Methodology 18, 1992): of the m patients of a stratum m - 1 are drawn with replacement, and their
weights grow by m / (m - 1). A patient with images in several strata belongs to that of the first. A
stratum of one patient adds no width. The intervals are about patients like these, and so do not
shrink where an archive is read whole. Where all positive (or negative) images are called right, or
none is, the interval of the share is Wilson's for the effective number of images (Kish, Survey
Sampling, 1965).

**Mean.** It is over the findings that have at least five positive and five negative images on
either side. With rarer ones its interval would be too narrow. A finding that a resample cannot
judge enters the mean with the value of the data.

**Threshold.** Sensitivity and specificity of a finding are at the threshold with the largest sum
of both by the labels that the classifier was trained on (`evaluation.youden`). Of several classes,
each is judged against the others, and an image is called by its most probable class.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.randomness import generator
from cxrnoise.scores.run import Run
from cxrnoise.statistics import evaluation, replicates
from cxrnoise.statistics.evaluation import Predicted
from cxrnoise.statistics.intervals import NOTHING, Estimate

log = logging.getLogger(__name__)

EVALUATION, RETRAINING, ON_READ = "evaluation", "retraining", "retraining_read"
MEAN = "mean"
FEWEST = 5  # positive and negative images on either side, of a finding that counts for the mean
MEASURES = ("auc", "sensitivity", "specificity")
SIDES = ("before", "after", "difference")
COLUMNS = ["comparison", "label", "measure"]
COLUMNS += [f"{side}{end}" for side in SIDES for end in ("", "_low", "_high")]
COLUMNS += ["images", "positive_before", "positive_after", "how"]
HOW = "bootstrap of patients within strata"


@dataclass(frozen=True)
class Weighted:
    """What n images stand for: patient and stratum, strings (n,), and weight, float64 (n,).

    The weight of an image that takes no part is 0.
    """

    patient: np.ndarray
    stratum: np.ndarray
    weight: np.ndarray

    @classmethod
    def alike(cls, run: Run) -> "Weighted":
        """Return the images of a run with a weight of 1 in one stratum."""
        return cls(run.patients, np.full(len(run.images), ""), np.ones(len(run.images)))

    @classmethod
    def of_sample(cls, run: Run, sample: pd.DataFrame, verdicts: pd.DataFrame) -> "Weighted":
        """Return the images of a run, those of the sample that were read with their weights.

        Raises `UserError` when none was read.
        """
        drawn = sample[sample["rate"].notna()]
        read = drawn[drawn["image"].isin(verdicts["image"])].set_index("image")
        weight = read["population"] / read.groupby("stratum")["stratum"].transform("size")
        found = read.assign(weight=weight).reindex(run.images)
        taken = found["weight"].notna().to_numpy()
        log.info(
            "%d images of the sample, %d of them read, %d of these predicted here; %d images were "
            "read besides and take no part",
            *(len(drawn), len(read), taken.sum()),
            verdicts["image"].nunique() - len(read),
        )
        if not taken.any():
            raise UserError(
                "No image of the audit's sample that was predicted has been read, so nobody knows "
                "what corrections change: read the sample first."
            )
        stratum = found["stratum"].where(taken, "").to_numpy(str)
        return cls(run.patients, stratum, found["weight"].fillna(0).to_numpy(np.float64))

    def resampled(self, seed: int) -> Iterator[np.ndarray]:
        """Yield the weights, and then those of each resample of the patients, float64 (n,)."""
        yield self.weight
        taken = np.flatnonzero(self.weight > 0)
        patients, first, unit = np.unique(
            self.patient[taken], return_index=True, return_inverse=True
        )
        _, stratum = np.unique(self.stratum[taken][first], return_inverse=True)
        members = [np.flatnonzero(stratum == number) for number in range(stratum.max() + 1)]
        rng = generator(seed, "bootstrap of patients within strata")
        for _ in range(replicates.RESAMPLES):
            factor = np.ones(len(patients))
            for of_stratum in members:
                m = len(of_stratum)
                if m > 1:
                    drawn = rng.multinomial(m - 1, np.full(m, 1 / m))
                    factor[of_stratum] = drawn * m / (m - 1)
            weight = np.zeros(len(self.weight))
            weight[taken] = self.weight[taken] * factor[unit]
            yield weight


@dataclass(frozen=True)
class Judged:
    """What a classifier says of one finding, or of one class against the others, of n images.

    label: 1 positive, 0 negative, `UNKNOWN` for not known; probability: of 1, float64; called: 1
    where the classifier says positive, else 0, float64, NaN without a threshold. Each is (n,).
    """

    label: np.ndarray
    probability: np.ndarray
    called: np.ndarray

    def among(self, known: np.ndarray) -> "Judged":
        """Return the images of these places."""
        return Judged(self.label[known], self.probability[known], self.called[known])

    @cached_property
    def _predicted(self) -> Predicted:
        return Predicted(self.label, self.probability, self.label)  # no measure looks at patients

    def measured(self, weight: np.ndarray) -> list[float]:
        """Return `MEASURES` of weighted images; NaN for one that does not exist."""
        positive, negative = weight * (self.label == 1), weight * (self.label == 0)
        return [
            evaluation.auc(self._predicted, weight),
            _share(positive * self.called, positive),
            _share(negative * (1 - self.called), negative),
        ]

    def fewest(self) -> int:
        """Return the number of positive or of negative images, whichever is smaller."""
        return min((self.label == 1).sum(), (self.label == 0).sum())

    def effective(self, weight: np.ndarray) -> list[float]:
        """Return of how many images each of `MEASURES` is a share; 0 for one that is none."""
        return [0, *(_effective(weight[self.label == label]) for label in (1, 0))]


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return part.sum() / whole.sum() if whole.sum() > 0 else np.nan


def _effective(weight: np.ndarray) -> float:
    return weight.sum() ** 2 / (weight**2).sum() if len(weight) else 0


def shift(run: Run, sample: pd.DataFrame, verdicts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return how well the same predictions do by the given labels and by what readers say.

    Labels that are not given, and those on which the readers did not decide, take part in neither.

    Parameters
    ----------
    run: the audited run, with the labels that were given.
    sample: image, stratum, rate (NaN for images read besides the sample), population (images of
        the stratum). verdicts: image, label, true_label (int8, -1 for not decided).
    seed: of the bootstrap.

    Returns
    -------
    The columns `COLUMNS`, one row a label and measure: the measure before, after, and after less
    before, each with its interval; the images behind it, and how many of them are positive on
    either side. The label `mean` is the mean over the labels that are frequent enough.
    """
    thresholds = _thresholds(run)
    weighted = Weighted.of_sample(run, sample, verdicts)
    before, after = judged(run, thresholds), judged(by_readers(run, verdicts), thresholds)
    return _compared(EVALUATION, before, after, weighted, seed)


def retraining(
    before: Run, after: Run, owns: tuple[Run, Run], seed: int, read: tuple | None = None
) -> pd.DataFrame:
    """Return how well two classifiers do by the same labels, in the columns of `shift`.

    Parameters
    ----------
    before, after: runs with the same corrected labels; the predictions are of a classifier that was
        trained on the given labels, and of one that was trained on the corrected ones.
    owns: both with the labels that they were trained on, for the thresholds.
    seed: of the bootstrap.
    read: sample and verdicts, as in `shift`, for the comparison on the images that were read.
    """
    thresholds = [_thresholds(own) for own in owns]
    sides = [judged(run, found) for run, found in zip((before, after), thresholds, strict=True)]
    table = _compared(RETRAINING, *sides, Weighted.alike(after), seed)
    if read is None:
        return table
    sample, verdicts = read
    weighted = Weighted.of_sample(after, sample, verdicts)
    true = [by_readers(run, verdicts) for run in (before, after)]
    sides = [judged(run, found) for run, found in zip(true, thresholds, strict=True)]
    return pd.concat([table, _compared(ON_READ, *sides, weighted, seed)], ignore_index=True)


def by_readers(run: Run, verdicts: pd.DataFrame) -> Run:
    """Return a run whose labels are what readers say, and not known where they said nothing."""
    key = ["image", "label"]
    said = run.labels[key].merge(verdicts[[*key, "true_label"]], how="left", on=key)
    true = said["true_label"].fillna(UNKNOWN).to_numpy(np.int8)
    return replace(run, labels=run.labels.assign(given_label=true))


def judged(run: Run, thresholds: Mapping[str, float]) -> dict[str, Judged]:
    """Return what a run says of each finding or class, by name, beside its given labels."""
    given, probabilities = run.given, run.probabilities.astype(np.float64)
    if run.exclusive and len(run.classes) > 2:
        return {
            name: Judged(
                np.where(given == UNKNOWN, UNKNOWN, given == place),
                probabilities[:, place],
                (run.predicted == place).astype(np.float64),
            )
            for place, name in enumerate(run.classes)
        }
    names = [run.labels["label"].iloc[0]] if run.exclusive else run.classes
    given = given.reshape(len(given), -1)
    of_positive = probabilities[:, 1:] if run.exclusive else probabilities
    found = {}
    for place, name in enumerate(names):
        probability, threshold = of_positive[:, place], thresholds[name]
        called = np.where(np.isnan(threshold), np.nan, probability >= threshold)
        found[name] = Judged(given[:, place], probability, called)
    return found


def _thresholds(run: Run) -> dict[str, float]:
    """Return the threshold of each finding by the given labels of a run; none for classes."""
    if run.exclusive and len(run.classes) > 2:
        return {}
    return {name: evaluation.youden(part) for name, part in evaluation.parts(run).items()}


def _compared(
    comparison: str,
    before: Mapping[str, Judged],
    after: Mapping[str, Judged],
    weighted: Weighted,
    seed: int,
) -> pd.DataFrame:
    known = {
        name: np.flatnonzero(
            (before[name].label != UNKNOWN) & (after[name].label != UNKNOWN) & (weighted.weight > 0)
        )
        for name in before
    }
    sides = [{name: side[name].among(known[name]) for name in known} for side in (before, after)]
    measured = np.array(  # (1 + resamples, labels, before and after, measures)
        [
            [[side[name].measured(weight[at]) for side in sides] for name, at in known.items()]
            for weight in weighted.resampled(seed)
        ]
    )
    rows = []
    for place, (name, at) in enumerate(known.items()):
        positive = [side[name].label.sum() for side in sides]
        shares = [side[name].effective(weighted.weight[at]) for side in sides]
        for number, measure in enumerate(MEASURES):
            found, how = _sides(measured[:, place, :, number], [of[number] for of in shares])
            rows.append((comparison, name, measure, *found, len(at), *positive, how))
    if len(known) > 1:
        images = (weighted.weight > 0).sum()
        enough = np.array(
            [min(side[name].fewest() for side in sides) >= FEWEST for name in known], bool
        )
        for number, measure in enumerate(MEASURES):
            found, how = _sides(_mean(measured[:, enough][..., number]))
            rows.append((comparison, MEAN, measure, *found, images, None, None, how))
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean(measured: np.ndarray) -> np.ndarray:
    """Return the mean over the labels of which both sides exist, (1 + resamples, 2).

    Parameters
    ----------
    measured: (1 + resamples, labels, 2), the first of the data.
    """
    measured = measured[:, ~np.isnan(measured[0]).any(axis=1)]
    lacking = np.isnan(measured).any(axis=2, keepdims=True)
    found = np.where(lacking, measured[:1], measured)
    return replicates.mean_of_known(found.swapaxes(0, 1))


def _sides(measured: np.ndarray, shares_of: Sequence[float] = (0, 0)) -> tuple[list[float], str]:
    """Return before, after and difference, each with its interval, and how these were made.

    Parameters
    ----------
    measured: before and after, (1 + resamples, 2), the first of the data.
    shares_of: of how many images each side is a share, 0 where it is none.
    """
    before, after = (
        _estimate(side, replicates.SHARE, share_of)
        for side, share_of in zip(measured.T, shares_of, strict=True)
    )
    difference = _estimate(measured[:, 1] - measured[:, 0], replicates.DIFFERENCE)
    numbers = [number for side in (before, after, difference) for number in side[:3]]
    if np.isnan(before.low) and np.isnan(after.low):
        return numbers, ""
    return numbers, f"{HOW}, Wilson" if "Wilson" in (before.how, after.how) else HOW


def _estimate(values: np.ndarray, bounds: tuple[float, float], share_of: float = 0) -> Estimate:
    value, resampled = values[:1], values[np.newaxis, 1:]
    if np.isnan(resampled).all():
        return Estimate(value[0], *NOTHING[1:], 0)
    return replicates.estimate(value, resampled, 0, bounds, share_of)
