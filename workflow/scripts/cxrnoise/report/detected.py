"""What `detection.csv` says, in words: how many labels are wrong, what finds them best."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from cxrnoise.statistics.detection import (
    ANY,
    MEAN,
    MEASURES,
    POOLED,
    RANDOM,
    REFERENCE,
    UNDECIDED,
    WITHOUT_TRUTH,
)

BEST_BY = "average_precision"
NAMES = {
    REFERENCE: "self-confidence (cleanlab)",
    "confidence": "confidence C (the paper)",
    "uncertainty": "uncertainty U (the paper)",
    "product": "C × U",
    "mc_mean": "Monte Carlo mean",
    "mutual_information": "mutual information (BALD)",
    "members_mean": "ensemble mean",
    "members_disagreement": "ensemble disagreement",
    "members_information": "ensemble mutual information",
    "augmented": "test-time augmentation",
    "dropout": "Monte Carlo dropout",
    "training_margin": "area under the margin",
    "training_probability": "probability during training",
    "forgetting": "forgetting events",
    "neighbours": "nearest neighbours",
    "cleanlab_self_confidence": "cleanlab: self-confidence",
    "cleanlab_normalized_margin": "cleanlab: normalized margin",
    "cleanlab_confidence_weighted_entropy": "cleanlab: confidence-weighted entropy",
    "cleanlab_issues": "cleanlab: find_label_issues",
    RANDOM: "random order",
}
ENGINES = {
    "test": "test images",
    "folds": "out-of-fold, networks",
    "probe": "out-of-fold, probe",
}
PART = ["task", "noise", "by", "truth"]


class Number(NamedTuple):
    """A number of a score, and its paired difference to `REFERENCE`; NaN is what is lacking."""

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: float = math.nan
    difference: float = math.nan
    difference_low: float = math.nan
    difference_high: float = math.nan


@dataclass(frozen=True)
class Part:
    """The numbers of one task, noise, way of predicting and truth.

    numbers: by (label, direction, score, measure).
    reviews, readers: the rows of `reviews.csv`, and those of `readers.csv` over all findings.
    seeds: of how many seeds the numbers are means; how: how the intervals were made.
    phantom: whether the images are phantoms.
    """

    task: str
    noise: str
    by: str
    truth: str
    numbers: dict[tuple[str, str, str, str], Number]
    reviews: pd.DataFrame
    readers: pd.DataFrame
    seeds: int
    how: str
    phantom: bool

    @property
    def warnings(self) -> str:
        """Words in capitals that stand before the name of what is no finding about patients."""
        return warnings(self.phantom, "simulated" in self.truth)

    @property
    def setting(self) -> str:
        """The noise, how the images were predicted, and what counts as true."""
        engine = ENGINES.get(self.by, self.by)
        return f"{noise_name(self.noise)}; {engine}; truth: {truth_name(self.truth)}"

    @property
    def title(self) -> str:
        """The setting, with warnings before it."""
        return capital(f"{self.warnings}{self.setting}")

    def of(self, score: str, measure: str, label: str = POOLED, direction: str = ANY) -> Number:
        """Return a number; one that the table lacks is NaN throughout."""
        return self.numbers.get((label, direction, score, measure), Number())

    def rankings(self, label: str = POOLED, direction: str = ANY) -> list[list[str]]:
        """Return the scores by falling average precision; scores with the same numbers together.

        The same to four decimals: as a rule such scores put the labels into the same order.
        `REFERENCE` is the first of its group.
        """
        scores = {key[2]: None for key in self.numbers if key[:2] == (label, direction) and key[2]}
        groups: dict[str, list[str]] = {}
        for score in sorted(scores, key=lambda name: name != REFERENCE):
            numbers = [self.of(score, measure, label, direction)[:3] for measure in MEASURES]
            rounded = str(np.round(numbers, 4).tolist())
            groups.setdefault(rounded, []).append(score)

        def falling(group: list[str]) -> float:
            value = self.of(group[0], BEST_BY, label, direction).value
            return math.inf if math.isnan(value) else -value

        return sorted(groups.values(), key=falling)

    def is_whole(self, score: str, label: str = POOLED) -> bool:
        """Return whether a score ranks every label, so that it can be the best of all."""
        ranked, known = (self.of(*names, label).n for names in ((score, BEST_BY), ("", "wrong")))
        return not ranked < known

    def best(self, label: str = POOLED) -> list[str]:
        """Return the scores of every label with the highest average precision, if any has one."""
        for group in self.rankings(label):
            known = not math.isnan(self.of(group[0], BEST_BY, label).value)
            if known and self.is_whole(group[0], label):
                return group
        return []


def warnings(phantom: bool, simulated: bool) -> str:
    """Return the warnings about phantoms and simulated readers that stand before a title."""
    said = ["PHANTOM"] if phantom else []
    said += ["SIMULATED READERS"] if simulated else []
    return f"{', '.join(said)}: " if said else ""


def read(path: str | Path) -> pd.DataFrame:
    """Return `detection.csv`, `reviews.csv` or `readers.csv`; names and noises are always text."""
    names = [*PART, "score", "reader", "label", "direction", "measure", "how"]
    empty = {column: [""] for column in Number._fields}
    return pd.read_csv(
        path, dtype=dict.fromkeys(names, str), keep_default_na=False, na_values=empty
    )


def parts(
    detection: pd.DataFrame, reviews: pd.DataFrame, readers: pd.DataFrame, phantoms: list[str]
) -> list[Part]:
    """Return what belongs together, in the order of the table.

    Parameters
    ----------
    detection, reviews, readers: as `read` returns them.
    phantoms: the tasks whose images are phantoms.
    """
    found = []
    for key, rows in detection.groupby(PART, sort=False):
        curves, people = (
            table[(table[PART] == list(key)).all(axis=1) & (table["label"] == POOLED)]
            for table in (reviews, readers)
        )
        pooled = rows[(rows["label"] == POOLED) & (rows["direction"] == ANY)]
        how = "; ".join(text for text in pooled["how"].unique() if text)
        found.append(
            Part(
                *key,
                numbers=_numbers(rows),
                reviews=curves,
                readers=people,
                seeds=int(rows["seeds"].max()),
                how=how,
                phantom=key[0] in phantoms,
            )
        )
    return found


def _numbers(rows: pd.DataFrame) -> dict[tuple[str, str, str, str], Number]:
    keys = rows[["label", "direction", "score", "measure"]].itertuples(index=False, name=None)
    values = rows[list(Number._fields)].itertuples(index=False, name=None)
    return {key: Number(*value) for key, value in zip(keys, values, strict=True)}


def plain(name: str) -> str:
    """Return a name of the tables as a reader says it."""
    return NAMES.get(name, name.replace("_", " "))


def capital(text: str) -> str:
    """Return the text with a capital at its start."""
    return text[:1].upper() + text[1:]


def noise_name(noise: str) -> str:
    """Return the noise of a path in words: `8` is 8 % symmetric noise."""
    model, _, level = noise.rpartition("-")
    if level == "0":
        return "labels as they are"
    return f"{level} % {plain(model or 'symmetric')} noise"


def truth_name(truth: str) -> str:
    """Return the truth in words: `majority-of-three` is a name of the configuration."""
    return "the true labels" if truth == "labels" else truth.replace("-", " ").replace("_", " ")


def sentences(part: Part) -> Iterator[str]:
    """Say how many labels are wrong, what finds them best, and what a user should take from it."""
    wrong = part.of("", "wrong").value
    yield _wrong(part)
    yield from _left_out(part)
    if wrong == 0:
        yield "So there is nothing to find."
        return
    best = part.best()
    if not best:
        yield "No score has an average precision here."
        return
    yield from found(part, best, POOLED)
    yield from _take(part, best[0])
    if part.best(MEAN):
        yield from found(part, part.best(MEAN), MEAN)


def _wrong(part: Part) -> str:
    wrong, share = part.of("", "wrong"), part.of("", "prevalence").value
    count = _count(wrong.value)
    percent = f"{100 * share:.1f} %"
    if part.seeds > 1:
        return (
            f"On average over {part.seeds} seeds, {count} of {wrong.n:,.0f} labels are wrong "
            f"({percent})."
        )
    return f"{count} of {wrong.n:,.0f} labels are wrong ({percent})."


def _left_out(part: Part) -> Iterator[str]:
    """Say how many labels take no part, and why."""
    reasons = {WITHOUT_TRUTH: "of which the truth is not known"}
    reasons[UNDECIDED] = "on which the readers are divided"
    counts = {reason: part.of("", measure).value for measure, reason in reasons.items()}
    said = [f"{_count(count)} {reason}" for reason, count in counts.items() if count > 0]
    if said:
        more = part.of("", WITHOUT_TRUTH).n
        yield f"Left out of {more:,.0f} labels are {' and '.join(said)}."


def _count(count: float) -> str:
    return f"{count:,.1f}".removesuffix(".0")


def found(part: Part, best: list[str], label: str = POOLED) -> Iterator[str]:
    """Say what has the highest average precision, and whether it is better than cleanlab's.

    Parameters
    ----------
    best: what `part.best(label)` returns.
    """
    where = "Within findings, on average, " if label == MEAN else ""
    if label == POOLED and part.best(MEAN):
        where = "Pooled over the findings, "
    number = part.of(best[0], BEST_BY, label)
    name = "cleanlab’s self-confidence" if REFERENCE in best else f"“{plain(best[0])}”"
    sentence = f"{where}{name} has the highest average precision, {with_interval(number)}"
    sentence = capital(sentence)
    if REFERENCE in best:
        yield f"{sentence}: no other score does better."
        if label == POOLED and len(best) > 1:
            others = " and ".join(f"“{plain(name)}”" for name in best[1:])
            yield f"{others} {'has' if len(best) == 2 else 'have'} the same numbers."
    else:
        yield f"{sentence}. {compared(number)}"


def compared(number: Number) -> str:
    """Say whether a number is better than that of cleanlab's self-confidence."""
    if math.isnan(number.difference):
        return "It cannot be compared with cleanlab’s self-confidence, which was not scored here."
    interval = with_interval(difference(number))
    if number.difference_low > 0:
        return f"That is better than cleanlab’s self-confidence by {interval}."
    if number.difference_high < 0:
        return f"That is worse than cleanlab’s self-confidence by {interval}."
    if math.isnan(number.difference_low):
        return f"The difference to cleanlab’s self-confidence is {interval}, without an interval."
    return (
        f"That is no better than cleanlab’s self-confidence as far as these labels can tell: the "
        f"difference is {interval}, and its interval holds 0."
    )


def difference(number: Number) -> Number:
    """Return the paired difference to cleanlab's as a number."""
    return Number(number.difference, number.difference_low, number.difference_high)


def _take(part: Part, score: str) -> Iterator[str]:
    for measure, first in (("precision_at_100", 100), ("precision_at_20", 20)):
        share = part.of(score, measure).value
        if not math.isnan(share):
            random = first * part.of("", "prevalence").value
            yield (
                f"Of the {first} labels that it ranks first, {_about(first * share)} are wrong; "
                f"of {first} drawn at random, about {_about(random)} would be."
            )
            break
    recall = part.of(score, "precision_at_wrong").value
    if not math.isnan(recall):
        yield f"Who reviews as many labels as are wrong finds {100 * recall:.0f} % of them."


def _about(count: float) -> str:
    return f"{count:.0f}" if count >= 1 or count == 0 else f"{count:.1f}"


def with_interval(number: Number, signed: bool = False) -> str:
    """Return a number with three decimals and its interval; a missing number is a dash."""
    if math.isnan(number.value):
        return "–"
    value, low, high = (_decimals(bound, signed) for bound in number[:3])
    return value if math.isnan(number.low) else f"{value} [{low} to {high}]"


def _decimals(value: float, signed: bool) -> str:
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    return text.replace("-", "−")
