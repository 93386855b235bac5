"""Checks of keys against each other."""

from cxrnoise.core.errors import UserError
from cxrnoise.core.names import slug
from cxrnoise.core.settings.models import RESERVED, Settings

# Names of classes by kind of task; those of `classes` stand in the table of labels.
CLASSES = {
    "situs": {"unmirrored", "mirrored"},
    "finding": {"absent", "present"},
    "findings": {"absent", "present"},
}


def check(settings: Settings) -> None:
    """Check keys against each other; raise `UserError` with one sentence for the first fault."""
    _check_finding(settings)
    _check_data(settings)
    for name, task in settings.tasks.items():
        if task.kind != "predictions":
            _check_crop(name, task, settings.shards.size)
            _check_noise(name, task)
    for name, detected in settings.detection.items():
        _check_detection(name, detected, settings.tasks)
    _check_probe(settings)
    _check_audit(settings)
    _check_hanging(settings)


def _check_hanging(settings: Settings) -> None:
    by, tasks = settings.hanging.by, settings.tasks
    upright = [name for name, task in tasks.items() if task.kind == "orientation"]
    if by not in ("probe", *upright):
        raise UserError(
            f"The configuration key hanging.by is {by}, but should be probe or a task of kind "
            f"orientation ({', '.join(upright) or 'there is none'})."
        )


def _check_audit(settings: Settings) -> None:
    audit, tasks = settings.audit, settings.tasks
    judged = [name for name, task in tasks.items() if task.kind not in ("situs", "orientation")]
    if audit.task is not None and audit.task not in judged:
        raise UserError(
            f"The configuration key audit.task is {audit.task}, but the tasks whose labels people "
            f"can read are {', '.join(judged) or 'none'}: name one of them."
        )
    if audit.first > audit.images:
        raise UserError(
            f"The configuration key audit.first is {audit.first}, but audit.images, which counts "
            f"them, is {audit.images}: lower the one or raise the other."
        )
    if audit.readings == "simulated" and settings.dataset.kind != "phantom":
        raise UserError(
            "The configuration key audit.readings is simulated, but simulated readers need the "
            "truth, which is known only for dataset.kind phantom: set it to room or to a file."
        )


def _check_detection(name: str, detected, tasks) -> None:
    task = tasks.get(name)
    if task is None or task.kind == "orientation":
        judged = [name for name, task in tasks.items() if task.kind != "orientation"]
        raise UserError(
            f"The configuration key detection.{name} names no task whose labels can be judged: "
            f"the tasks are {', '.join(judged)}."
        )
    levels = detected.levels or []
    unknown = [level for level in levels if level not in task.noise_levels]
    if unknown:
        raise UserError(
            f"The configuration key detection.{name}.levels has {unknown[0]:g}, which is not in "
            f"tasks.{name}.noise_levels: add it there, or take it out here."
        )
    if task.kind == "predictions":
        if detected.by != ["test"]:
            raise UserError(
                f"The configuration key detection.{name}.by is {', '.join(detected.by)}, but the "
                "predictions of this task are from elsewhere and judged as they are: set it to "
                "[test]."
            )
        return
    if not detected.truth and task.kind != "situs":
        raise UserError(
            f"The configuration key detection.{name}.truth is empty, but nobody knows which labels "
            f"of a task of kind {task.kind} are wrong: name readers in it."
        )
    if detected.truth and task.kind in ("situs", "classes"):
        raise UserError(
            f"The configuration key detection.{name}.truth names readers, who say which findings "
            f"an image has, but this task is of kind {task.kind}: take it out."
        )
    if not detected.truth and 0 in levels:
        raise UserError(
            f"The configuration key detection.{name}.levels has 0, at which no label was flipped: "
            f"take it out, or name readers in detection.{name}.truth."
        )
    noisy = any(levels or task.noise_levels)
    if set(detected.by) - {"test"} and noisy and len(task.noisy_splits) < 3:
        raise UserError(
            f"The configuration key tasks.{name}.noisy_splits is {', '.join(task.noisy_splits)}, "
            f"but detection.{name}.by judges every image of the cohort: set it to [train, val, "
            "test]."
        )


def _check_finding(settings: Settings) -> None:
    name = slug(settings.finding)
    kind = settings.tasks[name].kind
    if kind != "finding":
        raise UserError(
            f"The configuration key finding is {settings.finding}, but the task {name} is of kind "
            f"{kind}: name a finding, or give that task another name."
        )


def _check_data(settings: Settings) -> None:
    kind, results, images = settings.dataset.kind, settings.results, settings.images
    if settings.readings == "simulated" and kind != "phantom":
        raise UserError(
            "The configuration key readings is simulated, but simulated readers need the truth, "
            "which is known only for dataset.kind phantom: set readings to room or to a file."
        )
    if any(f"{images}/".startswith(f"{results}/{name}/") for name in RESERVED | {*settings.tasks}):
        raise UserError(
            f"The configuration key images is {images}, but the run puts its own files there, "
            f"because results is {results}: set results to another folder."
        )


def _check_probe(settings: Settings) -> None:
    network, tasks = settings.probe.network, settings.tasks
    upright = [name for name, task in tasks.items() if task.kind == "orientation"]
    if network not in ("pretrained", *upright):
        raise UserError(
            f"The configuration key probe.network is {network}, but should be pretrained or a task "
            f"of kind orientation ({', '.join(upright) or 'there is none'})."
        )
    if network == "pretrained":
        return
    for name, detected in settings.detection.items():
        if "probe" in detected.by and tasks[name].kind == "situs":
            raise UserError(
                f"The configuration key detection.{name}.by has probe, but the network {network} "
                "of probe.network has learnt which images are mirrored, which is the truth of this "
                "task: set probe.network to pretrained."
            )


def _check_crop(name: str, task, size: int) -> None:
    if task.crop > size:
        raise UserError(
            f"The configuration key tasks.{name}.crop is {task.crop} pixels, but must be at most "
            f"shards.size, which is {size}."
        )


def _check_noise(name: str, task) -> None:
    known = CLASSES.get(task.kind)
    unknown = set(task.class_rates) - known if known else None
    if unknown:
        raise UserError(
            f"The configuration key tasks.{name}.class_rates names the class {min(unknown)}, but "
            f"the classes of this task are {' and '.join(sorted(known))}."
        )
    if "instance" in task.noise_models and task.kind == "orientation":
        raise UserError(
            f"The configuration key tasks.{name}.noise_models has instance, but the labels of a "
            "task of kind orientation are all alike, so that none is harder: take it out."
        )
    if "class_conditional" not in task.noise_models:
        return
    if not task.class_rates:
        raise UserError(
            f"The configuration key tasks.{name}.class_rates is empty, but noise_models has "
            "class_conditional: give a factor for each class, such as {present: 1, absent: 0.1}."
        )
    for label, rate in task.class_rates.items():
        rate = sum(rate.values()) if isinstance(rate, dict) else rate
        if max(task.noise_levels) * rate > 100:
            raise UserError(
                f"The configuration key tasks.{name}.class_rates has {rate:g} for the class "
                f"{label}, which would flip more than all of its labels at the noise level "
                f"{max(task.noise_levels):g}: lower the factor or the level."
            )
