from pathlib import Path

from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import detected, detection, pages, reviews, saving

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    read = (detected.read(path) for path in (files.detection, files.reviews, files.readers))
    parts = detected.parts(*read, params.phantoms)
    made_by = provenance.describe({"dataset": params.dataset}, params.code)
    templates = Path(files.templates[0]).parent

    pages.write_text(detection.markdown(parts), output.markdown)
    pages.write_text(detection.html(parts, params.dataset, templates, made_by), output.html)
    figure = reviews.panels(parts, params.dataset)
    saving.save(figure, output.svg, made_by)
    saving.save(figure, output.png, made_by)
