"""Write the phantom data set's metadata, noisy as text-mined findings are, and its truth."""

from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.datasets.phantom import patients

with job(snakemake):
    frame = patients.patients(dict(snakemake.params.phantom))
    tables = {
        snakemake.output.metadata: patients.metadata(frame),
        snakemake.output.truth: patients.truth(frame),
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False)
