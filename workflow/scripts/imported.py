from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.tasks.kinds import predictions

with job(snakemake):
    params, file = snakemake.params, snakemake.input.file
    _, table, classes, _ = predictions.read(file, params.options)
    made_by = provenance.describe({"file": file, **params.options}, params.code)
    manifests.write(table, snakemake.output.predictions, "predictions", made_by, classes=classes)
