"""A ranking of labels, the most suspicious first, under many sets of weights at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

AT_ONCE = 2**21  # weights that are worked on at once, so that they stay in the cache


@dataclass(frozen=True)
class Ranking:
    """A ranking of labels under B sets of weights; a label of weight 2 is there twice.

    Labels with equal scores are a group. Between two groups with a wrong label all are right, so
    these groups say everything.

    before, after: weight of the labels ranked above each of the m groups, and with it, (B, m).
    wrong: weight of its wrong labels, (B, m).
    labels: weight of all labels, (B,).
    """

    before: np.ndarray
    after: np.ndarray
    wrong: np.ndarray
    labels: np.ndarray

    @cached_property
    def found(self) -> np.ndarray:
        """The weight of the wrong labels down to and with each group, (B, m)."""
        return self.wrong.cumsum(axis=1)

    @cached_property
    def all_wrong(self) -> np.ndarray:
        """The weight of all wrong labels, (B,)."""
        return self.wrong.sum(axis=1)

    def auroc(self) -> np.ndarray:
        """Return the share of pairs in which the wrong label is above the right one, (B,)."""
        right = self.labels - self.all_wrong
        above = self.before - (self.found - self.wrong)
        beside = self.after - self.before - self.wrong
        pairs = (self.wrong * (right[:, np.newaxis] - above - beside / 2)).sum(axis=1)
        return pairs / (self.all_wrong * right)

    def average_precision(self) -> np.ndarray:
        """Return Σ precision × step in recall over the groups, (B,)."""
        precision = self.found / np.maximum(self.after, 1)  # weights are whole numbers
        summed = (self.wrong * precision).sum(axis=1) / self.all_wrong
        return np.where(self.all_wrong < self.labels, summed, np.nan)

    def precision(self, depths: np.ndarray) -> np.ndarray:
        """Return the expected share of wrong labels among the first ones, (B, D) like depths."""
        depths = np.minimum(depths, self.labels[:, np.newaxis])
        return self.reached(depths) / depths

    def reached(self, depths: np.ndarray) -> np.ndarray:
        """Return the expected weight of the wrong labels among the first ones, (B, D).

        It rises evenly within a group and not between two.
        """
        labels, wrong = (np.zeros((len(depths), 2 * self.wrong.shape[1] + 1)) for _ in range(2))
        labels[:, 1::2], labels[:, 2::2] = self.before, self.after
        wrong[:, 1::2], wrong[:, 2::2] = self.found - self.wrong, self.found
        return np.stack([np.interp(*row) for row in zip(depths, labels, wrong, strict=True)])


def rankings(
    score: np.ndarray, wrong: np.ndarray, place: np.ndarray, weights: np.ndarray
) -> Iterator[Ranking]:
    """Yield the ranking of n labels by a score, under some sets of weights at a time.

    Parameters
    ----------
    score, wrong: of each label, float64 and bool (n,).
    place: the column of `weights` of each label, int (n,).
    weights: of each patient, uint8 (B, P).
    """
    order = np.argsort(-score)
    ranked = score[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    wrong_at = np.flatnonzero(wrong[order])
    groups, first = np.unique(
        np.searchsorted(starts, wrong_at, side="right") - 1, return_index=True
    )
    before, after = starts[groups], np.append(starts, len(score))[groups + 1]
    at_once = max(1, AT_ONCE // max(1, len(score)))
    for begin in range(0, len(weights), at_once):
        drawn = weights[begin : begin + at_once].take(place[order], axis=1)
        above = np.zeros((len(drawn), len(score) + 1), np.float32)  # exact up to 2^24 labels
        np.cumsum(drawn, axis=1, dtype=np.float32, out=above[:, 1:])
        of_wrong = drawn.take(wrong_at, axis=1).astype(np.float64)
        yield Ranking(
            above.take(before, axis=1).astype(np.float64),
            above.take(after, axis=1).astype(np.float64),
            np.add.reduceat(of_wrong, first, axis=1) if len(first) else of_wrong,
            above[:, -1].astype(np.float64),
        )
