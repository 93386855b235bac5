"""How the reading goes: who has read how much, and how far two readers agree."""

from collections.abc import Iterable
from itertools import combinations
from statistics import median

from cxrnoise.reading.answers import ANSWERS, Reading


def progress(reader: str, readings: list[Reading], saved: int) -> dict:
    """Return what the administrator sees of a reader.

    Parameters
    ----------
    readings: the newest answer of the reader to each case; saved: answers with all corrections.
    """
    return {
        "reader": reader,
        "read": len(readings),
        "corrections": saved - len(readings),
        "answers": {answer: sum(r.answer == answer for r in readings) for answer in ANSWERS},
        "median_seconds": median(r.seconds for r in readings) if readings else None,
        "last": max((r.answered_at for r in readings), default=None),
    }


def pairs(readings: Iterable[Reading]) -> list[dict]:
    """Return, for each two readers with cases in common, how many and how far they agree.

    `agreement` is the share of equal answers; `kappa` is Cohen's, or None where it is undefined,
    as both readers gave one and the same answer to all cases.
    """
    by_reader: dict[str, dict[str, str]] = {}
    for reading in readings:
        by_reader.setdefault(reading.reader, {})[reading.case] = reading.answer
    found = []
    for first, second in combinations(sorted(by_reader), 2):
        common = sorted(by_reader[first].keys() & by_reader[second].keys())
        if common:
            answers = [[by_reader[reader][case] for case in common] for reader in (first, second)]
            found.append({"readers": [first, second], "cases": len(common), **_agreement(*answers)})
    return found


def _agreement(first: list[str], second: list[str]) -> dict:
    from sklearn.metrics import cohen_kappa_score  # takes seconds, which starting need not wait for

    agreement = sum(map(str.__eq__, first, second)) / len(first)
    if len({*first, *second}) == 1:
        return {"agreement": agreement, "kappa": None}
    return {"agreement": agreement, "kappa": float(cohen_kappa_score(first, second))}
