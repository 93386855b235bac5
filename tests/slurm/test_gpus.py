"""Thirty-five trainings on a Slurm with eight GPUs."""

from datetime import datetime

import cluster as slurm

LEVELS = [0, 1, 2, 4, 8, 16, 32]
SEEDS = [0, 1, 2, 3, 4]
MODELS = [
    f"results/situs/noise-{level}/seed-{seed}/model.keras" for level in LEVELS for seed in SEEDS
]


def test_thirty_five_trainings_run_eight_at_a_time_and_nothing_else_holds_a_gpu(cluster):
    """Prints how many GPUs were in use from when on, as Slurm's log has it."""
    settings = slurm.TINY.replace(slurm.LEVELS, f"noise_levels: {LEVELS}") + f"seeds: {SEEDS}\n"
    project = slurm.Project(cluster, "gpus", settings)
    project.run("--", *MODELS, minutes=30)

    rules = {job["JobId"]: job["Rule"] for job in project.jobs() if slurm.holds_gpu(job)}
    assert list(rules.values()) == ["train"] * 35
    trainings = [entry for entry in cluster.completed() if entry["JobId"] in rules]
    assert [entry["JobState"] for entry in trainings] == ["COMPLETED"] * 35
    history = in_use(trainings)
    print(*(f"{time:%H:%M:%S} {gpus}" for time, gpus in history), sep="\n")
    assert max(gpus for _, gpus in history) == 8


def in_use(jobs):
    """Return how many of the jobs ran from each moment on."""
    # Slurm's log has whole seconds; those that end in one make room for those that start in it.
    changes = [(datetime.fromisoformat(job["EndTime"]), -1) for job in jobs]
    changes += [(datetime.fromisoformat(job["StartTime"]), 1) for job in jobs]
    history, running = {}, 0
    for time, change in sorted(changes):
        running += change
        history[time] = running
    return list(history.items())
