"""What is true of the labels: by the people who read the images, or by the phantoms' own truth."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.core.names import slug
from cxrnoise.reading import answers, sources

MAJORITY, UNANIMOUS = RULES = ("majority", "unanimous")
PHANTOM_COLUMNS = {"image", "true_findings"}


def read(path: str | Path, findings: Sequence[str], rule: str) -> pd.DataFrame:
    """Return the verdict on each label that a file says something about.

    Parameters
    ----------
    path, findings: as in `reads`. rule: as in `verdicts`.
    """
    return verdicts(reads(path, findings), rule)


def reads(path: str | Path, findings: Sequence[str]) -> pd.DataFrame:
    """Return what a file says of the findings of a task.

    Parameters
    ----------
    path: a CSV file of one of these layouts: expert reads of single readers (`Image ID`,
        `Reader ID` and a column a finding with YES, NO or nothing); verdicts (the same without
        `Reader ID`); or the phantoms' `truth.csv`.
    findings: the names of the task's labels.

    Returns
    -------
    One row a label and reader: image, label, reader ("" for a verdict) and answer (1 present,
    0 absent). Findings that the file does not have are counted in the log.

    Raises `UserError` where the file has none of the findings, and for rows that `expert_reads`
    refuses.
    """
    header = next(answers.numbered_rows(path), (1, []))[1]
    if set(header) >= PHANTOM_COLUMNS:
        return _of_phantoms(path, findings)
    known = sources.read_findings(path, findings)
    rows = [
        (image, finding, reader, int(answer == answers.PRESENT))
        for image, reader, finding, answer in sources.expert_reads(path, known)
    ]
    return pd.DataFrame(rows, columns=["image", "label", "reader", "answer"])


def _of_phantoms(path: str | Path, findings: Sequence[str]) -> pd.DataFrame:
    truth = pd.read_csv(path, keep_default_na=False, dtype=str)
    has = truth["true_findings"].map(lambda names: {slug(name) for name in names.split("|")})
    parts = [
        pd.DataFrame(
            {
                "image": truth["image"],
                "label": finding,
                "reader": "",
                "answer": [int(slug(finding) in names) for names in has],
            }
        )
        for finding in findings
    ]
    return pd.concat(parts, ignore_index=True)


def verdicts(read: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Return the verdict of the readers on each label.

    Parameters
    ----------
    read: the table of `reads`; in an audit an answer can also be a class, or -1 for not sure.
    rule: `majority` (more than half of the readers of the label say so) or `unanimous` (all do).

    Returns
    -------
    One row a label that somebody read: image, label, true_label (int8, -1 where the rule decides
    nothing or readers are not sure), votes (how many readers give the most frequent answer) and
    readers (how many read the label).
    """
    key = ["image", "label"]
    counted = read.groupby([*key, "answer"], sort=False).size().rename("votes").reset_index()
    counted["readers"] = counted.groupby(key, sort=False)["votes"].transform("sum")
    most = counted.sort_values("votes", ascending=False, kind="stable")
    found = most.drop_duplicates(key).sort_index().reset_index(drop=True)
    needed = found["readers"] if rule == UNANIMOUS else found["readers"] // 2 + 1
    true = np.where(found["votes"] >= needed, found["answer"], UNKNOWN).astype(np.int8)
    return found.assign(true_label=true)[[*key, "true_label", "votes", "readers"]]


def against_the_others(read: pd.DataFrame) -> pd.DataFrame:
    """Return what each reader says beside the majority of the other readers of the label.

    Parameters
    ----------
    read: the table of `reads`.

    Returns
    -------
    The rows of `read` of labels that several people read, with true_label: what most of the others
    say, -1 in a tie.
    """
    of_label = read.groupby(["image", "label"])["answer"]
    present = of_label.transform("sum") - read["answer"]
    absent = of_label.transform("size") - 1 - present
    found = read.assign(true_label=_majority(present, absent).astype(np.int8))
    return found[present + absent > 0].reset_index(drop=True)


def _majority(present: pd.Series, absent: pd.Series) -> np.ndarray:
    return np.select([present > absent, present < absent], [1, 0], UNKNOWN)
