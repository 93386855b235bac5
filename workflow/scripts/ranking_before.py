import logging

from cxrnoise.audit import ranking
from cxrnoise.core import manifests, provenance
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job
from cxrnoise.scores import run

with job(snakemake):
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    judged = run.read(files.labels, files.predictions, None, ["test"])
    scores = manifests.read(files.scores, "scores")
    table = ranking.ranking(judged, scores)
    described = provenance.describe({"by": params.by, "score": params.score}, params.code)
    manifests.write(table, output.ranking, "ranking", described)
    with replacing(output.csv) as temporary:
        ranking.for_people(table).to_csv(temporary, index=False)
    logging.info(
        "%d labels of %d images, ranked by %s; the probabilities are the model's, not calibrated",
        len(table),
        table["image"].nunique(),
        params.score,
    )
