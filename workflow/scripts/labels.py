import logging

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.images.shards import Reader
from cxrnoise.tasks.content import content, known
from cxrnoise.tasks.noise import flip

with job(snakemake):
    params, wildcards, files = snakemake.params, snakemake.wildcards, snakemake.input
    cohort, classes = manifests.read(files.cohort, "cohort"), manifests.classes(files.cohort)
    noise = {"model": params.model, "level": params.level, "noisy_splits": params.noisy_splits}
    options = {**params.options, "name": wildcards.task, "probed": files.get("probed")}
    labels = flip.labels(cohort, classes, **noise, options=options, seed=int(wildcards.seed))
    described = provenance.describe({**noise, **options, "seed": wildcards.seed}, params.code)
    manifests.write(labels, snakemake.output.labels, "labels", described, classes=classes)
    flips = flip.flips(labels, classes)
    logging.info(
        "asked for %g %% of flipped labels, drawn:\n%s", params.level, flips.to_string(index=False)
    )
    with replacing(snakemake.output.flips) as temporary:
        flips.to_csv(temporary, index=False)
    pixels = Reader(files.shards).digests(labels["image"].unique()) if files.shards else []
    with replacing(snakemake.output.content) as temporary:
        temporary.write_text(f"{content(labels, pixels)}  labels and pixels\n")
    with replacing(snakemake.output.known) as temporary:
        temporary.write_text(f"{known(labels)}  all that is known of the labels\n")
