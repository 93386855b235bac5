from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.datasets import chestxray14

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    entries = chestxray14.metadata(snakemake.input.metadata)
    listings = (
        frame for path in snakemake.input.listings for frame in manifests.frames(path, "listing")
    )
    index, report = chestxray14.index(entries, listings, params.images_per_shard)
    chestxray14.write_report(report, params.report)
    chestxray14.check(report, params.tolerated, params.report)

    made_by = provenance.describe({"images_per_shard": params.images_per_shard}, params.code)
    manifests.write(index, output.index, "index", made_by)
    digest = chestxray14.digest(manifests.frames(output.index, "index"))
    with replacing(output.digest) as temporary:
        temporary.write_text(f"{digest}  content of index.parquet\n")
