from cxrnoise import chestxray14, manifests, provenance
from cxrnoise.files import replacing
from cxrnoise.jobs import job

with job(snakemake):
    params, output, report_path = snakemake.params, snakemake.output, snakemake.log.report
    entries = chestxray14.metadata(snakemake.input.metadata)
    listings = [manifests.read(path, "listing") for path in snakemake.input.listings]

    index, report = chestxray14.index(entries, listings, params.images_per_shard)
    chestxray14.write_report(report, report_path)
    chestxray14.check(report, params.tolerated, report_path)

    made_by = provenance.describe({"images_per_shard": params.images_per_shard}, params.code)
    manifests.write(index, output.index, "index", made_by)
    with replacing(output.digest) as temporary:
        temporary.write_text(f"{chestxray14.digest(index)}  content of index.parquet\n")
