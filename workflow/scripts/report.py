from pathlib import Path

from cxrnoise.core.jobs import job
from cxrnoise.report import pages, whole
from cxrnoise.report.privacy import Names
from cxrnoise.report.sections.section import Study

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    names = Names(params.key)
    study = Study(
        dataset=params.dataset,
        phantom=params.phantom,
        simulated=params.simulated,
        config=params.config,
        pictures=params.pictures,
        names=names,
        first=params.first,
        defaults=params.defaults,
    )
    files = {
        section: {
            name.removeprefix(f"{section}_"): path
            for name, path in snakemake.input.items()
            if name.startswith(f"{section}_")
        }
        for section in params.sections
    }
    sections = whole.sections(files, study)
    html = whole.html(sections, study, Path(snakemake.input.templates[0]).parent)
    names.save()
    pages.write_text(html, output.html)
