"""Defaults that depend on other keys."""

from collections.abc import Mapping
from typing import Any

from cxrnoise.core.names import slug
from cxrnoise.core.settings.models import KINDS, Detected, Positives, Settings

NAMES = {"chestxray14": "ChestXRay14", "phantom": "phantom"}
PAPER_TASKS = {
    "situs": {"kind": "situs"},
    "emphysema": {"kind": "finding", "finding": "Emphysema"},
}
# Data sets other than ChestXRay14 have other numbers of patients than the paper.
FRACTIONS = {"train": 0.7, "val": 0.1, "test": 0.2}


def prepared(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the task of `finding`, and with the defaults of each task.

    What has the wrong type stays as it is; the models refuse it.
    """
    tasks = config.get("tasks", PAPER_TASKS)
    if not isinstance(tasks, Mapping):
        return dict(config)
    kind = str(_group(config, "dataset").get("kind", "chestxray14"))
    tasks = {str(name): task for name, task in tasks.items()}
    tasks = _with_finding(tasks, str(config.get("finding", "Emphysema")), kind)
    training = _group(config, "training")
    filled = {name: _filled(task, kind, training) for name, task in tasks.items()}
    return {**config, "tasks": filled}


def complete(settings: Settings) -> None:
    """Fill in the values that follow from other values."""
    dataset = settings.dataset
    dataset.name = dataset.name or NAMES.get(dataset.kind, "own data")
    if not settings.detection and "situs" in settings.tasks:
        settings.detection = {"situs": Detected()}
    for task in settings.tasks.values():
        if task.kind == "predictions":
            continue
        task.crop = task.crop or max(1, round(settings.shards.size * task.paper_crop / 240))
        if task.kind == "finding" and task.positives is None:
            sizes = task.splits.model_dump()
            total = 1 if task.splits.train < 1 else sum(sizes.values())
            task.positives = Positives(**{split: size / total for split, size in sizes.items()})


def _group(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def _with_finding(tasks: Mapping[str, Any], finding: str, dataset: str) -> dict[str, Any]:
    """Return `tasks` with a task for the finding of Table 2.

    A task of that name that has no kind only says what differs from `emphysema`.
    """
    name = slug(finding)
    given = tasks.get(name, {})
    if not isinstance(given, Mapping) or "kind" in given:
        return dict(tasks)
    like = _group(tasks, "emphysema") if dataset in NAMES else {}
    return {**tasks, name: {**like, "kind": "finding", "finding": finding, **given}}


def _filled(task: Any, dataset: str, training: Mapping[str, Any]) -> Any:
    """Return a task with the defaults of its data set, its kind and the group `training`."""
    kind = str(task.get("kind")) if isinstance(task, Mapping) else ""
    if kind not in KINDS or kind == "predictions":
        return task
    filled = dict(task)
    if kind == "finding" and ("splits" in task or dataset != "chestxray14"):
        filled.setdefault("positives", None)  # as `splits`
    if dataset != "chestxray14":
        filled.setdefault("splits", FRACTIONS)
        if kind == "finding":
            filled.setdefault("cohort", "all")
    own = task.get("training", {})
    if isinstance(own, Mapping):
        filled["training"] = {**training, **KINDS[kind].schedule, **own}
    return filled
