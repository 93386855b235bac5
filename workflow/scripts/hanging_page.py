from pathlib import Path

from cxrnoise.core import provenance
from cxrnoise.core.jobs import job
from cxrnoise.images.shards import Reader
from cxrnoise.report import hanging, pages

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    made_by = provenance.describe({"dataset": params.dataset}, params.code)
    html = hanging.html(
        hanging.read(files.lists),
        Reader(files.shards),
        params.dataset,
        params.phantom,
        Path(files.templates[0]).parent,
        made_by,
    )
    pages.write_text(html, snakemake.output.html)
