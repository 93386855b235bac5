"""How the reading goes: who has read how much, and how far two readers agree."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from itertools import combinations
from statistics import median

from cxrnoise.reading.answers import Asked, Reading


def progress(
    reader: str, readings: list[Reading], saved: int, cases: Collection[str], asked: Asked
) -> dict:
    """Return what the administrator sees of a reader.

    Parameters
    ----------
    readings: the newest answer of the reader to each case and finding; saved: the number of
    answers with all corrections; cases: those that the reader is to read.
    """
    seconds = {reading.case: reading.seconds for reading in readings}
    return {
        "reader": reader,
        "read": len(seconds.keys() & set(cases)),
        "cases": len(cases),
        "corrections": (saved - len(readings)) // len(asked.findings),
        "answers": _counts(readings, asked),
        "median_seconds": median(seconds.values()) if seconds else None,
        "last": max((r.answered_at for r in readings), default=None),
    }


def findings(readings: list[Reading], asked: Asked) -> list[dict]:
    """Return how often each finding was read, by all readers together, and each answer given."""
    found = []
    for finding in asked.findings:
        own = [reading for reading in readings if reading.finding == finding]
        found.append({"finding": finding, "read": len(own), "answers": _counts(own, asked)})
    return found


def _counts(readings: Iterable[Reading], asked: Asked) -> dict[str, int]:
    given = Counter(reading.answer for reading in readings)
    return {answer: given[answer] for answer in asked.vocabulary}


def pairs(readings: Iterable[Reading], asked: Asked) -> list[dict]:
    """Return, for each two readers with cases in common, how many and how far they agree.

    There is one entry a finding. `agreement` is the share of equal answers; `kappa` is Cohen's, or
    None where it is undefined, as both readers gave one and the same answer to all cases.
    """
    said: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for reading in readings:
        said[reading.finding][reading.reader][reading.case] = reading.answer
    found = []
    for finding in asked.findings:
        for first, second in combinations(sorted(said[finding]), 2):
            one, two = said[finding][first], said[finding][second]
            common = [(one[case], two[case]) for case in one.keys() & two.keys()]
            if common:
                about = {"finding": finding, "readers": [first, second], "cases": len(common)}
                found.append(about | _agreement(common))
    return found


def disputed(readings: Iterable[Reading]) -> list[str]:
    """Return the cases of which two readers say different things of a finding."""
    said = defaultdict(set)
    for reading in readings:
        said[reading.case, reading.finding].add(reading.answer)
    return sorted({case for (case, _), answers in said.items() if len(answers) > 1})


def _agreement(answers: list[tuple[str, str]]) -> dict:
    """Return agreement and kappa; the page asks for hundreds of pairs, so without a library."""
    n = len(answers)
    agreement = sum(one == two for one, two in answers) / n
    first, second = (Counter(said) for said in zip(*answers, strict=True))
    chance = sum(first[answer] * second[answer] for answer in first) / n**2
    kappa = None if chance == 1 else (agreement - chance) / (1 - chance)
    return {"agreement": agreement, "kappa": kappa}
