from pathlib import Path

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import audit, audited, pages

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    task = snakemake.wildcards.task
    tables = ("counts", "agreement", "first", "corrections", "impact")
    ranking = manifests.read(files.ranking, "calibrated")
    found = audited.Audit(
        task=task,
        dataset=params.dataset,
        **{name: audited.read(files[name]) for name in tables},
        ranking=ranking.head(audited.SHOWN),
        classes=ranking.attrs["classes"],
        sample=manifests.read(files.sample, "sample"),
        verdicts=manifests.read(files.verdicts, "audit_verdicts"),
        readings=manifests.read(files.readings, "audit_readings"),
        rule=params.verdict,
        phantom=task in params.phantoms,
        folder=str(Path(files.counts).parent),
        figure=Path(files.figure).read_bytes(),
        figure_path=files.figure,
    )
    made_by = provenance.describe({"dataset": params.dataset, "task": task}, params.code)
    templates = Path(files.templates[0]).parent
    pages.write_text(audit.markdown(found), output.markdown)
    pages.write_text(audit.html(found, templates, made_by), output.html)
