from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.images import shards

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    wanted = shards.rows(snakemake.input.index, int(snakemake.wildcards.shard))
    shape = {"size": params.size, "resampling": params.resampling}
    made_by = provenance.describe(shape, params.code)

    with shards.writing(output.shard, **shape, provenance=made_by, images=len(wanted)) as writer:
        if params.archives:
            archives = dict(zip(params.archives, snakemake.input.pixels, strict=True))
            shards.pack_archives(wanted, archives, writer)
        else:
            shards.pack_files(wanted, writer)
    shards.write_remarks(writer.remarks, wanted, params.report)
    shards.write_digest(output.shard, output.digest)
