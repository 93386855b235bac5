import logging

from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.report import curves, saving
from cxrnoise.scores import run
from cxrnoise.statistics import evaluation

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    test = run.read(files.labels, files.predictions, None, ["test"])
    validation = None
    if "val" in set(manifests.read(files.labels, "labels")["split"]):
        validation = run.read(files.labels, files.predictions, None, ["val"])
    table = evaluation.evaluate(test, validation, int(snakemake.wildcards.seed))
    logging.info("against the given labels:\n%s", table.to_string(index=False))
    with replacing(output.table) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")

    figure = curves.draw(test, table, f"{params.what}, {params.dataset}")
    made_by = provenance.describe({"dataset": params.dataset, "what": params.what}, params.code)
    saving.save(figure, output.svg, made_by)
    saving.save(figure, output.png, made_by)
