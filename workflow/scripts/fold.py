from pathlib import Path

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.tasks import folds
from cxrnoise.tasks.content import content, known

with job(snakemake):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    whole, classes = manifests.read(files.labels, "labels"), manifests.classes(files.labels)
    labels = folds.of_fold(whole, int(wildcards.fold), params.folds, int(wildcards.seed))
    described = provenance.describe({"folds": params.folds, **dict(wildcards.items())}, params.code)
    manifests.write(labels, snakemake.output.labels, "labels", described, classes=classes)
    digest = content(labels, Path(files.content).read_text().split()[:1])
    with replacing(snakemake.output.content) as temporary:
        temporary.write_text(f"{digest}  labels and pixels\n")
    with replacing(snakemake.output.known) as temporary:
        temporary.write_text(f"{known(labels)}  all that is known of the labels\n")
