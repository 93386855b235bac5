from pathlib import PurePosixPath

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.datasets import folders, views
from cxrnoise.datasets.registry import DATASETS
from cxrnoise.images import packing

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    source, archive = snakemake.wildcards.source, snakemake.input.archive
    shape = {"size": params.size, "resampling": params.resampling}
    made_by = provenance.describe({"source": source, "path": archive, **shape}, params.code)
    entries = DATASETS[params.kind].read(snakemake.input.metadata, **params.columns)
    wanted = views.wanted(entries, params.views)

    with packing.writing(
        snakemake.output.pixels, **shape, provenance=made_by, images=None
    ) as writer:

        def keep(path: str, data: bytes) -> None:
            if PurePosixPath(path).name in wanted:
                writer.add(path, data)

        found = folders.listing(source, archive, params.images, keep)
    manifests.write(found, output.listing, "listing", made_by)
