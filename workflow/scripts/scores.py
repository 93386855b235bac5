from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.scores import measures

with job(snakemake):
    params, run = snakemake.params, snakemake.input
    files = (run.labels, run.predictions, run.mcbn)
    by_validation = params.groups == "val-quantiles"
    scores = measures.score(
        measures.read_run(*files, split="test"),
        confidence_from=params.confidence,
        rule=params.groups,
        sd_factor=params.sd_factor,
        validation=measures.read_run(*files, split="val") if by_validation else None,
    )
    config = {
        "confidence": params.confidence,
        "groups": params.groups,
        "sd_factor": params.sd_factor,
        **dict(snakemake.wildcards.items()),
    }
    manifests.write(
        scores, snakemake.output.scores, "scores", provenance.describe(config, params.code)
    )
