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
    return {image for _, image, _, _ in _expert_reads(path, finding)}


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
    rows, first, elsewhere = [], {}, set()
    for number, image, reader, answer in _expert_reads(path, finding):
        if (image, reader) in first:
            raise UserError(
                f"{path}, row {number}, is a second answer of reader {reader!r} to image {image}, "
                f"after row {first[image, reader]}: remove one of the two."
            )
        first[image, reader] = number
        if image in cases:
            rows.append((reader, cases[image], answer))
        else:
            elsewhere.add(image)
    log.info("%s: %d readings; %d images are not in the study", path, len(rows), len(elsewhere))
    return _manifest(pd.DataFrame(rows, columns=["reader", "case", "answer"]).assign(source=FILE))


def _expert_reads(path: str | Path, finding: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield (row, image, reader, answer) of each answer; an empty one is none."""
    rows = answers.numbered_rows(path)
    _, header = next(rows)
    columns = {slug(name): position for position, name in enumerate(header)}
    if slug(finding) not in columns:
        raise UserError(
            f"{path} has no column {finding}, so nobody read it there: choose another finding "
            "or another file for readings."
        )
    image, reader, said = (columns[slug(name)] for name in [*EXPERT_COLUMNS, finding])
    for number, cells in rows:
        if len(cells) != len(header):
            raise UserError(
                f"{path}, row {number}, has {len(cells)} cells instead of {len(header)}: "
                "mend the row or remove it."
            )
        if cells[said] == "":
            continue
        wrong = answers.name_problem(cells[reader])
        if cells[said] not in EXPERT_ANSWERS:
            wrong = (
                f"the answer {cells[said]!r} to {finding}, which is none of "
                f"{', '.join(EXPERT_ANSWERS)}"
            )
        if wrong:
            raise UserError(f"{path}, row {number}, has {wrong}: mend the row or remove it.")
        yield number, cells[image], cells[reader], EXPERT_ANSWERS[cells[said]]
