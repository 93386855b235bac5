"""The design of an audit, and the images that people read: a probability sample of the archive.

The unit is the image, because all labels of an image are read together. The images are divided into
strata once, from the ranking before anybody reads, and each image gets one random number for good.
Of each stratum the images with the smallest numbers are read (permanent random numbers: E. Ohlsson
in Business Survey Methods, 1995), so that a larger sample holds the smaller one.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cxrnoise.core import manifests
from cxrnoise.core.errors import UserError
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.core.randomness import token, uniform

log = logging.getLogger(__name__)

STRATIFIED, SIMPLE = "stratified", "simple"
SAMPLE, FIRST, SUSPICIOUS, REPEAT = "sample", "first", "suspicious", "repeat"  # roles of a case
PARTS = 4  # into which images are cut by the expected number of wrong labels, at most
SMALLEST = 20  # images in a stratum; smaller ones join their neighbour
FLOOR = 0.3  # of the mean rate, below which no stratum falls
LEAST = 2  # images that are read of each stratum; with fewer its spread is not known


def design(ranking: pd.DataFrame, draw: str, first: int, seed: int, name: str) -> pd.DataFrame:
    """Divide the images of an archive into strata, and give each image its random number.

    The strata are parts by the expected number of wrong labels, crossed with whether any finding is
    given; of two classes that is the second, and more classes are not crossed. The borders of the
    parts divide the sum of the roots of the expected numbers equally (T. Dalenius, J. L. Hodges, J.
    Am. Stat. Assoc. 54, 1959), for wrong labels gather at few images.

    The rates are Neyman's for several findings at once: they go with the root of the variance that
    the model expects in the stratum, where each finding is divided by its variance in the archive.
    They are at least `FLOOR` of the mean rate, for a model may err where it is sure.

    Parameters
    ----------
    ranking: the manifest `ranking`, before anybody reads.
    draw: `stratified`, or `simple` for one stratum.
    first: so many images with the most suspicious labels are a stratum that is read whole.
    seed, name: of the random numbers. Designs of other names have other numbers, because their
        strata may come from labels that were corrected after reading.

    Returns
    -------
    The manifest `design`, by image: image, patient, stratum, number (float64 in [0, 1)), expected
    (float64, wrong labels to expect, each finding of equal weight), weight (float64, the rate
    divided by the mean rate; infinite in the stratum `first`) and rank (int64, of images by their
    most suspicious label, from 1 on).

    Raises `UserError` when `first` takes all images.
    """
    images, wrong = of_images(ranking)
    if first >= len(images):
        raise UserError(
            f"audit.first asks for {first} images that are all read, but the archive has "
            f"{len(images)} images: lower it."
        )
    rest = images["rank"].to_numpy() > first
    stratum = np.full(len(images), FIRST, dtype=object)
    weight = np.full(len(images), np.inf)
    stratum[rest], weight[rest] = "all", 1.0
    if draw == STRATIFIED:
        crossed = len(ranking.attrs["classes"]) == 2
        stratum[rest] = _strata(images[rest], crossed)
        weight[rest] = _weights(stratum[rest], wrong[rest])
    numbers = uniform(seed, f"audit design {name}", images["image"])
    found = images.assign(stratum=stratum, number=numbers, weight=weight)
    for kind, part in found.groupby("stratum"):
        log.info("stratum %s: %d images, weight %.2f", kind, len(part), part["weight"].iloc[0])
    return found[SCHEMAS["design"].names]


def check(path: str | Path, choice: Mapping) -> None:
    """Check that a design was drawn as the configuration says.

    Parameters
    ----------
    path: of the manifest `design`; choice: `draw` and `first` of the configuration.

    Raises `UserError` where it was not.
    """
    made_with = manifests.config(path)
    for key, value in choice.items():
        if made_with[key] != value:
            raise UserError(
                f"audit.{key} is {value}, but the design {path} was made with {made_with[key]} and "
                "is kept: set it back, or name a new design in audit.design."
            )


def compare(design: pd.DataFrame, ranking: pd.DataFrame) -> None:
    """Log how many images came to the archive, or went, since the design was made."""
    before, now = set(design["image"]), set(ranking["image"])
    if before != now:
        log.warning(
            "the archive has changed since the design was made (%d new images, %d gone); sample "
            "and count are of the archive as it was, and a new name in audit.design makes a new "
            "design",
            len(now - before),
            len(before - now),
        )


def of_images(ranking: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return what the ranking says of each image.

    Returns
    -------
    images: by image: image, patient, expected, given (whether any finding is given) and rank.
    wrong: float64 (n, K), the probability that each label of an image is wrong, in the order of
        the labels' names; NaN where none is given.
    """
    row, image = pd.factorize(ranking["image"], sort=True)
    column, label = pd.factorize(ranking["label"], sort=True)
    wrong = np.full((len(image), len(label)), np.nan)
    wrong[row, column] = ranking["probability"]
    mean = np.nanmean(wrong, axis=0)
    equal = np.divide(mean.mean(), mean, out=np.zeros_like(mean), where=mean > 0)
    given = np.bincount(row, ranking["given_label"] == 1, len(image)) > 0
    lowest = np.full(len(image), len(ranking) + 1)
    np.minimum.at(lowest, row, ranking["rank"])
    rank = np.empty(len(image), np.int64)
    rank[np.argsort(lowest)] = np.arange(1, len(image) + 1)
    patient = np.empty(len(image), dtype=object)
    patient[row] = ranking["patient"]
    columns = {"image": image, "patient": patient, "given": given, "rank": rank}
    return pd.DataFrame(columns).assign(expected=np.nansum(wrong * equal, axis=1)), wrong


def _strata(images: pd.DataFrame, crossed: bool) -> np.ndarray:
    """Return the name of the stratum of each image."""
    expected = images["expected"].to_numpy()
    order = np.argsort(expected, kind="stable")  # equal ones by image
    roots = np.sqrt(expected[order])
    before = np.cumsum(roots) - roots
    part = np.empty(len(images), int)
    part[order] = np.minimum(PARTS * before / (roots.sum() or 1), PARTS - 1)
    given = images["given"].to_numpy()
    sides = {"none": ~given, "given": given}
    if not crossed or min(given.sum(), (~given).sum()) < SMALLEST:
        sides = {"all": np.ones(len(images), bool)}
    names = np.empty(len(images), dtype=object)
    for side, rows in sides.items():
        names[rows] = _merged(part[rows], side)
    return names


def _merged(part: np.ndarray, side: str) -> np.ndarray:
    """Return names of parts; one of fewer than `SMALLEST` images is in one with its neighbours."""
    groups, size = [[]], 0
    for number, count in enumerate(np.bincount(part, minlength=PARTS)):
        groups[-1].append(number)
        size += count
        if size >= SMALLEST:
            groups.append([])
            size = 0
    left_over = groups.pop()
    groups = groups or [[]]
    groups[-1] += left_over
    names = np.empty(PARTS, dtype=object)
    for group in groups:
        names[group] = f"{side}-" + "-".join(str(number + 1) for number in group)
    return names[part]


def _weights(stratum: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return the relative rate of each image."""
    code, names = pd.factorize(stratum, sort=True)
    labels = pd.DataFrame(wrong)
    share, mean = labels.groupby(code).mean().to_numpy(), labels.mean().to_numpy()
    inside, whole = share * (1 - share), mean * (1 - mean)
    parts = np.divide(inside, whole, out=np.zeros_like(share), where=whole > 0)
    spread = np.sqrt(np.nanmean(parts, axis=1))[code]
    return np.maximum(spread / spread.mean(), FLOOR) if spread.any() else np.ones(len(code))


def in_turn(design: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the images in the order in which a growing sample takes them, and how many it must.

    Each next image comes from the stratum that is furthest behind its share (the method of divisors
    of A. Sainte-Laguë, 1910), the one with its smallest number. So a larger sample holds the
    smaller one, and no stratum gets fewer images when the sample grows.

    Returns
    -------
    The rows of the design in turn; and the number of those without which there is no sample: the
    stratum `first`, and `LEAST` images of each of the others.
    """
    ordered = design.sort_values(["stratum", "number", "image"], ignore_index=True)
    place = ordered.groupby("stratum").cumcount().to_numpy()
    size = ordered.groupby("stratum")["image"].transform("size")
    claim = np.where(place < LEAST, np.inf, ordered["weight"] * size / (place + 0.5))
    turn = np.argsort(-claim, kind="stable")
    return ordered.iloc[turn].reset_index(drop=True), int(np.isinf(claim).sum())


def sample(design: pd.DataFrame, images: int, suspicious: int = 0) -> pd.DataFrame:
    """Return the images that are to be read.

    Parameters
    ----------
    images: the size of the probability sample, with the images of the stratum `first`.
    suspicious: so many of the most suspicious other images are read besides.

    Returns
    -------
    The manifest `sample`, by image: image, patient, stratum, number, rate (float64, the probability
    with which the image came into the sample, NaN for a suspicious one), population (int64, the
    images of its stratum) and role (`sample`, `first` or `suspicious`).

    Raises `UserError` when more is asked for than there is, or too little.
    """
    ordered, least = in_turn(design)
    if images > len(ordered):
        raise UserError(
            f"audit.images asks for {images} images to read, but the archive has {len(ordered)}: "
            "lower it."
        )
    if images < least:
        raise UserError(
            f"audit.images asks for {images} images to read, but the design needs {least} or more, "
            f"which are {LEAST} of each stratum and all of audit.first: raise it."
        )
    others = ordered.iloc[images:].sort_values("rank")
    if suspicious > len(others):
        raise UserError(
            f"audit.suspicious asks for {suspicious} images, but {len(others)} are outside the "
            "sample: lower it."
        )
    population = design["stratum"].value_counts()
    drawn = ordered.head(images)
    rate = drawn["stratum"].map(drawn["stratum"].value_counts() / population)
    role = np.where(drawn["stratum"] == FIRST, FIRST, SAMPLE)
    beside = others.head(suspicious).assign(rate=np.nan, role=SUSPICIOUS)
    found = pd.concat([drawn.assign(rate=rate, role=role), beside])
    found = found.assign(population=found["stratum"].map(population))
    log.info("images to read: %s", found["role"].value_counts().to_dict())
    return found.sort_values("image", ignore_index=True)[SCHEMAS["sample"].names]


def audit_key(
    sample: pd.DataFrame, design: pd.DataFrame, repeats: float, seed: int
) -> pd.DataFrame:
    """Return the cases of the reading study of a sample.

    The name of a case and whether it is shown again depend on its image alone, so that both stay as
    they are when the sample grows. Nobody can compute the name of a case from that of its image
    without the model's output.

    Parameters
    ----------
    repeats: the share of the images that are shown once more, unmarked.

    Returns
    -------
    The manifest `audit_key`, by case: case, image, role (that of the sample, or `repeat`), repeats
    (the case that is repeated, else empty) and stratum.
    """
    found = sample.merge(design[["image", "expected"]], on="image", validate="one_to_one")

    def cases(of: pd.DataFrame, purpose: str) -> list[str]:
        pairs = zip(of["image"], of["expected"], strict=True)
        return [f"c{token(12, seed, purpose, image, value.hex())}" for image, value in pairs]

    once = found.assign(case=cases(found, "audit case"), repeats="")
    again = once[uniform(seed, "audit repeat", once["image"]) < repeats]
    again = again.assign(case=cases(again, "audit case again"), repeats=again["case"], role=REPEAT)
    key = pd.concat([once, again]).sort_values("case", ignore_index=True)
    return key[SCHEMAS["audit_key"].names]


def rows_of_cases(key: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the manifest `index` of the cases.

    Raises `UserError` when the data set no longer has an image of the sample.
    """
    gone = sorted(set(key["image"]) - set(index["image"]))
    if gone:
        raise UserError(
            f"The image {gone[0]} of the sample is no longer in the data set (images gone: "
            f"{len(gone)}): put it back, or name a new design in audit.design."
        )
    return index[index["image"].isin(key["image"])]
