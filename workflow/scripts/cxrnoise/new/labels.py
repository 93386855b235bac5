"""The labels of a table: findings and classes, with their numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.names import slug
from cxrnoise.datasets import columns
from cxrnoise.new import words
from cxrnoise.tasks import values
from cxrnoise.tasks.columns import listed
from cxrnoise.tasks.kinds.classes import MOST
from cxrnoise.tasks.kinds.findings import OTHERS

LEAST_KNOWN = 0.9  # of the cells of a finding that are not empty have a known spelling
MOST_UNKNOWN = 10  # other spellings
MOST_CLASSES = 20  # in a column that is not named as the one with the classes
LEAST_OF_A_CLASS = 3  # images on average


@dataclass(frozen=True)
class Finding:
    """How often the cells of a column say what.

    words: what spellings mean that `values` does not know; unknown: those that nobody knows, with
    their numbers.
    """

    present: int
    absent: int
    uncertain: int
    empty: int
    words: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """Findings by column; the numbers of the classes by column; columns that are not used."""

    findings: dict[str, Finding]
    classes: dict[str, Counter]
    others: list[str]

    @property
    def empty(self) -> int:
        """How many cells of the findings are empty."""
        return sum(finding.empty for finding in self.findings.values())

    @property
    def absent(self) -> int:
        """How many cells of the findings say that it is absent."""
        return sum(finding.absent for finding in self.findings.values())

    @property
    def unknown(self) -> Counter:
        """How often spellings occur that nobody knows."""
        return sum((Counter(finding.unknown) for finding in self.findings.values()), Counter())

    @property
    def words(self) -> dict[str, str]:
        """What spellings mean in all findings, `masked` for those that nobody knows."""
        found = {}
        for finding in self.findings.values():
            found |= finding.words | dict.fromkeys(finding.unknown, "masked")
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))


def find(
    table: pd.DataFrame, path: str | Path, known: Iterable[str], named: Iterable[str]
) -> Labels:
    """Find the columns that may be labels.

    Parameters
    ----------
    table: what the kind of data set reads.
    known: columns that are findings for sure.
    named: columns that the user says are the labels; others are not used then.

    Raises `UserError` when a named column is not there, or is neither a finding nor classes.
    """
    there = [name for name in table if name not in ("image", "patient", "view")]
    named = [_given(there, path, name) for name in named]
    findings, classes = {}, {}
    for name in named or known or there:
        counted = Counter()
        for cell, number in table[name].value_counts().items():
            counted[values.word_of(cell)] += number
        finding = _finding(counted)
        if finding and (named or known or not _is_other(name)):
            findings[name] = finding
        elif _is_classes(name, table[name], bool(named)):
            classes[name] = Counter(table[name][table[name] != ""])
        elif named:
            raise UserError(
                f"The column {name!r} of {path} is neither a finding nor classes: most cells of a "
                f"finding are 1 and 0, yes and no or the like, and this one has "
                f"{listed(map(repr, counted), 5)}."
            )
    others = [name for name in there if name not in findings and name not in classes]
    return Labels(findings, classes, others)


def _given(there: list[str], path: str | Path, name: str) -> str:
    found = columns.find(there, name)
    if found is None:
        raise UserError(
            f"ONLY has {name!r}, which is no column with labels of {path}: choose among "
            f"{', '.join(map(repr, there))}."
        )
    return found


def _is_other(name: str) -> bool:
    return slug(name) in OTHERS or words.has(name, (*words.PERSONAL, *words.NAMES))


def _finding(counted: Mapping[str, int]) -> Finding | None:
    """Count what the cells say, or return None where too many say nothing that is understood."""
    numbers, spellings = Counter(), {}
    empty, unknown = 0, {}
    for word, number in counted.items():
        if word in values.EMPTY:
            empty += number
        elif meaning := _meaning(word):
            numbers[meaning] += number
            if word in words.MEANINGS:
                spellings[word] = meaning
        else:
            unknown[word] = number
    known, others = numbers.total(), sum(unknown.values())
    if not numbers["present"] + numbers["absent"] or known < LEAST_KNOWN * (known + others):
        return None
    graded = any(word.replace(".", "").isdigit() for word in unknown)  # a count or a grade
    if graded or len(unknown) > MOST_UNKNOWN:
        return None
    uncertain = numbers["masked"] + others
    return Finding(numbers["present"], numbers["absent"], uncertain, empty, spellings, unknown)


def _meaning(word: str) -> str | None:
    if word in values.KNOWN:
        return values.CLASSES[values.KNOWN[word]]
    return "masked" if word in values.UNCERTAIN else words.MEANINGS.get(word)


def _is_classes(name: str, column: pd.Series, named: bool) -> bool:
    filled = column[column != ""]
    number = filled.nunique()
    if named or any(stem in columns.key(name) for stem in words.CLASSES):
        return 2 <= number <= MOST and LEAST_OF_A_CLASS * number <= len(filled)
    text = not filled.str.fullmatch(r"[\d.,/:\s-]*").any()
    return (
        not _is_other(name)
        and text
        and 2 <= number <= MOST_CLASSES
        and LEAST_OF_A_CLASS * number <= len(filled)
    )
