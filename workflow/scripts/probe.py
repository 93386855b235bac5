import pandas as pd

from cxrnoise.core import manifests, provenance, samples
from cxrnoise.core.features import read_as_shown, write_features
from cxrnoise.core.jobs import job
from cxrnoise.probe import classifier
from cxrnoise.tasks.splits import of_folds

with job(snakemake):
    params, wildcards, outputs = snakemake.params, snakemake.wildcards, snakemake.output
    seed = int(wildcards.seed)
    labels = manifests.read(snakemake.input.labels, "labels")
    values = manifests.classes(snakemake.input.labels)
    names = labels["label"].unique().tolist() if params.kind == "findings" else values
    columns = labels["label"].nunique()
    first = labels.iloc[::columns]  # the labels of an image follow each other
    given = labels["given_label"].to_numpy(int).reshape(len(first), columns)
    files = snakemake.input
    features = read_as_shown(files.unmirrored, files.get("mirrored"), first)
    options = classifier.Options(params.dimensions, params.strengths, params.heads)
    probabilities, heads = classifier.out_of_fold(
        features,
        given if params.kind == "findings" else given[:, 0],
        first["patient"].to_numpy(str),
        of_folds(labels, params.folds, seed)[::columns],
        names,
        options,
        seed,
    )
    reduced = classifier.reduced(features, params.dimensions, seed)
    made_by = {key: value for key, value in params.items() if key != "code"}
    described = provenance.describe({**made_by, **wildcards}, params.code)
    predictions = pd.DataFrame(probabilities, columns=names)
    predictions.insert(0, "image", first["image"].to_numpy())
    predictions.insert(1, "split", "test")
    manifests.write(predictions, outputs.predictions, "predictions", described, classes=names)
    images, splits = predictions["image"], predictions["split"]
    samples.write(outputs.heads, heads, images, splits, names, described)
    write_features(outputs.features, reduced, images, described)
