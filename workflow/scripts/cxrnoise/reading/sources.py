"""Who reads a study: people in the reading room, people who read the images before, or nobody.

Whatever the source, the result is the manifest `readings`, of a study of one finding, or
`audit_readings`, of an audit.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SCHEMAS, UNKNOWN
from cxrnoise.core.names import slug
from cxrnoise.core.randomness import uniform
from cxrnoise.reading import answers, study
from cxrnoise.tasks.columns import listed

log = logging.getLogger(__name__)

ROOM, FILE, SIMULATED = "room", "file", "simulated"
EXPERT_COLUMNS = ["Image ID", "Reader ID"]
EXPERT_ANSWERS = {"YES": answers.PRESENT, "NO": answers.ABSENT}
SUBCUTANEOUS = "subcutaneous emphysema"


# What a reading has where its source does not say it.
UNSAID: Mapping = {
    "confidence": answers.UNSAID,
    "other_finding": "",
    "comment": "",
    "seconds": np.nan,
    "answered_at": "",
}


@dataclass(frozen=True)
class Simulation:
    """Readers who know the truth and err at random; the group `simulated_reader`."""

    readers: int
    sensitivity: float
    specificity: float
    seed: int


def at_hand(named: str, exported: str) -> str | list[str]:
    """Return the file of readings that there is, or none.

    Parameters
    ----------
    named: the configuration key `readings`; exported: where the reading room's export belongs.
    """
    if named == ROOM:
        return exported if os.path.exists(exported) else []
    return [] if named == SIMULATED else named


def unread(folder: str, exported: str, first: str = "") -> str:
    """Return the sentence that says what to do where nobody has read a study yet.

    Parameters
    ----------
    folder: of the study; exported: where the reading room's export belongs.
    first: what to do before people can read it, such as "make it, ".
    """
    return (
        f"{exported} is missing, because nobody has read {folder} yet: {first}read it (make "
        f"reading-room STUDY={folder}), export the readings (.venv/bin/reading-room {folder} "
        f"export {exported}) and run again."
    )


def are_expert_reads(path: str | Path) -> bool:
    """Whether a file has the layout of the NIH's expert reads, else that of our readings."""
    header = next(answers.numbered_rows(path), (1, []))[1]
    return set(EXPERT_COLUMNS) <= set(header)


def images_read(path: str | Path, finding: str) -> set[str] | None:
    """Return the images of which a file of expert reads says something about `finding`.

    None of a file of our own layout, which names cases and no images.
    """
    if not are_expert_reads(path):
        return None
    return {image for image, _, _, _ in expert_reads(path, [finding])}


def from_csv(path: str | Path, key: pd.DataFrame, finding: str, source: str = FILE) -> pd.DataFrame:
    """Read what people said of the cases of `key` from a CSV file of either layout.

    Expert reads of images that are not in the study are left out and counted in the log; a case
    that is shown twice was read once.

    Returns
    -------
    The manifest `readings`. Raises `UserError`, with file and row, for an answer outside the
    vocabulary, two answers of one reader to one case and, in a file of our own layout, a case
    that the study does not have.
    """
    if are_expert_reads(path):
        return _from_expert_reads(path, key, finding)
    asked = answers.Asked([finding])
    read = answers.read_csv(path, study.identifier(key, [finding]), set(key["case"]), asked)
    frame = answers.to_frame(read).assign(source=source)
    return _manifest(frame)


def simulated(
    key: pd.DataFrame, truth: pd.DataFrame, finding: str, options: Simulation
) -> pd.DataFrame:
    """Let simulated readers read the cases of `key` for one finding.

    Parameters
    ----------
    truth: the phantoms' `truth.csv`.

    Returns
    -------
    The manifest `readings`. An answer depends on reader and image alone, but for a case that is
    shown again, which is answered anew. A reader who finds no emphysema names a subcutaneous one.

    Raises `UserError` when the truth does not have an image.
    """
    cases = _with_truth(key, truth)
    parts = []
    for reader in range(1, options.readers + 1):
        present = _simulated_says(cases, finding, options, reader, f"simulated reader {reader}")
        other = ~present & cases["subcutaneous"].to_numpy(bool) & (slug(finding) == "emphysema")
        parts.append(
            pd.DataFrame(
                {
                    "reader": f"simulated {reader}",
                    "case": cases["case"],
                    "answer": np.where(present, answers.PRESENT, answers.ABSENT),
                    "other_finding": np.where(other, SUBCUTANEOUS, ""),
                }
            )
        )
    return _manifest(pd.concat(parts).assign(source=SIMULATED))


def _with_truth(key: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    cases = key[["case", "image", "repeats"]].merge(truth, on="image", how="left")
    unknown = cases.loc[cases["true_findings"].isna(), "image"]
    if len(unknown):
        raise UserError(
            f"the simulated reader finds no image {unknown.iloc[0]} in the phantoms' truth.csv: "
            "set readings to room, or to a file of readings."
        )
    return cases


def _simulated_says(
    cases: pd.DataFrame, finding: str, options: Simulation, reader: int, purpose: str
) -> np.ndarray:
    """Return whether a simulated reader finds the finding in each case: bool (cases,)."""
    has = cases["true_findings"].map(lambda names: slug(finding) in map(slug, names.split("|")))
    right = np.where(has, options.sensitivity, options.specificity)
    shown = cases["image"] + np.where(cases["repeats"] == "", "", " again")
    errs = uniform(options.seed, purpose, shown) >= right
    return has.to_numpy() != errs


def for_audit(
    path: str | Path,
    key: pd.DataFrame,
    asked: answers.Asked,
    design: str,
    source: str = FILE,
) -> pd.DataFrame:
    """Read what people said of the cases of an audit from a CSV file of either layout.

    Expert reads may be those of single readers or, without `Reader ID`, verdicts; for classes,
    the column of what is classified names the class, or says unsure. Images that are not in the
    audit have their own name as their case; they are counted in the log, and findings that the file
    does not have are named there. A case that is shown twice was read once.

    Parameters
    ----------
    key: the manifest `audit_key`.
    asked: what the audit asks. design: its name, as in `study.identifier`.

    Returns
    -------
    The manifest `audit_readings`. Raises `UserError` as `answers.read_csv` and `expert_reads` do,
    and where none of the images that were read is in the audit.
    """
    header = next(answers.numbered_rows(path), (1, []))[1]
    if EXPERT_COLUMNS[0] in header:
        return _expert_reads_of_audit(path, key, asked)
    identity = study.identifier(key, asked.findings, asked.classes, design)
    frame = answers.to_frame(answers.read_csv(path, identity, set(key["case"]), asked))
    frame = frame.rename(columns={"finding": "label"})
    frame["answer"] = frame["answer"].map(_numbers(asked))
    return _audit_manifest(frame, key, source)


def simulated_for_audit(
    key: pd.DataFrame, truth: pd.DataFrame, asked: answers.Asked, options: Simulation
) -> pd.DataFrame:
    """Let simulated readers read the cases of an audit for all of its findings.

    Parameters and errors are those of `for_audit` and `simulated`. An answer depends on reader,
    finding and image alone, but for a case that is shown again, which is answered anew.

    Returns
    -------
    The manifest `audit_readings`.
    """
    if asked.classes:
        raise UserError(
            "simulated readers know the findings of the phantoms, and no classes: set "
            "audit.readings to room, or to a file of readings."
        )
    cases = _with_truth(key, truth)
    parts = []
    for reader in range(1, options.readers + 1):
        for finding in asked.findings:
            purpose = f"simulated reader {reader} of {slug(finding)}"
            present = _simulated_says(cases, finding, options, reader, purpose)
            said = {"case": cases["case"], "label": finding, "answer": present.astype(np.int8)}
            parts.append(pd.DataFrame({"reader": f"simulated {reader}", **said}))
    return _audit_manifest(pd.concat(parts), key, SIMULATED)


def key_without_cases(sample: pd.DataFrame) -> pd.DataFrame:
    """Return the key of an audit without images, which no reading room shows: images are cases.

    Parameters
    ----------
    sample: the manifest `sample`.
    """
    return sample[["image", "role"]].assign(case=sample["image"], repeats="")


def _numbers(asked: answers.Asked) -> dict[str, int]:
    """Return the answers of a study as the values of a label: -1 stands for not sure."""
    classes = asked.classes or (answers.ABSENT, answers.PRESENT)
    return {name: number for number, name in enumerate(classes)} | {answers.UNSURE: UNKNOWN}


def _expert_reads_of_audit(
    path: str | Path, key: pd.DataFrame, asked: answers.Asked
) -> pd.DataFrame:
    cases = key.loc[key["role"] != study.REPEAT].set_index("image")["case"].to_dict()
    numbers, vocabulary = _numbers(asked), EXPERT_ANSWERS
    if asked.classes:
        vocabulary = {answer: answer for answer in asked.vocabulary}
    findings = read_findings(path, asked.findings)
    rows = [
        (reader, cases.get(image, image), finding, numbers[answer])
        for image, reader, finding, answer in expert_reads(path, findings, vocabulary)
    ]
    read = {case for _, case, _, _ in rows}
    inside = read & {*cases.values()}
    if read and not inside:
        raise UserError(
            f"None of the images of {path} is in the sample of the audit: name another file in "
            "audit.readings."
        )
    log.info(
        "%s: %d answers; %d images are not in the audit: they can correct labels and are not "
        "counted",
        *(path, len(rows), len(read - inside)),
    )
    frame = pd.DataFrame(rows, columns=["reader", "case", "label", "answer"])
    return _audit_manifest(frame, key, FILE)


def _audit_manifest(frame: pd.DataFrame, key: pd.DataFrame, source: str) -> pd.DataFrame:
    of_case = key.set_index("case")
    found = frame.assign(
        image=frame["case"].map(of_case["image"]).fillna(frame["case"]),
        again=frame["case"].map(of_case["role"]).eq(study.REPEAT),
        source=source,
    )
    for name, value in UNSAID.items():
        if name not in found:
            found[name] = value
    ordered = found.sort_values(["reader", "case", "label"], ignore_index=True)
    return ordered[SCHEMAS["audit_readings"].names]


def _manifest(frame: pd.DataFrame) -> pd.DataFrame:
    missing = {name: value for name, value in UNSAID.items() if name not in frame}
    ordered = frame.assign(**missing).sort_values(["reader", "case"], ignore_index=True)
    return ordered[SCHEMAS["readings"].names]


def _from_expert_reads(path: str | Path, key: pd.DataFrame, finding: str) -> pd.DataFrame:
    cases = key.loc[key["role"] != study.REPEAT].set_index("image")["case"]
    rows, elsewhere = [], set()
    for image, reader, _, answer in expert_reads(path, [finding]):
        if image in cases:
            rows.append((reader, cases[image], answer))
        else:
            elsewhere.add(image)
    log.info("%s: %d readings; %d images are not in the study", path, len(rows), len(elsewhere))
    return _manifest(pd.DataFrame(rows, columns=["reader", "case", "answer"]).assign(source=FILE))


def read_findings(path: str | Path, findings: Sequence[str]) -> list[str]:
    """Return those of the findings for which a file has a column; others are named in the log.

    Raises `UserError` where it has none of them.
    """
    header = next(answers.numbered_rows(path), (1, []))[1]
    columns = {slug(name) for name in header}
    known = [finding for finding in findings if slug(finding) in columns]
    if not known:
        raise UserError(
            f"{path} has no column for {listed(findings)}, so it says nothing about this task: "
            f"its columns are {listed(header, most=20)}; name another file or another task."
        )
    if len(known) < len(findings):
        missing = [finding for finding in findings if finding not in known]
        log.info("%s says nothing about %s", path, listed(missing))
    return known


def expert_reads(
    path: str | Path, findings: Sequence[str], vocabulary: Mapping[str, str] = EXPERT_ANSWERS
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (image, reader, finding, answer) of the answers in a file of expert reads.

    `vocabulary` says what each text in a cell means; an empty cell is no answer. A file without
    the column `Reader ID` holds verdicts, whose reader is "".

    Raises `UserError`, with file and row, for a file without such columns, an answer outside the
    vocabulary, and two answers of one reader to one image.
    """
    rows = answers.numbered_rows(path)
    _, header = next(rows, (1, []))
    columns = {slug(name): position for position, name in enumerate(header)}
    image, reader = (columns.get(slug(name)) for name in EXPERT_COLUMNS)
    if image is None:
        raise UserError(
            f"{path} has no column {EXPERT_COLUMNS[0]}, so it is no file of expert reads: "
            "choose another file."
        )
    for finding in findings:
        if slug(finding) not in columns:
            raise UserError(
                f"{path} has no column {finding}, so nobody read it there: choose another finding "
                "or another file for readings."
            )
    first = {}
    for number, cells in rows:
        if len(cells) != len(header):
            raise UserError(
                f"{path}, row {number}, has {len(cells)} cells instead of {len(header)}: "
                "mend the row or remove it."
            )
        by = "" if reader is None else cells[reader]
        said = {finding: cells[columns[slug(finding)]] for finding in findings}
        said = {finding: answer for finding, answer in said.items() if answer}
        wrong = answers.name_problem(by) if said and reader is not None else ""
        for finding, answer in said.items():
            if answer not in vocabulary:
                wrong = (
                    f"the answer {answer!r} to {finding}, which is none of "
                    f"{listed(vocabulary, most=130)}"
                )
        if wrong:
            raise UserError(f"{path}, row {number}, has {wrong}: mend the row or remove it.")
        for finding, answer in said.items():
            before = first.setdefault((cells[image], by, finding), number)
            if before != number:
                raise UserError(
                    f"{path}, row {number}, is a second answer of reader {by!r} to {finding} in "
                    f"image {cells[image]}, after row {before}: remove one of the two."
                )
            yield cells[image], by, finding, vocabulary[answer]
