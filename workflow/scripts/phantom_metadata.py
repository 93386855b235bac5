"""Write the phantom data set's metadata, noisy as text-mined findings are, and its truth."""

from cxrnoise import phantom
from cxrnoise.files import replacing
from cxrnoise.jobs import job

with job(snakemake):
    frame = phantom.patients(dict(snakemake.params.phantom))
    tables = {
        snakemake.output.metadata: phantom.metadata(frame),
        snakemake.output.truth: phantom.truth(frame),
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False)
