import logging

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.tasks.content import content
from cxrnoise.tasks.noise import flip

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    cohort = manifests.read(snakemake.input.cohort, "cohort")
    classes = manifests.classes(snakemake.input.cohort)
    noise = {"model": params.model, "level": params.level, "noisy_splits": params.noisy_splits}
    options = {**params.options, "name": wildcards.task}
    labels = flip.labels(cohort, classes, **noise, options=options, seed=int(wildcards.seed))
    described = provenance.describe({**noise, **options, "seed": wildcards.seed}, params.code)
    manifests.write(labels, snakemake.output.labels, "labels", described, classes=classes)
    flips = flip.flips(labels, classes)
    logging.info("labels flipped at level %g:\n%s", params.level, flips.to_string(index=False))
    with replacing(snakemake.output.flips) as temporary:
        flips.to_csv(temporary, index=False)
    with replacing(snakemake.output.digest) as temporary:
        temporary.write_text(content(labels) + "\n")
