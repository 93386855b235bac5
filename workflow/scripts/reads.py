from cxrnoise.core import manifests, provenance
from cxrnoise.core.errors import UserError
from cxrnoise.core.jobs import job
from cxrnoise.reading import truth

with job(snakemake):
    files, wildcards = snakemake.input, snakemake.wildcards
    cohort = manifests.read(files.cohort, "cohort")
    reads = truth.reads(files.reads, cohort["label"].unique())
    if not reads["image"].isin(cohort["image"]).any():
        raise UserError(
            f"None of the images of {files.reads} is in the cohort of the task {wildcards.task}: "
            f"name another file in detection.{wildcards.task}.truth.{wildcards.truth}."
        )
    described = provenance.describe(dict(wildcards.items()), snakemake.params.code)
    manifests.write(reads, snakemake.output.reads, "reads", described)
