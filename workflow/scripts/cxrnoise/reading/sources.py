"""Who reads a study: people in the reading room, people who read the images before, or nobody.

Whatever the source, the result is the manifest `readings`.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.core.names import slug
from cxrnoise.core.randomness import uniform
from cxrnoise.reading import answers, study

log = logging.getLogger(__name__)

ROOM, FILE, SIMULATED = "room", "file", "simulated"
EXPERT_COLUMNS = ["Image ID", "Reader ID"]
EXPERT_ANSWERS = {"YES": answers.PRESENT, "NO": answers.ABSENT}
SUBCUTANEOUS = "subcutaneous emphysema"
UNSAID = 0  # as a confidence


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
    return {image for image, _, _ in expert_reads(path, finding)}


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
    read = answers.read_csv(path, study.identifier(key, finding), set(key["case"]))
    frame = answers.to_frame(read).assign(source=source)
    return _manifest(frame)


def simulated(
    key: pd.DataFrame, truth: pd.DataFrame, finding: str, options: Simulation
) -> pd.DataFrame:
    """Let simulated readers read the cases of `key`.

    Parameters
    ----------
    truth: the phantoms' `truth.csv`.

    Returns
    -------
    The manifest `readings`. An answer depends on reader and image alone, but for a case that is
    shown again, which is answered anew. A reader who finds no emphysema names a subcutaneous one.

    Raises `UserError` when the truth does not have an image.
    """
    cases = key[["case", "image", "repeats"]].merge(truth, on="image", how="left")
    unknown = cases.loc[cases["true_findings"].isna(), "image"]
    if len(unknown):
        raise UserError(
            f"the simulated reader finds no image {unknown.iloc[0]} in the phantoms' truth.csv: "
            "set readings to room, or to a file of readings."
        )
    has = cases["true_findings"].map(lambda names: slug(finding) in map(slug, names.split("|")))
    right = np.where(has, options.sensitivity, options.specificity)
    shown = cases["image"] + np.where(cases["repeats"] == "", "", " again")
    parts = []
    for reader in range(1, options.readers + 1):
        errs = uniform(options.seed, f"simulated reader {reader}", shown) >= right
        present = has.to_numpy() != errs
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


def _manifest(frame: pd.DataFrame) -> pd.DataFrame:
    unsaid: Mapping = {
        "confidence": UNSAID,
        "other_finding": "",
        "comment": "",
        "seconds": np.nan,
        "answered_at": "",
    }
    missing = {name: value for name, value in unsaid.items() if name not in frame}
    ordered = frame.assign(**missing).sort_values(["reader", "case"], ignore_index=True)
    return ordered[SCHEMAS["readings"].names]


def _from_expert_reads(path: str | Path, key: pd.DataFrame, finding: str) -> pd.DataFrame:
    cases = key.loc[key["role"] != study.REPEAT].set_index("image")["case"]
    rows, elsewhere = [], set()
    for image, reader, answer in expert_reads(path, finding):
        if image in cases:
            rows.append((reader, cases[image], answer))
        else:
            elsewhere.add(image)
    log.info("%s: %d readings; %d images are not in the study", path, len(rows), len(elsewhere))
    return _manifest(pd.DataFrame(rows, columns=["reader", "case", "answer"]).assign(source=FILE))


def expert_reads(path: str | Path, finding: str) -> Iterator[tuple[str, str, str]]:
    """Yield (image, reader, answer) of each answer in a file of expert reads; an empty one is none.

    A file without the column `Reader ID` holds verdicts, whose reader is "".

    Raises `UserError`, with file and row, for a file without such columns, an answer outside the
    vocabulary, and two answers of one reader to one image.
    """
    rows = answers.numbered_rows(path)
    _, header = next(rows, (1, []))
    columns = {slug(name): position for position, name in enumerate(header)}
    image, reader, said = (columns.get(slug(name)) for name in [*EXPERT_COLUMNS, finding])
    if image is None:
        raise UserError(
            f"{path} has no column {EXPERT_COLUMNS[0]}, so it is no file of expert reads: "
            "choose another file."
        )
    if said is None:
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
        if cells[said] == "":
            continue
        by = "" if reader is None else cells[reader]
        wrong = "" if reader is None else answers.name_problem(by)
        if cells[said] not in EXPERT_ANSWERS:
            wrong = (
                f"the answer {cells[said]!r} to {finding}, which is none of "
                f"{', '.join(EXPERT_ANSWERS)}"
            )
        if wrong:
            raise UserError(f"{path}, row {number}, has {wrong}: mend the row or remove it.")
        before = first.setdefault((cells[image], by), number)
        if before != number:
            raise UserError(
                f"{path}, row {number}, is a second answer of reader {by!r} to image "
                f"{cells[image]}, after row {before}: remove one of the two."
            )
        yield cells[image], by, EXPERT_ANSWERS[cells[said]]
