from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import folders

with job(snakemake):
    source, folder = snakemake.wildcards.source, snakemake.input.folder
    made_by = provenance.describe({"source": source, "path": folder}, snakemake.params.code)
    found = folders.listing(source, folder, snakemake.params.images)
    manifests.write(found, snakemake.output.listing, "listing", made_by)
