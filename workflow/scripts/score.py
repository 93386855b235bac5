from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.scores import run, tables

with job(snakemake):
    params, files = snakemake.params, snakemake.input

    def read(splits):
        paths = (files.labels, files.predictions, files.get("samples"))
        parts = ("members", "augmented", "dropout", "features", "dynamics")
        further = {part: files.get(part, ()) for part in parts}
        return run.read(*paths, splits, params.confidence_from, **further)

    scores = tables.scored(
        read(params.splits),
        params.score,
        rule=params.groups,
        sd_factor=params.sd_factor,
        validation=read(["val"]) if params.groups == "val-quantiles" else None,
    )
    config = {
        "score": params.score,
        "confidence_from": params.confidence_from,
        "groups": params.groups,
        "sd_factor": params.sd_factor,
        **dict(snakemake.wildcards.items()),
    }
    manifests.write(
        scores, snakemake.output.scores, "scores", provenance.describe(config, params.code)
    )
