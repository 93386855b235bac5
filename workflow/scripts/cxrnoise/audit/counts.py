"""How many labels of an archive are wrong, from what people read of a sample.

**The rule, fixed before anybody reads.** The count of one finding or class is the stratified
estimate. The count of all labels together is the difference estimator, with probabilities that were
learnt from the readings of other patients. The other estimate of each stands beside it; nobody may
choose the one that pleases more. For findings that are seldom wrong the difference estimator has
the shorter interval, but it leans on what the model learnt from other findings.

The sampled unit is the image. For one finding an image has one label, so the share of wrong labels
in a stratum has Wilson's interval. Labels that say present and labels that say absent are counted
apart, each within its strata, and `any` is the sum of both. All labels of an image are read
together, so the interval of all labels comes from the differences between images.

The same holds in a part of the archive, such as one view position: how many labels each stratum has
there is known. Labels that are not sure or tied are left out of their stratum, as are those that
nobody read.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cxrnoise.audit.sample import SUSPICIOUS
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.statistics import survey
from cxrnoise.statistics.intervals import Estimate
from cxrnoise.tasks import values

log = logging.getLogger(__name__)

ALL = "all"  # the labels of all findings or classes together
ANY, PRESENT, ABSENT = "any", "present", "absent"
DIRECTIONS = {ABSENT: values.ABSENT, PRESENT: values.PRESENT}
STRATIFIED, DIFFERENCE = "stratified", "difference"
WRONG, RIGHT, NOT_SURE, NOT_READ = 1, 0, -1, -2  # what readers say of a label
COLUMNS = ["label", "direction", "method", "labels", "read", "found", "wrong", "wrong_low"]
COLUMNS += ["wrong_high", "share", "share_low", "share_high", "unsure"]
COLUMNS += ["wrong_if_unsure_right_low", "wrong_if_unsure_wrong_high", "by", "value"]


@dataclass(frozen=True)
class Archive:
    """The labels of an archive, an image a row and a name a column, and what is known of them.

    given, said: int8 (n, K), the given value (-1 for none), and `WRONG`, `RIGHT`, `NOT_SURE` or
    `NOT_READ`. chance: float64 (n, K), that the label is wrong. stratum: integers (n,), by rising
    rate, of `strata`. names: of the K columns; classes: of the values.
    """

    images: pd.Index
    names: list[str]
    classes: list[str]
    given: np.ndarray
    said: np.ndarray
    chance: np.ndarray
    stratum: np.ndarray
    strata: int


def count(
    labels: pd.DataFrame,
    design: pd.DataFrame,
    sample: pd.DataFrame,
    verdicts: pd.DataFrame,
    probabilities: pd.DataFrame,
    groups: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return how many labels are wrong, with 95 % intervals.

    Parameters
    ----------
    labels: the manifest `labels` of the audited run, with its classes.
    design, sample: the manifests of these names.
    verdicts: the manifest `audit_verdicts`. Verdicts on images outside the sample are left out.
    probabilities: image, label and calibrated (float64), the probability that the label is wrong,
        which for a label that was read comes from other patients.
    groups: image and a text column for each way to divide the archive.

    Returns
    -------
    `COLUMNS`, one row a label (`all`, a finding, a class), direction (`any`; for findings also
    `present`, labels that say present and are wrong, and `absent`) and method. labels: how many
    there are; read: how many of them readers decided; found: how many of these are wrong; unsure:
    how many readers did not decide. If these were all right, the interval would begin at
    wrong_if_unsure_right_low; if they were all wrong, it would end at wrong_if_unsure_wrong_high.
    by and value: the column of `groups` and its value, empty for the whole archive.

    Raises `UserError` where no verdict is about an image of the sample, and where all are not sure.
    """
    of_sample = _of_sample(sample, verdicts)
    archive = _archive(labels, design, of_sample, probabilities)
    parts = [("", "", np.ones(len(archive.images), bool))]
    if groups is not None:
        table = groups.set_index("image").reindex(archive.images)
        for by in table:
            column = table[by].to_numpy()
            parts += [(by, value, column == value) for value in pd.unique(table[by].dropna())]
    rows = [
        row | {"by": by, "value": value}
        for by, value, images in parts
        for row in _rows(archive, images)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def say(table: pd.DataFrame) -> None:
    """Log the count of all labels, and of each finding or class that was read."""
    whole = table[(table["by"] == "") & (table["direction"] == ANY) & (table["read"] > 0)]
    whole = whole[(whole["method"] == DIFFERENCE) == (whole["label"] == ALL)]
    for row in whole.itertuples():
        log.info(
            "%s (%s): %.0f of %d labels are wrong [%.0f to %.0f]; %d were read, %d found wrong",
            *(row.label, row.method, row.wrong, row.labels, row.wrong_low, row.wrong_high),
            *(row.read, row.found),
        )


def _of_sample(sample: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts on images of the probability sample; say what is left out."""
    drawn = sample.loc[sample["role"] != SUSPICIOUS, "image"]
    inside = verdicts["image"].isin(drawn)
    outside = verdicts.loc[~inside, "image"].nunique()
    if outside:
        log.info(
            "%d images were read that are not in the probability sample: their verdicts are used "
            "for corrections, not for the count",
            outside,
        )
    found = verdicts[inside]
    if found.empty:
        raise UserError(
            f"None of the {outside} images that were read is in the sample of the audit, so no "
            "number follows from them: read images of the sample, or name the readings and the "
            "design that belong together in audit.readings and audit.design."
        )
    unsure = found["true_label"] == UNKNOWN
    if unsure.all():
        raise UserError(
            f"Readers are not sure of any of the {len(found)} labels that they read, or do not "
            "agree, so no label is known to be right or wrong: read more images, or add a reader."
        )
    missing = len(drawn) - found["image"].nunique()
    if missing:
        log.info("%d of the %d images of the sample are not read yet", missing, len(drawn))
    log.info(
        "%d labels were read in the sample; of %d the readers are not sure or do not agree",
        len(found),
        unsure.sum(),
    )
    if found["readers"].max() == 1:
        log.info("each label has one reader: what is counted is disagreement with this reader")
    return found


def _archive(
    labels: pd.DataFrame,
    design: pd.DataFrame,
    verdicts: pd.DataFrame,
    probabilities: pd.DataFrame,
) -> Archive:
    images, names = pd.Index(design["image"]), pd.Index(labels["label"].unique())
    late = labels.loc[images.get_indexer(labels["image"]) < 0, "image"].nunique()
    if late:
        log.info("%d images came after the design and are not counted", late)

    def laid_out(table: pd.DataFrame, column: str, rest: float, kind: type) -> np.ndarray:
        row, place = images.get_indexer(table["image"]), names.get_indexer(table["label"])
        there = (row >= 0) & (place >= 0)
        matrix = np.full((len(images), len(names)), rest, kind)
        matrix[row[there], place[there]] = table[column].to_numpy()[there]
        return matrix

    given = laid_out(labels, "given_label", UNKNOWN, np.int8)
    true = laid_out(verdicts, "true_label", NOT_READ, np.int8)
    said = np.where(true >= 0, np.where(true != given, WRONG, RIGHT), true)
    strata = design.groupby("stratum")["weight"].first().reset_index()
    by_rate = pd.Index(strata.sort_values(["weight", "stratum"])["stratum"])
    return Archive(
        images=images,
        names=names.tolist(),
        classes=labels.attrs["classes"],
        given=given,
        said=np.where(given == UNKNOWN, NOT_READ, said),
        chance=laid_out(probabilities, "calibrated", 0.0, np.float64),
        stratum=by_rate.get_indexer(design["stratum"]),
        strata=len(by_rate),
    )


def _rows(archive: Archive, images: np.ndarray) -> Iterator[dict]:
    """Yield the counts of the images that a boolean array (n,) names."""
    there = (archive.given != UNKNOWN) & images[:, np.newaxis]
    findings = list(archive.classes) == values.CLASSES
    directions = DIRECTIONS if findings else {}
    for direction, domain in _directions(archive, there, directions):
        yield from _row(archive, domain, ALL, direction, DIFFERENCE)
        yield from _row(archive, domain, ALL, direction, STRATIFIED)
    if not findings:
        for value, name in enumerate(archive.classes):
            of_class = there & (archive.given == value)
            for method in (STRATIFIED, DIFFERENCE):
                yield from _row(archive, of_class, name, ANY, method)
        return
    for column, name in enumerate(archive.names):
        one = replace(
            archive,
            given=archive.given[:, [column]],
            said=archive.said[:, [column]],
            chance=archive.chance[:, [column]],
        )
        for direction, domain in _directions(one, there[:, [column]], directions):
            yield from _row(one, domain, name, direction, STRATIFIED)
            if direction == ANY:
                yield from _row(one, domain, name, direction, DIFFERENCE)


def _directions(archive: Archive, there: np.ndarray, directions: dict) -> Iterator[tuple]:
    yield ANY, there
    for direction, value in directions.items():
        yield direction, there & (archive.given == value)


def _row(
    archive: Archive, domain: np.ndarray, label: str, direction: str, method: str
) -> Iterator[dict]:
    """Yield the count of the labels of a domain, boolean (n, K); nothing where it has none."""
    labels = int(domain.sum())
    if labels == 0:
        return
    said = np.where(domain, archive.said, NOT_READ)
    unsure = said == NOT_SURE
    found = _estimate(archive, domain, said, method)
    lowest, highest = found, found
    if unsure.any():
        lowest, highest = (
            _estimate(archive, domain, np.where(unsure, all_of_them, said), method)
            for all_of_them in (RIGHT, WRONG)
        )
    yield {
        "label": label,
        "direction": direction,
        "method": method,
        "labels": labels,
        "read": int((said >= 0).sum()),
        "found": int((said == WRONG).sum()),
        "wrong": found.value,
        "wrong_low": found.low,
        "wrong_high": found.high,
        "share": found.value / labels,
        "share_low": found.low / labels,
        "share_high": found.high / labels,
        "unsure": int(unsure.sum()),
        "wrong_if_unsure_right_low": lowest.low,
        "wrong_if_unsure_wrong_high": highest.high,
    }


def _estimate(archive: Archive, domain: np.ndarray, said: np.ndarray, method: str) -> Estimate:
    if method == STRATIFIED and domain.shape[1] == 1:
        return _one_label_an_image(archive, domain[:, 0], said[:, 0])
    of_image, stratum, strata = domain.sum(axis=1), archive.stratum, archive.strata
    decided = said >= 0
    read = decided.any(axis=1)
    images = np.bincount(stratum, of_image > 0, strata)
    expected = None
    if method == DIFFERENCE:
        chance = np.where(domain, archive.chance, 0)
        spread = np.bincount(stratum, (chance * (1 - chance)).sum(axis=1), strata)
        expected = survey.Expected(
            of_read=(decided * chance).sum(axis=1)[read],
            in_all=chance.sum(),
            variance=spread / np.maximum(images, 1),
        )
    return survey.total(
        wrong=(said == WRONG).sum(axis=1)[read],
        labels=decided.sum(axis=1)[read],
        stratum=stratum[read],
        images=images,
        size=np.bincount(stratum, of_image, strata),
        expected=expected,
    )


def _one_label_an_image(archive: Archive, domain: np.ndarray, said: np.ndarray) -> Estimate:
    """Return the count from the shares of strata, of labels that say absent and present apart.

    Where nobody read a label of one direction, both are taken together.
    """

    def number(rows: np.ndarray) -> Estimate:
        size, read, found = (
            np.bincount(archive.stratum[rows & of], minlength=archive.strata)
            for of in (domain, said >= 0, said == WRONG)
        )
        return survey.number(found, read, size)

    if list(archive.classes) != values.CLASSES:
        return number(domain)
    directions = [domain & (archive.given[:, 0] == value) for value in DIRECTIONS.values()]
    parts = [number(rows) for rows in directions if rows.any()]
    return number(domain) if np.isnan([part.value for part in parts]).any() else survey.added(parts)
