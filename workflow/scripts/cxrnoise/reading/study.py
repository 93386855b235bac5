"""The study: which images are shown to readers, and what the experimenter alone knows of them.

The readers' side (`study.json` and the images) holds no label, prediction, score, role or name
of a file; the experimenter's side is the manifest `key`.
"""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxrnoise.core.errors import UserError
from cxrnoise.core.files import replacing
from cxrnoise.core.manifests import SCHEMAS
from cxrnoise.core.names import slug
from cxrnoise.core.randomness import token, uniform
from cxrnoise.images import radiographs
from cxrnoise.reading.answers import UNSURE

log = logging.getLogger(__name__)

DISAGREEMENT, CONTROL, REPEAT = "disagreement", "control", "repeat"
SCORES = ["given_label", "predicted", "p1", "confidence", "uncertainty"]
SCORES += ["confidence_group", "uncertainty_group"]
ALL = 0  # as a number of cases: all disagreements
SAME_TIME = 946684800  # of every image on the readers' side: 2000-01-01


@dataclass(frozen=True)
class Options:
    """How cases are drawn; the fields are the keys of the configuration's group `study`.

    cases: number of disagreements of a random draw, or `ALL`.
    draw: `random`, or `stratified` with `strata[group]` disagreements of each group.
    by: `confidence` or `uncertainty`, whose groups are the strata.
    controls: images on which model and label agree; repeats: cases that are shown once more.
    """

    cases: int
    draw: str
    by: str
    strata: Mapping[str, int]
    controls: int
    repeats: int


def candidates(
    verdicts: pd.DataFrame,
    predictions: pd.DataFrame,
    confidence: pd.DataFrame,
    uncertainty: pd.DataFrame,
) -> pd.DataFrame:
    """Bring together what a study needs to know of each test image of a finding.

    Parameters
    ----------
    verdicts, predictions: manifests of one run; confidence, uncertainty: the scores of these names.

    Returns
    -------
    One row an image: image, given_label, predicted, p1 (probability of the finding), confidence and
    uncertainty (the paper's values), confidence_group, uncertainty_group.
    """
    found = verdicts[["image", "given_label", "predicted"]]
    found = found.merge(predictions[["image", "present"]], on="image", validate="one_to_one")
    for name, score in (("confidence", confidence), ("uncertainty", uncertainty)):
        own = score[["image", "paper_value", "group"]].set_axis(
            ["image", name, f"{name}_group"], axis=1
        )
        found = found.merge(own, on="image", validate="one_to_one")
    return found.rename(columns={"present": "p1"})


def draw(
    test: pd.DataFrame,
    options: Options,
    seed: int,
    among: Collection[str] | None = None,
) -> pd.DataFrame:
    """Draw the cases of a study.

    Every image has one random number per purpose, and the smallest are taken. So the order of
    the rows changes nothing, another image changes no number, and a larger study contains the
    smaller one.

    Parameters
    ----------
    test: what `candidates` returns.
    seed: of the run.
    among: images to which the draw is confined, or None.

    Returns
    -------
    The manifest `key`, by case. `case` is `c` and 12 hex digits, for a spreadsheet takes 12 digits
    such as 123456789e12 for a number. Nobody can compute them from the image's name without the
    model's output. `weight` is the number of disagreements that a drawn
    one stands for, 0 for controls and repeats; `stratum` is the group it was drawn from, or "".

    Raises `UserError` when more is asked for than there is.
    """
    if among is not None:
        test = test[test["image"].isin(among)]
    disputed = test["predicted"] != test["given_label"]
    controls = _smallest(test[~disputed], options.controls, seed, "study control")
    if len(controls) < options.controls:
        raise _too_many("study.controls", options.controls, "images with agreement", len(controls))
    first = pd.concat(
        [
            _disagreements(test[disputed], options, seed),
            controls.assign(role=CONTROL, stratum="", weight=0.0),
        ]
    )
    first = first.assign(case=_cases(first, seed, "study case"), repeats="")
    again = _smallest(first, options.repeats, seed, "study repeat")
    if len(again) < options.repeats:
        raise _too_many("study.repeats", options.repeats, "other cases", len(again))
    again = again.assign(
        role=REPEAT,
        stratum="",
        weight=0.0,
        repeats=again["case"],
        case=_cases(again, seed, "study case again"),
    )
    key = pd.concat([first, again]).sort_values("case", ignore_index=True)
    log.info("cases: %s", key["role"].value_counts().to_dict())
    return key[SCHEMAS["key"].names]


def _disagreements(disputed: pd.DataFrame, options: Options, seed: int) -> pd.DataFrame:
    if options.draw == "stratified":
        pools = {
            group: (f"study.strata.{group}", disputed[disputed[f"{options.by}_group"] == group])
            for group in options.strata
        }
        numbers = options.strata
    else:
        pools = {"": ("study.cases", disputed)}
        numbers = {"": options.cases if options.cases != ALL else len(disputed)}
    drawn = []
    for stratum, (name, pool) in pools.items():
        wanted = numbers[stratum]
        what = f"disagreements with {stratum} {options.by}" if stratum else "disagreements"
        if wanted > len(pool):
            raise _too_many(name, wanted, what, len(pool))
        part = _smallest(pool, wanted, seed, "study draw")
        weight = len(pool) / wanted if wanted else 0.0
        drawn.append(part.assign(role=DISAGREEMENT, stratum=stratum, weight=weight))
    drawn = pd.concat(drawn)
    if drawn.empty:
        raise UserError(
            "the study has no case, as the model disagrees with no label of the images that it "
            "may be drawn from, or none is asked for: check the group study of the configuration."
        )
    return drawn


def _too_many(key: str, wanted: int, what: str, available: int) -> UserError:
    return UserError(
        f"{key} asks for {wanted} cases and there are {available} {what} to draw from: lower it."
    )


def _smallest(pool: pd.DataFrame, count: int, seed: int, purpose: str) -> pd.DataFrame:
    numbered = pool.assign(_number=uniform(seed, purpose, pool["image"]))
    ordered = numbered.sort_values(["_number", "image"])
    return ordered.head(count).drop(columns="_number")


def _cases(images: pd.DataFrame, seed: int, purpose: str) -> list[str]:
    return [
        f"c{token(12, seed, purpose, image, float(p1).hex())}"
        for image, p1 in zip(images["image"], images["p1"], strict=True)
    ]


def readers_side(
    key: pd.DataFrame,
    findings: Sequence[str],
    seed: int,
    classes: Sequence[str] = (),
    design: str = "",
) -> dict:
    """Return the content of `study.json`: what a reading room needs and readers may know.

    Parameters
    ----------
    key: has the column `case`.
    findings: the names of what is asked for; where there are classes, of what they are classes of.
    seed: of the readers' orders.
    classes: the names of the classes of which a reader chooses one; none in a study of findings.
    design: as in `identifier`.

    Raises `UserError` for a class that is named like the answer "not sure".
    """
    cases = sorted(key["case"])
    if UNSURE in classes:
        raise UserError(
            f"A class is named {UNSURE}, which is how readers say that they are not sure: "
            "give the class another name."
        )
    what = findings[0] if len(findings) == 1 else f"{len(findings)} findings"
    return {
        "study": identifier(key, findings, classes, design),
        "title": f"{what}: {len(cases)} radiographs",
        **({"finding": findings[0]} if len(findings) == 1 else {"findings": list(findings)}),
        **({"classes": list(classes)} if classes else {}),
        "seed": seed,
        "cases": cases,
    }


def identifier(
    key: pd.DataFrame, findings: Sequence[str], classes: Sequence[str] = (), design: str = ""
) -> str:
    """Return the 16 hex digits of a study: readings of another study do not fit.

    It stands for the findings, the classes and the cases. `design`, the name of an audit's design,
    stands in place of the cases, so that a larger sample of the same design is the same study.
    """
    cases = [design] if design else sorted(key["case"])
    asked = sorted(map(slug, findings))
    if classes:
        asked += ["one of", *sorted(map(slug, classes))]
    return token(16, 0, "study", *asked, *cases)


def write_json(content: dict, path: str | Path) -> None:
    """Write `study.json`."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_images(
    key: pd.DataFrame, originals: Iterable[tuple[str, bytes]], folder: str | Path
) -> None:
    """Write the 8-bit grey PNG of each case, at full resolution and without metadata.

    All files have the same date and are written in the order of their opaque names, so that
    neither tells which image is which.

    Parameters
    ----------
    originals: (image, bytes of its file) of each image of the key, in any order.

    Raises `UserError` when a file is not a radiograph.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cases = key.groupby("image")["case"].agg(list)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".images-") as unordered:
        for image, data in originals:
            pixels = decoded(image, data)
            for case in cases[image]:
                Image.fromarray(pixels).save(Path(unordered, f"{case}.png"), compress_level=1)
        for case in sorted(key["case"]):
            path = folder / f"{case}.png"
            with replacing(path) as temporary:
                shutil.copyfile(Path(unordered, path.name), temporary)
            os.utime(path, (SAME_TIME, SAME_TIME))


def decoded(image: str, data: bytes) -> np.ndarray:
    """Return what `radiographs.decode` does; raises `UserError` that names the image."""
    try:
        return radiographs.decode(data)
    except radiographs.Unreadable as error:
        raise UserError(f"The image {image} cannot be shown ({error}): get it again.") from error
