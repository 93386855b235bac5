from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.images import packing

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    wanted = packing.rows(snakemake.input.index, int(snakemake.wildcards.shard))
    shape = {"size": params.size, "resampling": params.resampling}
    made_by = provenance.describe(shape, params.code)

    with packing.writing(output.shard, **shape, provenance=made_by, images=len(wanted)) as writer:
        if params.archives:
            archives = dict(zip(params.archives, snakemake.input.pixels, strict=True))
            packing.pack_archives(wanted, archives, writer)
        else:
            packing.pack_files(wanted, writer)
    packing.write_remarks(writer.remarks, wanted, params.report)
    packing.write_digest(output.shard, output.digest)
