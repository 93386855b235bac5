from cxrnoise.audit import sample
from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job

with job(snakemake):
    params = snakemake.params
    ranking = manifests.read(snakemake.input.ranking, "ranking")
    choice = {key: params[key] for key in ("draw", "first", "seed", "name")}
    made_by = {**choice, "by": params.by, "score": params.score}
    table = sample.design(ranking, **choice)
    described = provenance.describe(made_by, params.code)
    manifests.write(table, snakemake.output.design, "design", described)
