"""Section of the report: the data set, the cohorts of its tasks, and what was left out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cxrnoise.audit.groups import groups
from cxrnoise.core import manifests
from cxrnoise.core.manifests import SPLITS, UNKNOWN
from cxrnoise.core.spreadsheets import unescaped
from cxrnoise.datasets import views
from cxrnoise.report import detected
from cxrnoise.report.sections.section import Answer, Files, Section, Study
from cxrnoise.report.sortable import Cell, Table
from cxrnoise.tasks import values

QUESTION = "What was looked at?"
ALL = "all"
# Problems of images that are not in the index, by their names in `left-out.csv`.
NOT_USED = {
    "missing": "in the metadata, but not among the files",
    "doubled": "more than once in the metadata or among the files",
    "truncated": "the end of the file is missing",
    "unreadable": "damaged, or no radiograph",
    "left out": "no frontal chest, says the file itself",
    "unlisted": "a file that the metadata do not know",
}
REMARK = "remark"
ODD = ("dark", "bright", "flat")  # the first words of `radiographs.remark`


@dataclass(frozen=True)
class Task:
    """The cohort of a task: its manifest, its options, and images left out (why, images)."""

    name: str
    cohort: pd.DataFrame
    options: dict
    left_out: pd.DataFrame

    @property
    def images(self) -> int:
        return self.cohort["image"].nunique()

    @property
    def elsewhere(self) -> bool:
        """Whether images and labels are those of another program, not of the index."""
        return self.options["kind"] == "predictions"


def section(files: Files, study: Study) -> Section:
    """Return the section.

    Files: index, problems, remarks (none of them where all tasks have predictions from elsewhere);
    cohorts and left_out, one of each for a task.
    """
    index = manifests.read(files["index"], "index") if files["index"] else None
    study = replace(study, phantom=study.phantom and index is not None)
    tasks = [_task(*paths) for paths in zip(files["cohorts"], files["left_out"], strict=True)]
    warnings = detected.warnings(study.phantom, simulated=False)
    numbers = {} if index is None else _numbers(files)
    whole = [] if index is None else [_images(index, tasks), _problems(numbers)]
    sources = [files[name] for name in ("index", "problems", "remarks") if files[name]]
    return Section(
        title="The data, and what was left out",
        values={
            "whole": whole,
            "tasks": [
                (task.name, _sentence(task, study), [_labels(task), _left_out(task, index)])
                for task in tasks
            ],
        },
        sources=[*sources, *files["cohorts"], *files["left_out"]],
        warnings=warnings,
        answers=[Answer(QUESTION, " ".join(_answer(index, numbers, tasks, study)))],
    )


def _task(cohort: str, left_out: str) -> Task:
    table = pd.read_csv(left_out, dtype={"why": str})
    table["why"] = table["why"].map(unescaped)
    options = manifests.config(cohort)
    return Task(options["name"], manifests.read(cohort, "cohort"), options, table)


def _answer(
    index: pd.DataFrame | None, numbers: dict[str, int], tasks: list[Task], study: Study
) -> Iterator[str]:
    """Say how many images of how many patients there are, and how many are in each cohort."""
    if index is not None:
        drawn = "drawn radiographs (phantoms)" if study.phantom else "radiographs"
        yield f"{len(index):,} {drawn} of {index['patient'].nunique():,} patients."
    not_used = [f"{name} {numbers[name]:,}" for name in NOT_USED if numbers.get(name)]
    if not_used:
        yield f"Images and files that could not be used: {', '.join(not_used)}."
    for task in tasks:
        yield (
            f"In {task.name}: {task.images:,} images of "
            f"{task.cohort['patient'].nunique():,} patients, with {_known(task):,} labels."
        )


def _known(task: Task) -> int:
    return int((task.cohort["reported_label"] != UNKNOWN).sum())


# The data set


def _images(index: pd.DataFrame, tasks: list[Task]) -> Table:
    """Count images and patients by view, by what else the metadata tell, and by format."""
    formats = index["path"].str.lower().str.replace(r"^.*(?=\.)", "", regex=True)
    ways = groups(index).drop(columns=["image", "view"], errors="ignore")
    ways = {"view": index["view"].replace("", views.EMPTY), **ways, "format of the file": formats}
    rows = [[_text(ALL), _text(ALL), *_counted(index)]]
    for way, found in ways.items():
        for value in sorted(found.unique()):
            word = _users(value, tasks) if way == "view" else ""
            cell = Cell(value, word=word, key=value)
            rows.append([_text(way), cell, *_counted(index[found == value])])
    sides = [_range(index[side]) for side in ("width", "height")]
    return Table(
        "Images",
        "The images that are whole and in the metadata. A patient counts in each row in which he "
        f"or she has an image. The files are {sides[0]} pixels wide and {sides[1]} high.",
        ["By", "Value", "Images", "Patients"],
        rows,
        text=2,
    )


def _range(numbers: pd.Series) -> str:
    low, high = numbers.min(), numbers.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _counted(images: pd.DataFrame) -> list[Cell]:
    return [_number(len(images)), _number(images["patient"].nunique())]


def _users(view: str, tasks: list[Task]) -> str:
    """Name the tasks that use a view."""
    using = [
        task.name for task in tasks if view in map(views.normal, task.options.get("views", []))
    ]
    return f"used by {', '.join(using) or 'no task'}"


def _numbers(files: Files) -> dict[str, int]:
    """Return how many images have which problem or oddity, all of them by name."""
    found = pd.read_csv(files["problems"]).set_index("problem")["images"]
    remarks = pd.read_csv(files["remarks"], dtype=str)["remark"].str.replace(":.*", "", regex=True)
    odd = remarks.value_counts()
    return {name: int(found.get(name, 0)) for name in (*NOT_USED, REMARK)} | {
        word: int(odd.get(word, 0)) for word in ODD
    }


def _problems(numbers: dict[str, int]) -> Table:
    about = {name: f"{what}; not used" for name, what in NOT_USED.items()}
    about[REMARK] = "something else is odd, says the file itself; used as it is"
    about |= {word: f"nearly all of the reduced picture is {word}; used as it is" for word in ODD}
    return Table(
        "Files that do not fit",
        "Images with a problem, and images that somebody should look at. logs/images-report.csv "
        "and logs/images/remarks/ in the results name them.",
        ["Problem", "What it is, and what was done", "Images"],
        [[_text(name), _text(about[name]), _number(number)] for name, number in numbers.items()],
        text=2,
    )


# Each task


def _sentence(task: Task, study: Study) -> str:
    """Say which cohort this is."""
    if task.elsewhere:
        return "The images and labels are those of a file of predictions from elsewhere."
    seen = ", ".join(map(views.normal, task.options.get("views", [])))
    said = f"A task of kind {task.options['kind']}"
    said += f", with the views {seen}. " if seen else ". "
    first, *further = study.config["seeds"]
    if further:
        others = ", ".join(map(str, further))
        said += f"The numbers are of the seed {first}; {others} draw cohort and splits anew. "
    return f"{said}All images of a patient are in one split."


def _labels(task: Task) -> Table:
    """Count the values of each label in each split."""
    classes = task.cohort.attrs["classes"]
    there = [
        number for number in range(len(classes)) if (task.cohort["reported_label"] == number).any()
    ]
    rows = []
    for label, labels in task.cohort.groupby("label", sort=False):
        for split in (*SPLITS, ALL):
            part = labels if split == ALL else labels[labels["split"] == split]
            if len(part):
                rows.append(_row(label, split, part, there))
    return Table(
        f"Labels of {task.name}",
        "What the data set says of the images of each split, before any label is flipped or "
        "corrected. Shares are of the labels that are known.",
        ["Label", "Split", "Images", "Patients", *(classes[number] for number in there)]
        + ["Not known"],
        rows,
        text=2,
    )


def _row(label: str, split: str, part: pd.DataFrame, classes: list[int]) -> list[Cell]:
    values = part["reported_label"].to_numpy()
    known = max(1, (values != UNKNOWN).sum())
    counts = [int((values == number).sum()) for number in classes]
    shares = [_number(count, f"{100 * count / known:.1f} %") for count in counts]
    unknown = _number((values == UNKNOWN).sum())
    return [_text(label), _text(split), *_counted(part), *shares, unknown]


def _left_out(task: Task, index: pd.DataFrame | None) -> Table:
    """Count images outside the cohort by the reason, and labels that are not taken as they are."""
    rows = [(row.why, row.images, None) for row in task.left_out.itertuples()]
    if index is not None and not task.elsewhere:
        rest = len(index) - task.images - task.left_out["images"].sum()
        rows += [("reason not recorded", rest, None)] if rest else []
        rows += _cells(task, index)
    masked = int((task.cohort["reported_label"] == UNKNOWN).sum())
    rows.append(
        ("labels not known, in the cohort: no training and no score uses them", None, masked)
    )
    return Table(
        f"Left out of {task.name}",
        "Images of the data set that are outside the cohort, and labels inside it that are not "
        "known or were not plain.",
        ["Why", "Images", "Labels"],
        [[_text(why), _or_dash(images), _or_dash(labels)] for why, images, labels in rows],
    )


def _cells(task: Task, index: pd.DataFrame) -> list[tuple[str, None, int]]:
    """Count cells of the cohort's labels that the configuration reads: -1, nothing, own words."""
    if task.options["kind"] not in ("finding", "findings"):
        return []
    uncertain, empty, words = values.rules(task.options)
    kinds = [("uncertain", values.UNCERTAIN, uncertain), ("empty", values.EMPTY, empty)]
    kinds += [(f"“{word}”", (values.word_of(word),), meaning) for word, meaning in words.items()]
    there = index[index["image"].isin(task.cohort["image"].unique())]
    cells = [
        there[label].map(values.word_of).value_counts() for label in task.cohort["label"].unique()
    ]
    rows = []
    for name, spellings, meaning in kinds:
        count = sum(int(texts.reindex(spellings, fill_value=0).sum()) for texts in cells)
        rows.append((f"{name} cells, taken as {meaning}", None, count))
    return [row for row in rows if row[2]]


def _text(text: str) -> Cell:
    return Cell(text, key=text)


def _number(number: int | np.integer, share: str = "") -> Cell:
    return Cell(f"{number:,}", share, key=int(number))


def _or_dash(number: int | None) -> Cell:
    return Cell("–") if number is None else _number(number)
