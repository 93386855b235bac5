"""Whether the count of an audit holds: the sample drawn again and again where all labels are known.

    python benchmarks/audit_simulation.py findings --labels labels.parquet \
        --predictions predictions.parquet --reads majority.csv
    python benchmarks/audit_simulation.py classes --predictions FILE

`findings` takes the labels and the predictions of a run (such as `.../probe/`) and expert reads;
the images that were read are the archive, and a part of them is read again. `classes` takes
predictions from elsewhere whose file has the true labels. `findings` with `--simulated 3` lets so
many simulated readers say what is true, who err as those of the configuration do; `--reads` is then
the phantoms' `truth.csv`, and the coverage of both is printed: of what these readers would say of
the whole archive, and of the truth. Each draw goes the whole way of an audit:
design, sample, calibration, count. Beside it stands a simple random sample of as many images.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as a job has
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from cxrnoise.audit import calibration, counts  # noqa: E402
from cxrnoise.audit import ranking as rankings  # noqa: E402
from cxrnoise.audit import sample as samples  # noqa: E402
from cxrnoise.core.settings.models import SimulatedReader  # noqa: E402
from cxrnoise.reading import answers, sources, truth  # noqa: E402
from cxrnoise.scores import run, self_confidence  # noqa: E402
from cxrnoise.tasks import values  # noqa: E402
from cxrnoise.tasks.kinds import predictions as elsewhere  # noqa: E402

ROW = ["label", "direction", "method"]
MANY = 20  # wrong labels of a finding whose coverage is held to a target of its own


def findings_archive(arguments) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return labels, ranking and verdicts of the images that experts read for all findings."""
    judged = run.read(arguments.labels, arguments.predictions, None, ["test"])
    names = judged.labels["label"].unique()
    verdicts = truth.read(arguments.reads, names, "majority")
    verdicts = verdicts[verdicts["image"].isin(judged.images)]
    return archive(judged, verdicts)


def by_simulated_readers(labels: pd.DataFrame, path: str, readers: int) -> pd.DataFrame:
    """Return the verdicts of simulated readers on all images of a run."""
    images = pd.DataFrame({"image": labels["image"].unique(), "role": samples.SAMPLE})
    key = sources.key_without_cases(images)
    options = sources.Simulation(**SimulatedReader(readers=readers).model_dump())
    asked = answers.Asked(labels["label"].unique().tolist())
    known = pd.read_csv(path, keep_default_na=False)
    return truth.verdicts(sources.simulated_for_audit(key, known, asked, options), "majority")


def classes_archive(arguments) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return labels, ranking and verdicts of predictions from elsewhere with true labels."""
    labels, predictions, classes, exclusive = elsewhere.read(arguments.predictions, {})
    labels = labels.assign(given_label=labels["reported_label"], flipped=False)
    labels.attrs["classes"] = classes if exclusive else values.CLASSES
    probabilities = predictions[classes].to_numpy()
    judged = run.Run(labels, labels["image"].to_numpy(), probabilities, None, classes, exclusive)
    verdicts = labels[["image", "label", "true_label"]].assign(votes=1, readers=1)
    return archive(judged, verdicts)


def archive(judged: run.Run, verdicts: pd.DataFrame):
    scores = judged.labels[["image", "label"]].assign(
        value=judged.of_labels(self_confidence.score(judged))
    )
    ranking = rankings.ranking(judged, scores)
    labels, ranking = (
        table[table["image"].isin(verdicts["image"])].reset_index(drop=True)
        for table in (judged.labels, ranking)
    )
    return labels, ranking, verdicts


def simulate(labels, ranking, verdicts, images: int, draws: int, seed: int, draw: str):
    """Return the counts of many samples, one below the other, with the number of the draw."""
    random = np.random.default_rng(seed)
    design = samples.design(ranking, draw, 0, seed, "simulation")
    found = []
    nothing = ranking[["image", "label"]].assign(calibrated=0.0)
    for number in range(draws):
        drawn = design.assign(number=random.random(len(design)))
        sample = samples.sample(drawn, images)
        read = verdicts[verdicts["image"].isin(sample["image"])]
        chance = nothing
        if draw != samples.SIMPLE:
            chance = calibration.calibrate(ranking, sample, read, number)
        counted = counts.count(labels, drawn, sample, read, chance)
        found.append(counted.assign(draw=number))
    return pd.concat(found, ignore_index=True)


def truth_of(labels, ranking, verdicts) -> pd.Series:
    """Return how many labels are wrong, by label, direction and method: all of them read."""
    design = samples.design(ranking, samples.SIMPLE, 0, 0, "census")
    everything = samples.sample(design, len(design))
    nothing = ranking[["image", "label"]].assign(calibrated=0.0)
    counted = counts.count(labels, design, everything, verdicts, nothing)
    return counted.set_index(ROW)["found"].rename("true")


def summary(found: pd.DataFrame, true: pd.Series) -> pd.DataFrame:
    """Return of each row: true, mean, coverage (percent) and mean width."""
    table = found.join(true, on=ROW)
    table["covered"] = 100 * table["true"].between(
        table["wrong_low"] - 1e-9, table["wrong_high"] + 1e-9
    )
    table["width"] = table["wrong_high"] - table["wrong_low"]
    columns = ["true", "wrong", "covered", "width"]
    return table.groupby(ROW, sort=False)[columns].mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    findings, classes = kinds.add_parser("findings"), kinds.add_parser("classes")
    for name in ("labels", "predictions", "reads"):
        findings.add_argument(f"--{name}", required=True, help=f"file of the {name}")
    classes.add_argument("--predictions", required=True, help="file with true labels")
    for kind, images in ((findings, 100), (classes, 400)):
        kind.add_argument("--images", type=int, default=images, help="images to read")
        kind.add_argument("--draws", type=int, default=1000)
        kind.add_argument("--seed", type=int, default=0)
    findings.add_argument("--simulated", type=int, default=0, help="number of simulated readers")
    arguments = parser.parse_args()

    made = findings_archive if arguments.kind == "findings" else classes_archive
    tables = made(arguments)
    true = in_truth = truth_of(*tables)
    if arguments.kind == "findings" and arguments.simulated:
        said = by_simulated_readers(tables[0], arguments.reads, arguments.simulated)
        tables = (*tables[:2], said)
        true = truth_of(*tables)
    start = time.monotonic()
    options = (arguments.images, arguments.draws, arguments.seed)
    drawn = simulate(*tables, *options, samples.STRATIFIED)
    ours = summary(drawn, true)
    simple = summary(simulate(*tables, *options, samples.SIMPLE), true)
    # a simple random sample has no strata and no model, so it has one method
    beside = simple.xs(counts.STRATIFIED, level="method")[["covered", "width"]]
    table = ours.join(beside.add_prefix("simple_"), on=ROW[:2])
    table["ratio"] = table["width"] / table["simple_width"]
    one, three = "{:.1f}".format, "{:.3f}".format
    print(table.to_string(float_format=one, formatters={"ratio": three}))

    labels = tables[0]
    print(f"{arguments.images} of {labels['image'].nunique()} images, {arguments.draws} draws,")
    print(f"{time.monotonic() - start:.0f} s")
    total = table.loc[(counts.ALL, counts.ANY, counts.DIFFERENCE)]
    print(f"total: coverage {total['covered']:.1f} %, width {total['ratio']:.3f} of simple random")
    if in_truth is not true:
        total = summary(drawn, in_truth).loc[(counts.ALL, counts.ANY, counts.DIFFERENCE)]
        print(f"the truth, not the readers: {total['true']:.0f}, coverage {total['covered']:.1f} %")
    for method in (counts.STRATIFIED, counts.DIFFERENCE):
        single = table.xs((counts.ANY, method), level=ROW[1:]).drop(counts.ALL)
        many = single[single["true"] >= MANY]
        print(
            f"single, {method}: coverage {single['covered'].mean():.1f} % on average, at least "
            f"{many['covered'].min():.1f} % where {MANY} or more are wrong"
        )


if __name__ == "__main__":
    main()
