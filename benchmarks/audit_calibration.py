"""What reading a sample brings to the ranking, and whether its promises hold.

    python benchmarks/audit_calibration.py findings RUN READS       # real radiographs
    python benchmarks/audit_calibration.py classes FILE             # as CIFAR-10N's predictions
    python benchmarks/audit_calibration.py strengths RUN READS      # of the priors

RUN is the folder `probe` or `folds` of a run without added noise, READS a file of expert reads.

`findings` reads 200 of the images, drawn by patient, and tests on the images of the other patients,
over 50 splits. It compares the average precision over all findings of three rankings: by the
network's self-confidence (cleanlab's), by the same put through a calibration that knows nothing
else than finding and given value, and by ours. Intervals are a bootstrap of patients over the whole
procedure: patients are drawn anew, split, calibrated and tested; the interval is of a normal
distribution with the spread of the resamples. `strengths` says how the priors
change it, beside the log loss within the images that are read, which tests nothing.

`classes` reads 400 labels and follows the ranking: the label accuracy after so many reviews.
"""

import argparse
import os
import sys
from pathlib import Path
from unittest import mock

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as a job has
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.metrics import average_precision_score, log_loss  # noqa: E402
from sklearn.model_selection import GroupKFold  # noqa: E402

from cxrnoise.audit import calibration, regression  # noqa: E402
from cxrnoise.audit.ranking import ranking  # noqa: E402
from cxrnoise.core import manifests  # noqa: E402
from cxrnoise.core.manifests import UNKNOWN  # noqa: E402
from cxrnoise.reading import truth  # noqa: E402
from cxrnoise.scores import run  # noqa: E402

READ, SPLITS, RESAMPLES, SPLITS_OF_RESAMPLE = 200, 50, 200, 5
DEPTHS = (100, 500)
LABELS_READ, REVIEWS, DRAWS = 400, (2500, 5000), 50
ALONE, PLAIN, OURS = "self-confidence", "the same, calibrated", "ours"
STRENGTHS = {"FINDING": (0.5, 1.0, 2.0), "ALL_LOGITS": (0.0, 0.375, 0.75, 1.5)}


def of_run(folder: Path, reads: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the ranking of a run, and the verdicts on its labels."""
    one = run.read(folder / "labels.parquet", folder / "predictions.parquet", None, ["test"])
    score = manifests.read(folder / "scores" / "self_confidence.parquet", "scores")
    verdicts = truth.read(reads, one.classes, truth.MAJORITY)
    verdicts = verdicts[(verdicts["true_label"] != UNKNOWN) & verdicts["image"].isin(one.images)]
    return ranking(one, score), verdicts


class Archive:
    """The labels that were read, with what the regression knows of them, ours and plain."""

    def __init__(self, ranked: pd.DataFrame, verdicts: pd.DataFrame) -> None:
        table = ranked.merge(verdicts, how="left", on=["image", "label"])
        self.read = np.flatnonzero(table["true_label"].notna())
        self.wrong = (table["true_label"] != table["given_label"]).to_numpy()
        self.score = table["score"].to_numpy()
        self.image, self.patient = table["image"].to_numpy(), table["patient"].to_numpy()
        self.columns = {OURS: regression.columns(ranked), PLAIN: _without_logits(ranked)}
        images = table.iloc[self.read].drop_duplicates("image")
        self.images_of = images["patient"].value_counts()

    def split(self, rng: np.random.Generator, patients: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return which rows are read and which are tested; a patient drawn twice is there twice."""
        names, times = np.unique(patients, return_counts=True)
        order = rng.permutation(len(names))
        names, times = names[order], times[order]
        drawn = np.cumsum(self.images_of[names].to_numpy() * times) <= READ
        rows = []
        for side in (drawn, ~drawn):
            often = dict(zip(names[side], times[side], strict=True))
            rows.append(np.repeat(self.read, [often.get(p, 0) for p in self.patient[self.read]]))
        return tuple(rows)

    def measured(self, read: np.ndarray, tested: np.ndarray) -> dict[str, float]:
        """Return how good the three rankings are, and how much better ours is."""
        patient = pd.factorize(self.patient[read])[0]
        reads = regression.Reads(read, self.wrong[read], np.ones(len(read)), patient)
        values = {ALONE: self.score[tested]}
        for name, columns in self.columns.items():
            values[name] = regression.fit(columns, reads).probability(columns[tested])
        wrong, found = self.wrong[tested], {}
        for measure, of in {"AP": average_precision_score, "P@100": _precision}.items():
            for name, value in values.items():
                found[f"{measure}, {name}"] = of(wrong, value)
            for other in (ALONE, PLAIN):
                difference = found[f"{measure}, {OURS}"] - found[f"{measure}, {other}"]
                found[f"{measure}, {OURS} less {other}"] = difference
        return found


def _precision(wrong: np.ndarray, value: np.ndarray) -> float:
    return wrong[np.argsort(-value)[:100]].mean()


def _without_logits(ranked: pd.DataFrame):
    with mock.patch.object(regression, "ALL_LOGITS", 0.0):
        return regression.columns(ranked)


def findings(folder: Path, reads: Path) -> None:
    ranked, verdicts = of_run(folder, reads)
    archive = Archive(ranked, verdicts)
    everyone = archive.images_of.index.to_numpy()
    sides = [archive.split(np.random.default_rng(n), everyone) for n in range(SPLITS)]
    points = [archive.measured(*side) for side in sides]
    resampled = []
    for number in range(RESAMPLES):
        rng = np.random.default_rng((number, 1))
        patients = rng.choice(everyone, len(everyone))
        of_splits = [archive.split(rng, patients) for _ in range(SPLITS_OF_RESAMPLE)]
        resampled.append(pd.DataFrame([archive.measured(*side) for side in of_splits]).mean())
    wrong = archive.wrong[archive.read].sum()
    print(f"{len(everyone)} patients, {len(archive.read)} labels, {wrong} of them wrong")
    print(_table(points, resampled).to_markdown(index=False, floatfmt=".3f"))
    held = [_promises(archive, ranked, verdicts, *side) for side in sides]
    print(pd.concat(held).groupby("k").mean().to_markdown(floatfmt=".2f"))


def _table(points: list[dict], resampled: list[pd.Series]) -> pd.DataFrame:
    """Return the means with the 95 % interval of a normal distribution.

    A resample has fewer different patients to learn from, and some twice, so that its own mean is
    off; only its spread is taken.
    """
    value, of_resamples = pd.DataFrame(points).mean(), pd.DataFrame(resampled)
    reach = 1.96 * of_resamples.std()
    table = pd.DataFrame({"value": value, "low": value - reach, "high": value + reach})
    table["mean of resamples"] = of_resamples.mean()
    return table.rename_axis("measure").reset_index()


def _promises(
    archive: Archive,
    ranked: pd.DataFrame,
    verdicts: pd.DataFrame,
    read: np.ndarray,
    tested: np.ndarray,
) -> pd.DataFrame:
    """Return what was expected and found among the first labels of those tested."""
    images = np.unique(archive.image[read])
    sample = pd.DataFrame({"image": images, "rate": len(images) / ranked["image"].nunique()})
    said = verdicts[verdicts["image"].isin(images)]
    after = calibration.ranked(ranked, calibration.calibrate(ranked, sample, said), said)
    # The labels that are tested come first, so that the first k are among them.
    keys = pd.MultiIndex.from_frame(after[["image", "label"]])
    of_test = keys.isin(pd.MultiIndex.from_frame(ranked.iloc[tested][["image", "label"]]))
    after["rank"] = np.lexsort((after["rank"], ~of_test)).argsort() + 1
    after = after.sort_values("rank", ignore_index=True)
    expected = calibration.first(after, sample, said).set_index("k").loc[list(DEPTHS)]
    true = after.merge(verdicts, how="left", on=["image", "label"])
    wrong = (true["true_label"] != true["given_label"]).to_numpy().cumsum()[np.array(DEPTHS) - 1]
    return (
        expected[["wrong", "low", "high"]]
        .assign(found=wrong, inside=expected["low"].le(wrong) & expected["high"].ge(wrong))
        .reset_index()
    )


def strengths(folder: Path, reads: Path) -> None:
    ranked, verdicts = of_run(folder, reads)
    rows = []
    for name, values in STRENGTHS.items():
        for value in values:
            with mock.patch.object(regression, name, value):
                archive = Archive(ranked, verdicts)
            everyone = archive.images_of.index.to_numpy()
            for number in range(SPLITS):
                read, tested = archive.split(np.random.default_rng(number), everyone)
                ap = archive.measured(read, tested)[f"AP, {OURS}"]
                rows.append((name, value, _loss(archive, read), ap))
    table = pd.DataFrame(rows, columns=["prior", "deviation", "loss within the reads", "AP"])
    print(table.groupby(["prior", "deviation"]).mean().reset_index().to_markdown(index=False))


def _loss(archive: Archive, read: np.ndarray) -> float:
    columns, patient = archive.columns[OURS], pd.factorize(archive.patient[read])[0]
    chance = np.empty(len(read))
    for others, own in GroupKFold(5).split(read, groups=patient):
        reads = regression.Reads(read, archive.wrong[read], np.ones(len(read)), patient)
        chance[own] = regression.fit(columns, reads.part(others)).probability(columns[read[own]])
    return log_loss(archive.wrong[read], chance)


def classes(path: Path) -> None:
    held = pd.read_parquet(path)
    probabilities = held.filter(regex=r"^p\d+$").to_numpy(np.float64)
    given = held["given_label"].to_numpy()
    chance = 1 - probabilities[np.arange(len(held)), given]
    image = held["image"].astype(str)
    before = pd.DataFrame({"image": image, "patient": image, "label": "label"}).assign(
        given_label=given, suggested=probabilities.argmax(axis=1), probability=chance, score=chance
    )
    before = before.assign(rank=before["score"].rank(ascending=False, method="first").astype(int))
    wrong = (held["true_label"] != held["given_label"]).to_numpy()
    verdicts = before[["image", "label"]].assign(true_label=held["true_label"])
    rows = []
    for number in range(DRAWS):
        drawn = np.random.default_rng(number).choice(len(held), LABELS_READ, replace=False)
        sample = before.iloc[drawn][["image"]].assign(rate=LABELS_READ / len(held))
        said = verdicts.iloc[drawn]
        calibrated = calibration.calibrate(before, sample, said)
        after = calibration.ranked(before, calibrated, said)
        expected = calibration.first(after, sample, said).set_index("k")
        for depth in (*DEPTHS, 5000, len(held)):
            found = wrong[np.argsort(-calibrated["calibrated"], kind="stable")[:depth]].sum()
            low, high = expected.loc[depth, ["low", "high"]]
            rows.append((f"expected among the first {depth}", low <= found <= high))
        for name, score in ((ALONE, chance), (OURS, calibrated["calibrated"]), ("oracle", wrong)):
            order = np.argsort(-np.asarray(score, float), kind="stable")
            rows.append((f"AP, {name}", average_precision_score(wrong, score)))
            for reviews in REVIEWS:
                right = 1 - (wrong.sum() - wrong[order[:reviews]].sum()) / len(wrong)
                rows.append((f"label accuracy after {reviews} reviews, {name}", right))
    table = pd.DataFrame(rows, columns=["what", "mean"]).groupby("what", sort=False).mean()
    print(table.to_markdown(floatfmt=".4f"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (findings, strengths):
        of = commands.add_parser(command.__name__)
        of.add_argument("folder", type=Path)
        of.add_argument("reads", type=Path)
        of.set_defaults(run=command)
    of = commands.add_parser("classes")
    of.add_argument("path", type=Path)
    of.set_defaults(run=classes)
    options = vars(parser.parse_args())
    del options["command"]
    options.pop("run")(**options)
