"""Rankings before reading, made by hand, for tests of the audit."""

import numpy as np
import pandas as pd

import runs
from cxrnoise.audit.ranking import ranking
from cxrnoise.scores import tables

FINDINGS = ("Effusion", "Hernia", "Mass")
RATES = (0.3, 0.01, 0.1)


def of_findings(images=300, seed=0, names=FINDINGS, rates=RATES):
    """A ranking of labels that a fair model judges, of images that are patients."""
    rng = np.random.default_rng(seed)
    true = rng.random((images, len(names))) < rates
    given = true ^ (rng.random(true.shape) < 0.1)
    logits = np.where(true, 1.5, -2.0) + rng.normal(0, 1, true.shape)
    probability = 1 / (1 + np.exp(-logits))
    return of_run(runs.findings(true, given, probability, classes=names), ["absent", "present"])


def of_classes(images=300, seed=0, classes=("cat", "dog", "deer")):
    """A ranking of labels of which an image has one."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, len(classes), images)
    given = np.where(rng.random(images) < 0.1, (true + 1) % len(classes), true)
    logits = rng.normal(0, 1, (images, len(classes)))
    logits[np.arange(images), true] += 2
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    run = runs.exclusive(true, given, probability, classes=classes, label="label")
    return of_run(run, list(classes))


def of_run(run, classes):
    run.labels.attrs["classes"] = classes
    return ranking(run, tables.scored(run, "self_confidence"))


def shuffled(frame: pd.DataFrame, seed=1) -> pd.DataFrame:
    mixed = frame.sample(frac=1, random_state=seed).reset_index(drop=True)
    mixed.attrs = frame.attrs
    return mixed
