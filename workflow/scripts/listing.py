from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import chestxray14

with job(snakemake):
    source, folder = snakemake.wildcards.source, snakemake.input.folder
    made_by = provenance.describe({"source": source, "path": folder}, snakemake.params.code)
    listing = chestxray14.listing(source, folder)
    manifests.write(listing, snakemake.output.listing, "listing", made_by)
