"""The workflow in small: a copy of it, and the configuration of a run on tiny phantoms."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKFLOW = ("Snakefile", "config", "envs", "profiles", "rules", "workflow")
TINY = """
dataset: {kind: phantom}
images: results/phantom
metadata: results/phantom/Data_Entry_2017_v2020.csv
weights: none
phantom:
  patients: 60
  pa_images: 70
  ap_images: 6
  size: 64
  parts: 2
  seed: 1
  emphysema_rate: 0.15
  subcutaneous_rate: 0.03
  device_rate: 0.08
  missed_rate: 0.3
  false_positive_rate: 0.03
  subcutaneous_reported_rate: 0.8
shards: {size: 48, number: 3}
tasks:
  situs:
    noise_levels: [0, 8]
    splits: {train: 30, val: 10, test: 20}
    crop: 28
  emphysema:
    cohort: all
    splits: {train: 0.6, val: 0.15, test: 0.25}
    positives: {train: 0.6, val: 0.15, test: 0.25}
    crop: 40
    training: {epochs: 2, validate_every_steps: 5}
network: {backbone: small, threads: 1, gpus: 0}
training: {epochs: 4, batch_size: 4, validate_every_steps: 5, checkpoint_minutes: 0}
uncertainty: {samples: 3, batch_size: 4}
"""


def copy_workflow(folder, configuration=TINY):
    """Copy the workflow into a new folder, with `tiny.yaml` as its configuration."""
    folder.mkdir(parents=True)
    for name in WORKFLOW:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    (folder / "tiny.yaml").write_text(configuration)
