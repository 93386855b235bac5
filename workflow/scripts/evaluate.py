import logging

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.report import curves, figures
from cxrnoise.statistics import evaluation

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    labels = manifests.read(snakemake.input.labels, "labels")
    predictions = manifests.read(snakemake.input.predictions, "predictions")
    test, validation = (
        evaluation.predicted(labels, predictions, split) for split in ("test", "val")
    )
    table = evaluation.evaluate(test, validation, int(snakemake.wildcards.seed))
    logging.info("against the given labels:\n%s", table.to_string(index=False))
    with replacing(output.table) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")

    title = f"{params.finding}, {params.dataset}"
    figure = curves.draw(test, table, title)
    made_by = provenance.describe(
        {"dataset": params.dataset, "finding": params.finding}, params.code
    )
    figures.save(figure, output.svg, made_by)
    figures.save(figure, output.png, made_by)
