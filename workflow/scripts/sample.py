from cxrnoise.audit import plan, sample
from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    sample.check(files.design, params.choice)
    design = manifests.read(files.design, "design")
    ranking = manifests.read(files.ranking, "ranking")
    sample.compare(design, ranking)
    drawn = sample.sample(design, params.images, params.suspicious)
    made_by = {"images": params.images, "suspicious": params.suspicious}
    described = provenance.describe(made_by | params.choice, params.code)
    manifests.write(drawn, output.sample, "sample", described)
    widths = plan.plan(design, ranking, params.images)
    plan.say(widths, params.images)
    tables = {
        output.csv: drawn[["image", "stratum", "role"]],
        output.plan: widths,
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            table.to_csv(temporary, index=False)
