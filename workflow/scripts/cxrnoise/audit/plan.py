"""How exact the count of an audit will be: the width to expect for a number of images, and back."""

import logging
from bisect import bisect_left
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from cxrnoise.audit.sample import in_turn, of_images
from cxrnoise.statistics import survey

log = logging.getLogger(__name__)

IMAGES = (50, 100, 150, 200, 300, 500, 1000, 2000, 5000)
POINTS = (1, 2, 3, 5)
ALL = "all"  # labels of all findings together
MODEL, READINGS = "model, not calibrated", "readings"  # what a plan rests on
QUANTILE = 1.96  # of a normal interval of 95 %
# Between the errors of two labels of an image, given what the model says. On 406 images of the NIH
# that experts read, 14 labels each, it is 0.02 to 0.04.
CORRELATION = 0.05


def plan(
    design: pd.DataFrame, ranking: pd.DataFrame, images: int, rests_on: str = MODEL
) -> pd.DataFrame:
    """Return how exact the count will be, by the number of images to read and the other way round.

    For a finding it is half of the interval that `survey.number` gives where each stratum holds as
    many wrong labels as expected. For all findings together it is half of the normal interval of
    the stratified mean of the images. As models overstate how many labels are wrong, a plan before
    reading asks for more images than are needed, as a rule.

    Parameters
    ----------
    design: the manifest `design`.
    ranking: image, label, given_label, rank and probability: that of the model (the manifest
        `ranking`), or one that was calibrated by readings. Images outside the design are left out.
    images: a number of images that is looked at beside `IMAGES`.
    rests_on: `MODEL` or `READINGS`, where the probabilities are from.

    Returns
    -------
    One row a wish and label: wish (`150 images` or `± 2 points`), label (a finding, or `all`),
    images (the number to read), share (of the labels that is expected to be wrong), points (half of
    the 95 % interval of this share, in percent) and rests_on.
    """
    halves = _halves(design, ranking)
    least, most = in_turn(design)[1], len(design)
    sizes = sorted({size for size in (*IMAGES, images) if least <= size < most} | {most})
    rows = []
    for label, (share, half) in halves.items():
        wishes = {f"{size} images": size for size in sizes}
        for points in POINTS:
            exact = bisect_left(range(least, most), True, key=lambda size: half(size) <= points)
            wishes[f"± {points} points"] = least + exact
        rows += [(wish, label, size, share, half(size)) for wish, size in wishes.items()]
    table = pd.DataFrame(rows, columns=["wish", "label", "images", "share", "points"])
    return table.round({"share": 4, "points": 2}).assign(rests_on=rests_on)


def say(plan: pd.DataFrame, images: int) -> None:
    """Log what a plan says of a number of images, and how many images are needed for a width."""
    label, rests_on = plan["label"].iloc[-1], plan["rests_on"].iloc[-1]
    of_label = plan[plan["label"] == label].set_index("wish")
    of_wish = plan[plan["wish"] == f"{images} images"].set_index("label")["points"]
    log.info("%d images will give ± %.1f points for %s", images, of_wish[label], label)
    if label == ALL:
        findings = of_wish.drop(ALL)
        log.info("and ± %.1f to %.1f points for one finding", findings.min(), findings.max())
    for points in POINTS:
        needed = of_label.loc[f"± {points} points", "images"]
        log.info("± %d points for %s need %d images", points, label, needed)
    if rests_on == MODEL:
        log.info("these widths come from the model, which overstates errors: they are conservative")


def _halves(design: pd.DataFrame, ranking: pd.DataFrame) -> dict[str, tuple[float, Callable]]:
    """Return of each label the share that is expected to be wrong, and a function of the number
    of images that returns half of the interval in points."""
    names = design.groupby("stratum")["weight"].first().sort_values().index  # by rate
    within = ranking[ranking["image"].isin(design["image"])]
    images, wrong = of_images(within)
    stratum = design.set_index("image")["stratum"].loc[images["image"]]
    code = names.get_indexer(stratum)
    population = np.bincount(code, minlength=len(names))
    order = names.get_indexer(in_turn(design)[0]["stratum"])

    def read(size: int) -> np.ndarray:
        return np.bincount(order[:size], minlength=len(names))

    def of_finding(labels: np.ndarray, expected: np.ndarray, size: int) -> float:
        drawn = read(size) / population
        found = survey.number(drawn * expected, drawn * labels, labels)
        return 50 * (found.high - found.low) / labels.sum()

    def of_all(labels: float, variance: np.ndarray, size: int) -> float:
        drawn = read(size)
        of_strata = population**2 * (1 - drawn / population) * variance / drawn
        return 100 * QUANTILE * np.sqrt(of_strata.sum()) / labels

    halves = {}
    for name, own in zip(np.unique(within["label"]), wrong.T, strict=True):
        known = ~np.isnan(own)
        labels = np.bincount(code[known], minlength=len(names))
        expected = np.bincount(code[known], own[known], len(names))
        halves[name] = (expected.sum() / labels.sum(), partial(of_finding, labels, expected))
    if wrong.shape[1] > 1:
        own = np.nan_to_num(wrong * (1 - wrong))
        together = np.sqrt(own).sum(axis=1) ** 2 - own.sum(axis=1)
        inside = own.sum(axis=1) + CORRELATION * together
        expected = pd.Series(np.nansum(wrong, axis=1)).groupby(code).var(ddof=0)
        variance = np.bincount(code, inside, len(names)) / population + expected.to_numpy()
        labels = np.isfinite(wrong).sum()
        halves[ALL] = (np.nansum(wrong) / labels, partial(of_all, labels, variance))
    return halves
