"""Figures of radiographs: a confident, certain model against the labels and the readers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cxrnoise.reading import study
from cxrnoise.reading.neighbours import POSITIVE, Features, nearest
from cxrnoise.reading.sources import SIMULATED
from cxrnoise.reading.verdicts import MAJORITY, judge
from cxrnoise.scores.confidence import from_chance
from cxrnoise.scores.verdict import LABEL_ERROR, TRUE_ERROR

SHOWN = 4  # radiographs in a figure, as in the paper
ANSWERS = ("absent", "present")  # of the labels 0 and 1


@dataclass(frozen=True)
class Panel:
    """A radiograph and what is written above it; pixels: uint8 (height, width)."""

    image: str
    lines: list[str]
    pixels: np.ndarray | None = None


@dataclass(frozen=True)
class Plate:
    """A figure: its title, a sentence beneath it, and its panels."""

    title: str
    about: str
    panels: list[Panel]


def plates(key: pd.DataFrame, given: pd.DataFrame, features: Features, finding: str) -> list[Plate]:
    """Return the three figures, without their pixels.

    Parameters
    ----------
    key, given: the tables `key` and `readings`.
    features: of the cases and of the training images with the label.
    """
    judged = judge(key, given)
    overturned, confirmed = (confident(judged, kind) for kind in (LABEL_ERROR, TRUE_ERROR))
    simulated = bool((given["source"] == SIMULATED).any())
    texts = titles(finding, simulated, len(overturned), len(confirmed))
    shown = [
        of_cases(overturned, judged),
        of_cases(confirmed, judged),
        of_neighbours(confirmed, features),
    ]
    return [Plate(*text, part) for text, part in zip(texts, shown, strict=True)]


def images(plates: Iterable[Plate]) -> set[str]:
    """Return the names of all images in the figures."""
    return {panel.image for plate in plates for panel in plate.panels}


def filled(plates: Iterable[Plate], originals: Iterable[tuple[str, bytes]]) -> list[Plate]:
    """Return the figures with their pixels, from (image, bytes of its file) of each image.

    Raises `UserError` when a file is not a radiograph.
    """
    pixels = {image: study.decoded(image, data) for image, data in originals}
    return [
        replace(
            plate, panels=[replace(panel, pixels=pixels[panel.image]) for panel in plate.panels]
        )
        for plate in plates
    ]


def confident(judged: pd.DataFrame, verdict: str) -> pd.DataFrame:
    """Return the disagreements with this verdict of the majority and a confident, certain model.

    Parameters
    ----------
    judged: what `verdicts.judge` returns.

    Returns
    -------
    Its rows of the majority with high confidence and low uncertainty, most confident first.
    """
    chosen = judged[
        (judged["reader"] == MAJORITY)
        & (judged["role"] == study.DISAGREEMENT)
        & (judged["verdict"] == verdict)
        & (judged["confidence_group"] == "high")
        & (judged["uncertainty_group"] == "low")
    ]
    return chosen.sort_values(["confidence", "image"], ascending=[False, True], ignore_index=True)


def of_cases(cases: pd.DataFrame, judged: pd.DataFrame) -> list[Panel]:
    """Return a panel, without its pixels, for each of the first cases."""
    people = judged[judged["reader"] != MAJORITY]
    return [
        Panel(case.image, _lines(case, people[people["case"] == case.case]))
        for case in cases.head(SHOWN).itertuples(index=False)
    ]


def _lines(case, said: pd.DataFrame) -> list[str]:
    return [
        case.image,
        f"label {ANSWERS[case.given_label]}, model {ANSWERS[case.predicted]} (p = {case.p1:.3f})",
        f"C = {case.confidence:.3f}, U = {case.uncertainty:.2g}",
        f"{_readers(said['answer'])}{_others(said['other_finding'])}",
    ]


def _readers(answers: pd.Series) -> str:
    if len(answers) == 1:
        return f"reader: {answers.iloc[0]}"
    [(answer, count)] = Counter(sorted(answers)).most_common(1)
    return f"{count} of {len(answers)} readers: {answer}"


def _others(findings: pd.Series) -> str:
    named = Counter(sorted(name for name in findings if name)).most_common(1)
    return f"; {named[0][0]} ({named[0][1]})" if named else ""


def of_neighbours(cases: pd.DataFrame, features: Features) -> list[Panel]:
    """Return a panel, without its pixels, for each training positive nearest to the first cases."""
    place = {image: position for position, image in enumerate(features.image)}
    wanted = [place[image] for image in cases["image"].head(SHOWN)]
    pool = np.flatnonzero(features.role == POSITIVE)
    found = nearest(features.features[wanted], features.features[pool], SHOWN)
    panels = []
    for turn, position, distance in found:
        p1 = float(features.p1[pool[position]])
        [certain] = from_chance(np.array([[1 - p1, p1]]))
        image = str(features.image[pool[position]])
        lines = [
            image,
            f"training image, label present (p = {p1:.3f}, C = {certain:.3f})",
            f"nearest to {cases['image'].iloc[turn]}",
            f"cosine distance {distance:.3f}",
        ]
        panels.append(Panel(image, lines))
    return panels


def titles(finding: str, simulated: bool, overturned: int, confirmed: int) -> list[tuple[str, str]]:
    """Return title and sentence of the three figures, from the numbers of their cases."""
    reader = "SIMULATED READER: " if simulated else ""
    model = "the model is confident and certain and contradicts the label"
    like = "as figure 2 has none" if confirmed == 0 else "in the features of the network"
    return [
        (
            f"Figure 1. {reader}{finding}, label overturned",
            f"Test images on which {model}, and so do the readers: {_of(overturned)}.",
        ),
        (
            f"Figure 2. {reader}{finding}, label confirmed",
            f"Test images on which {model}, and the readers do not: {_of(confirmed)}.",
        ),
        (
            f"Figure 3. {reader}{finding}, training images alike",
            f"Training images with the label that are nearest to those of figure 2, {like}.",
        ),
    ]


def _of(cases: int) -> str:
    if cases > SHOWN:
        return f"{SHOWN} of {cases} cases"
    return {0: "no case", 1: "one case"}.get(cases, f"all {cases} cases")


def in_words(panels: Iterable[Panel]) -> str:
    """Return what is written above the panels, but not the names of the images."""
    said = [f"{number}: {'; '.join(panel.lines[1:])}" for number, panel in enumerate(panels, 1)]
    return f"Radiographs. {'. '.join(said)}." if said else "No such case."


def draw(plate: Plate) -> Figure:
    """Draw the panels of a figure in two columns; a figure without panels says so."""
    panels = plate.panels
    rows = -(-len(panels) // 2)
    height = 1.0 + (5.1 * rows if rows else 1.0)
    figure = Figure(figsize=(9, height))
    figure.text(
        0.03,
        1 - 0.3 / height,
        plate.title,
        fontsize=13,
        va="center",
        weight="bold",
        parse_math=False,
    )
    figure.text(0.03, 1 - 0.68 / height, plate.about, fontsize=10, va="center", parse_math=False)
    if not panels:
        figure.text(0.5, 0.5 / height + 0.08, "No such case.", fontsize=13, ha="center")
        return figure
    for position, panel in enumerate(panels):
        row, column = divmod(position, 2)
        left, bottom = 0.03 + 0.48 * column, 1 - (1.0 + 5.1 * (row + 1)) / height
        axes = figure.add_axes((left, bottom + 0.1 / height, 0.46, 4.14 / height))
        axes.imshow(panel.pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
        axes.set_title(
            "\n".join(panel.lines), fontsize=10, loc="left", linespacing=1.35, parse_math=False
        )
    return figure
