"""Section of the report: which score finds wrong labels best, where the wrong ones are known."""

import math
from collections import Counter

from cxrnoise.report import detected, detection
from cxrnoise.report.detected import BEST_BY, Part
from cxrnoise.report.sections.section import Answer, Files, Section, Study

QUESTION = "Which score finds wrong labels best?"
QUESTION_OF_TASK = "Which score finds wrong labels of the task {task} best?"


def section(files: Files, study: Study) -> Section:
    """Return the section. Files: detection, reviews, readers."""
    tasks = study.config["tasks"]
    drawn = [name for name, task in tasks.items() if task["kind"] != "predictions"]
    single = detected.read(files["readers"])
    parts = detected.parts(
        *(detected.read(files[name]) for name in ("detection", "reviews")),
        single.assign(reader=study.names.readers(single["reader"], single["reader"].unique())),
        drawn if study.phantom else [],
    )
    by_task = detection.by_task(parts)
    question = QUESTION if len(by_task) == 1 else QUESTION_OF_TASK
    return Section(
        title=detection.TITLE,
        values=detection.values(parts, page=False),
        sources=[files["detection"], files["reviews"], files["readers"]],
        warnings=detection.warnings(parts),
        answers=[
            Answer(question.format(task=task), answer(same)) for task, same in by_task.items()
        ],
    )


def answer(parts: list[Part]) -> str:
    """Say what finds wrong labels best in a task, and whether it is better than cleanlab's score.

    Parameters
    ----------
    parts: those of the task, as `detected.parts` returns them.
    """
    ranked = [part for part in parts if part.best()]
    if not ranked and len(parts) == 1:
        return " ".join(detected.sentences(parts[0]))
    if not ranked:
        return f"In none of {len(parts)} settings has a score an average precision."
    if len(ranked) == 1:
        found = " ".join(detected.found(ranked[0], ranked[0].best()))
        if len(parts) == 1:
            return found
        return f"In one of {len(parts)} settings ({ranked[0].setting}): {found}"
    firsts = Counter(detected.plain(part.best()[0]) for part in ranked)
    named = ", ".join(f"“{name}” in {count}" for name, count in firsts.most_common())
    return f"By average precision it is {named} of {len(ranked)} settings.{_differences(ranked)}"


def _differences(parts: list[Part]) -> str:
    """Say in how many parts the best score beats cleanlab's, and between which differences."""
    numbers = [detected.difference(part.of(part.best()[0], BEST_BY)) for part in parts]
    known = sorted(number for number in numbers if not math.isnan(number.value))
    if not known:
        return ""
    better = sum(number.low > 0 for number in known)
    least, most = (detected.with_interval(known[end], signed=True) for end in (0, -1))
    return (
        f" In {better or 'none'} of them it is clearly better than cleanlab’s self-confidence; the "
        f"difference is {least if len(known) == 1 else f'from {least} to {most}'}."
    )
