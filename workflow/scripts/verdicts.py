from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.scores import run, verdict

with job(snakemake):
    files = snakemake.input
    test = run.read(files.labels, files.predictions, files.get("mcbn"), snakemake.params.splits)
    manifests.write(
        verdict.verdicts(test),
        snakemake.output.verdicts,
        "verdicts",
        provenance.describe(dict(snakemake.wildcards.items()), snakemake.params.code),
    )
