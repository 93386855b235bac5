import pandas as pd

from cxrnoise.audit import impact
from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import detected, pages, saving
from cxrnoise.report import impact as figures
from cxrnoise.scores import run

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    sample, verdicts = (
        manifests.read(files.sample, "sample"),
        manifests.read(files.verdicts, "audit_verdicts"),
    )
    audited = run.read(files.labels, files.predictions, None, ["test"])
    tables = [impact.shift(audited, sample, verdicts, params.seed)]
    if files.get("after"):
        before, after = (
            run.read(files.corrected, predictions, None, ["test"])
            for predictions in (files.before, files.after)
        )
        of_thresholds = ["test"] if params.out_of_fold else ["val"]
        owns = (
            run.read(files.given, files.before, None, of_thresholds),
            run.read(files.corrected, files.after, None, of_thresholds),
        )
        read = (sample, verdicts) if params.out_of_fold else None
        tables.append(impact.retraining(before, after, owns, params.seed, read))
    table = pd.concat(tables, ignore_index=True)
    pages.write_csv(table, output.table)
    warnings = detected.warnings(snakemake.wildcards.task in params.phantoms, params.simulated)
    figure = figures.draw(table, f"{warnings}What corrected labels change: {params.dataset}")
    made_by = provenance.describe(dict(snakemake.wildcards.items()), params.code)
    saving.save(figure, output.svg, made_by)
    saving.save(figure, output.png, made_by)
