from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import chestxray14
from cxrnoise.images import shards

with job(snakemake):
    params, source = snakemake.params, snakemake.wildcards.source
    archive = snakemake.input.archive
    shape = {"size": params.size, "resampling": params.resampling}
    made_by = provenance.describe({"source": source, "path": archive, **shape}, params.code)
    wanted = chestxray14.pa_images(chestxray14.metadata(snakemake.input.metadata))

    with shards.writing(snakemake.output.pixels, **shape, provenance=made_by) as writer:

        def keep(image: str, data: bytes) -> None:
            if image in wanted:
                writer.add(image, data)

        listing = chestxray14.listing(source, archive, keep)
    manifests.write(listing, snakemake.output.listing, "listing", made_by)
