from pathlib import Path

from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import audit, audited, pages

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    task = snakemake.wildcards.task
    found = audited.load(
        files,
        task=task,
        dataset=params.dataset,
        rule=params.verdict,
        phantom=task in params.phantoms,
    )
    made_by = provenance.describe({"dataset": params.dataset, "task": task}, params.code)
    templates = Path(files.templates[0]).parent
    pages.write_text(audit.markdown(found), output.markdown)
    pages.write_text(audit.html(found, templates, made_by), output.html)
