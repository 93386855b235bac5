"""The workflow on a real Slurm: what its jobs ask for, and what becomes of killed ones."""

import re
import shutil
import signal
from collections import Counter

import pytest

import cluster as slurm

RUN = "results/situs/noise-8/seed-0"
TABLE = "results/table1.csv"


@pytest.fixture(scope="session")
def undisturbed(cluster):
    """A project that ran from phantoms to Table 1 without a disturbance."""
    project = slurm.Project(cluster, "undisturbed", slurm.TINY)
    project.run("--", TABLE)
    return project


def restart_slurmd(project, job, running):
    project.cluster.restart_node()
    return running


def crash(project, job, running):
    project.cluster.restart_node(lost_job=job)
    return running


def cancel(project, job, running):
    project.cluster.slurm("scancel", job)
    return running


def requeue(project, job, running):
    project.cluster.slurm("scontrol", "requeue", job)
    return running


def kill_snakemake(project, job, running):
    running.send_signal(signal.SIGKILL)
    running.wait()
    project.run("--unlock")
    return project.start("--", TABLE)


# The crash comes early: a node that goes down with a job half cancelled is drained by Slurm.
DISTURBANCES = (restart_slurmd, crash, cancel, requeue, kill_snakemake)


@pytest.fixture(scope="session")
def disturbed(undisturbed):
    """A project for each disturbance, which came while it trained again."""
    projects = [undisturbed.copied(disturb.__name__) for disturb in DISTURBANCES]
    for project in projects:
        (project.folder / TABLE).unlink()
        shutil.rmtree(project.folder / RUN / "scores")
        for file in (project.folder / RUN).iterdir():
            if file.name not in ("labels.parquet", "flips.csv", "content.sha256"):
                file.unlink()
    running = []
    for disturb, project in zip(DISTURBANCES, projects, strict=True):
        snakemake = project.start("--", TABLE)
        checkpoint = project.folder / RUN / "progress/checkpoint.keras"
        slurm.wait_until(checkpoint.exists, f"the checkpoint before {disturb.__name__}", 300)
        (job,) = trainings(project)
        running.append(disturb(project, job["JobId"], snakemake))
    for project, snakemake in zip(projects, running, strict=True):
        project.finish(snakemake)
    return {project.folder.name: project for project in projects}


def trainings(project):
    return [job for job in project.jobs() if job["Rule"] == "train"]


def test_only_training_and_monte_carlo_jobs_hold_a_gpu(undisturbed):
    gpus = Counter(job["Rule"] for job in undisturbed.jobs() if slurm.holds_gpu(job))
    assert gpus == {"train": 1, "mcbn": 1}
    assert len(undisturbed.jobs()) == 16


def test_shards_are_the_tasks_of_one_array(undisturbed):
    shards = [job for job in undisturbed.jobs() if job["Rule"] == "shard"]
    assert {job["ArrayTaskId"] for job in shards} == {"1", "2", "3"}
    assert len({job["ArrayJobId"] for job in shards}) == 1


def test_every_job_leaves_its_log(undisturbed):
    logs = undisturbed.folder / "results/logs/slurm"
    for job in undisturbed.jobs():
        name = job["JobId"]
        if "ArrayJobId" in job:
            name = f"{job['ArrayJobId']}_{job['ArrayTaskId']}"
        (log,) = (logs / f"rule_{job['Rule']}").rglob(f"{name}.log")
        assert re.search(rf"(rule|checkpoint) {job['Rule']}:", log.read_text())


@pytest.mark.parametrize("disturbance", [disturb.__name__ for disturb in DISTURBANCES])
def test_a_disturbed_training_ends_in_the_same_table(disturbed, undisturbed, disturbance):
    assert disturbed[disturbance].read(TABLE) == undisturbed.read(TABLE)


def test_a_cancelled_training_is_submitted_again_and_continues(disturbed):
    first, second = trainings(disturbed["cancel"])
    assert (first["JobState"], second["JobState"]) == ("CANCELLED", "COMPLETED")
    assert int(second["MinMemoryNode"][:-1]) == 2 * int(first["MinMemoryNode"][:-1])
    assert continued(disturbed["cancel"])


def test_a_training_goes_on_while_slurmd_is_away(disturbed):
    (job,) = trainings(disturbed["restart_slurmd"])
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "0")
    assert not continued(disturbed["restart_slurmd"])


@pytest.mark.parametrize("disturbance", ["requeue", "crash"])
def test_slurm_starts_a_requeued_training_and_one_of_a_lost_node_again(disturbed, disturbance):
    (job,) = trainings(disturbed[disturbance])
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    assert continued(disturbed[disturbance])


def test_a_training_outlives_snakemake_and_serves_the_next_one(disturbed):
    project = disturbed["kill_snakemake"]
    states = [job["JobState"] for job in trainings(project)]
    # A training that ended before the next Snakemake looked is all there is.
    assert states[0] != "CANCELLED"
    assert states[-1] == "COMPLETED"
    assert not (project.folder / RUN / "progress").exists()


def continued(project):
    return "resuming after step" in project.read(f"results/logs/{RUN[8:]}/train.log")
