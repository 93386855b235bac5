"""Runs of each kind of task, made by hand, for tests."""

import numpy as np
import pandas as pd

from cxrnoise.core.manifests import UNKNOWN
from cxrnoise.scores.run import Run


def names(n):
    return np.array([f"{number:08d}_000.png" for number in range(n)])


def labels(images, label, true, given, split="test", patient=None):
    """Return rows of the table `labels`; a label that is not known is `UNKNOWN`."""
    true, given = np.asarray(true, "int8"), np.asarray(given, "int8")
    return pd.DataFrame(
        {
            "image": images,
            "patient": images if patient is None else patient,
            "split": split,
            "label": label,
            "mirrored": False,
            "true_label": true,
            "reported_label": np.where(true == UNKNOWN, given, true),
            "given_label": given,
            "flipped": (true != UNKNOWN) & (true != given),
        }
    )


def exclusive(true, given, probabilities, samples=None, classes=("absent", "present"), **options):
    """Return a run with one label an image."""
    probabilities = np.asarray(probabilities, "float32")
    images = names(len(probabilities))
    table = labels(images, options.pop("label", "Emphysema"), true, given, **options)
    samples = None if samples is None else np.asarray(samples, "float32")
    return Run(table, images, probabilities, samples, list(classes), True)


def findings(true, given, probabilities, samples=None, classes=("Effusion", "Mass"), **options):
    """Return a run with a label of each finding; true and given are (n, K)."""
    probabilities = np.asarray(probabilities, "float32")
    n, k = probabilities.shape
    images = names(n)
    patient = np.repeat(options.pop("patient", images), k)
    table = labels(
        np.repeat(images, k),
        np.tile(classes, n),
        np.ravel(true),
        np.ravel(given),
        patient=patient,
        **options,
    )
    samples = None if samples is None else np.asarray(samples, "float32")
    return Run(table, images, probabilities, samples, list(classes), False)
