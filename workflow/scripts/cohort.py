import logging

import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job
from cxrnoise.report import pages
from cxrnoise.tasks.cohorts import counts
from cxrnoise.tasks.registry import KINDS

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    options = {**params.options, "name": wildcards.task}
    path = snakemake.input.get("index")  # predictions from elsewhere have none
    index = manifests.read(path, "index") if path else None
    cohort = KINDS[params.kind].cohort(index, options, int(wildcards.seed))
    made_by = {"kind": params.kind, **options, "seed": wildcards.seed}
    described = provenance.describe(made_by, params.code)
    manifests.write(
        cohort.frame, snakemake.output.cohort, "cohort", described, classes=cohort.classes
    )
    left_out = pd.DataFrame(cohort.left_out.items(), columns=["why", "images"])
    pages.write_csv(left_out, snakemake.output.left_out)
    images = cohort.frame["image"].nunique()
    if index is not None:
        outside = len(index) - images
        logging.info(
            "%d of the %d images are in the cohort, %d are outside", images, len(index), outside
        )
    logging.info("the cohort:\n%s", counts(cohort).to_string(index=False))
