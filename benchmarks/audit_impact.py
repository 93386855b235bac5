"""What reviewing some labels is worth where the truth is known.

    python benchmarks/audit_impact.py        # phantoms: label accuracy, and a network trained anew
    python benchmarks/audit_impact.py FILE   # predictions from elsewhere, such as CIFAR-10N's

Labels are reviewed in these orders:

- random;
- cleanlab: its self-confidence;
- calibrated: ours, the ranking after the sample of an audit was read. These reads, which the count
  needs anyway, are not among the reviews;
- audit: ours, the sample first and then that ranking, so that every read counts as a review;
- oracle, which knows what is wrong.

A reader of this benchmark is always right.

Phantoms: situs at 16 % of wrong labels. A tenth of the labels of the training and validation splits
is reviewed, and corrected where wrong (relabelled); or the same number, the first of the order, is
left out, without anybody reading it. Then the network is trained anew, and judged by the true
labels of the test split. Three seeds, each with labels, splits and networks of its own. The audit's
probabilities are those of networks of other folds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as a job has
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from cxrnoise.audit import calibration, ranking, sample  # noqa: E402
from cxrnoise.core import manifests  # noqa: E402
from cxrnoise.core.randomness import uniform  # noqa: E402
from cxrnoise.scores import run, self_confidence  # noqa: E402
from cxrnoise.statistics import detection  # noqa: E402
from cxrnoise.tasks.kinds import predictions, situs  # noqa: E402

RESULTS = ROOT / "results" / "audit-impact"
NOISE, SEEDS = "class_conditional-16", (0, 1, 2)
SHARE, SAMPLED = 0.1, 0.025  # of the labels: reviewed, and of these read as a sample first
RANDOM, CLEANLAB, ORACLE = "random", "cleanlab", "oracle"
CALIBRATED, AUDIT = OURS = ("calibrated", "audit")
RELABELLED, LEFT_OUT = "relabelled", "left out"
READ, DRAWS, REVIEWED = 400, 5, (2500, 5000)  # of predictions from elsewhere
# Those of benchmarks/audit-impact.yaml.
CROP = 60
SCHEDULE = {
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "batch_norm_decay": 0.99,
    "validate_every_steps": 100,
    "stop_below": 0,
    "checkpoint_minutes": 60,
}
CONFIGURED = ["--configfile", "config/demo.yaml", "benchmarks/audit-impact.yaml"]


def orders(judged: run.Run, true: pd.Series, read: int, seed: int) -> pd.DataFrame:
    """Return the labels of a run with a score for each order, higher = reviewed earlier.

    Parameters
    ----------
    true: the true label of each image, by image.
    read: the size of the sample that the audit reads first.
    """
    confidence = judged.of_labels(self_confidence.score(judged))
    scores = judged.labels[["image", "label"]].assign(value=confidence)
    table = ranking.ranking(judged, scores)
    drawn = sample.sample(sample.design(table, sample.STRATIFIED, 0, seed, "benchmark"), read)
    verdicts = table[["image", "label"]].assign(true_label=table["image"].map(true))
    verdicts = verdicts[verdicts["image"].isin(drawn["image"])]
    calibrated = calibration.calibrate(table, drawn, verdicts, seed)["calibrated"]
    sampled = table["image"].isin(drawn["image"])
    draws = uniform(seed, "order of reviews", table["image"])
    wrong = table["image"].map(true) != table["given_label"]
    return table[["image", "patient", "label", "given_label"]].assign(
        wrong=wrong,
        **{
            RANDOM: draws,
            CLEANLAB: table["score"],
            CALIBRATED: calibrated,
            AUDIT: np.where(sampled, 2 + draws, calibrated),
            ORACLE: wrong + draws / 2,
        },
    )


def from_elsewhere(path: str) -> None:
    """Print the label accuracy after reviews of predictions that others made."""
    labels, predicted, classes, exclusive = predictions.read(path, {})
    labels = labels.assign(given_label=labels["reported_label"], flipped=False)
    labels.attrs["classes"] = classes
    probabilities = predicted[classes].to_numpy(np.float32)
    judged = run.Run(labels, labels["image"].to_numpy(), probabilities, None, classes, exclusive)
    true = labels.set_index("image")["true_label"]
    tables = [orders(judged, true, READ, seed) for seed in range(DRAWS)]
    curves = detection.reviews(
        [table.drop(columns=[RANDOM, ORACLE]) for table in tables], further=REVIEWED
    )
    wanted = curves[curves["reviewed"].isin((0, *REVIEWED))]
    print(wanted.pivot(index="score", columns="reviewed", values="label_accuracy").to_string())
    for reviewed in REVIEWED:
        for order in OURS:
            found = [int(table.nlargest(reviewed, order)["wrong"].sum()) for table in tables]
            print(f"wrong among the first {reviewed}, {order}, by sample: {sorted(found)}")


def phantoms() -> None:
    """Print label accuracies, and accuracies of networks that were trained anew, of each seed."""
    folder = RESULTS / "situs" / f"noise-{NOISE}"
    runs = [folder / f"seed-{seed}" / "folds" for seed in SEEDS]
    targets = [path / file for path in runs for file in ("predictions.parquet", "labels.parquet")]
    snakemake = [sys.executable, "-m", "snakemake", "--cores", "1", *CONFIGURED, "--"]
    named = [str(target.relative_to(ROOT)) for target in targets]
    subprocess.run([*snakemake, *named], cwd=ROOT, check=True)
    rows = [row for seed in SEEDS for row in of_seed(folder / f"seed-{seed}", seed)]
    table = pd.DataFrame(rows, columns=["seed", "labels", "order", "label_accuracy", "accuracy"])
    table.to_csv(RESULTS / "impact.csv", index=False)
    print(table.to_string(index=False))
    groups = table.groupby(["labels", "order"], sort=False)[["label_accuracy", "accuracy"]]
    print(groups.agg(["mean", "min", "max"]).round(4).to_string())


def of_seed(folder: Path, seed: int):
    """Yield what was done with the labels of a seed, in which order, and both accuracies."""
    labels = manifests.read(folder / "labels.parquet", "labels")
    reviewed = labels[labels["split"] != "test"]
    judged = run.read(
        folder / "folds" / "labels.parquet",
        folder / "folds" / "predictions.parquet",
        None,
        ["test"],
    )
    inside = np.isin(judged.images, reviewed["image"])  # one label an image, in this order
    part = replace(
        judged,
        labels=judged.labels[inside].reset_index(drop=True),
        images=judged.images[inside],
        probabilities=judged.probabilities[inside],
    )
    true = labels.set_index("image")["true_label"]
    table = orders(part, true, round(SAMPLED * len(reviewed)), seed)
    budget = round(SHARE * len(reviewed))
    network = Network(seed)
    yield seed, "as given", "", label_accuracy(reviewed), network.accuracy(labels)
    for order in (RANDOM, CLEANLAB, *OURS, ORACLE):
        first = labels["image"].isin(table.nlargest(budget, order)["image"])
        given = labels["given_label"].where(~first, labels["true_label"])
        changed = labels.assign(given_label=given, flipped=given != labels["reported_label"])
        accuracy = label_accuracy(changed[labels["split"] != "test"])
        yield seed, RELABELLED, order, accuracy, network.accuracy(changed)
        if order in (CLEANLAB, ORACLE):  # the others come from reading, or from nothing
            rest = labels[~first].reset_index(drop=True)
            accuracy = label_accuracy(rest[rest["split"] != "test"])
            yield seed, LEFT_OUT, order, accuracy, network.accuracy(rest)


def label_accuracy(labels: pd.DataFrame) -> float:
    return float((labels["given_label"] == labels["true_label"]).mean())


class Network:
    """The small network of the folds, trained anew for each accuracy; all begin alike."""

    def __init__(self, seed: int):
        from cxrnoise.networks import runtime

        self._seed, self._shards = seed, sorted((RESULTS / "images" / "shards").glob("*.h5"))
        runtime.start(1, seed)

    def accuracy(self, labels: pd.DataFrame) -> float:
        """Train on given labels; return the share of true labels of the test split that it says."""
        from cxrnoise.networks import checkpoints, inputs, objectives, training
        from cxrnoise.networks.quick import keras

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path = folder / "labels.parquet"
            manifests.write(labels, path, "labels", "{}", situs.CLASSES)
            source = inputs.Source(path, self._shards, "situs", CROP, None)
            schedule = training.Schedule(**SCHEDULE)
            keras.utils.set_random_seed(self._seed)
            objective = objectives.exclusive(len(situs.CLASSES))
            model = training.initial_model("small", CROP, schedule, objective, None, False)
            splits = source.training(self._seed), source.validation()
            with checkpoints.opened(folder / "progress", "") as progress:
                begun = schedule, self._seed, checkpoints.State(), progress, folder / "tensorboard"
                training.train(model, *splits, *begun)
            test = source.evaluated(["test"])
            said = model.predict(inputs.evaluation_batches(test, 128), verbose=0).argmax(axis=1)
        true = labels.set_index("image")["true_label"].loc[test.image]
        return float((said == true.to_numpy()).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="predictions from elsewhere, with true labels")
    file = parser.parse_args().file
    if file:
        from_elsewhere(file)
    else:
        phantoms()


if __name__ == "__main__":
    main()
