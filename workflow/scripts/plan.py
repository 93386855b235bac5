import pandas as pd

from cxrnoise.audit import plan
from cxrnoise.core import manifests
from cxrnoise.core.files import replacing
from cxrnoise.core.jobs import job

COLUMNS = ["image", "patient", "label", "given_label", "rank", "calibrated"]

with job(snakemake):
    images, files = snakemake.params.images, snakemake.input
    design = manifests.read(files.design, "design")
    read = pd.read_parquet(files.ranking, columns=COLUMNS)
    read = read.rename(columns={"calibrated": "probability"})
    widths = plan.plan(design, read, images, plan.READINGS)
    plan.say(widths, images)
    with replacing(snakemake.output.plan) as temporary:
        widths.to_csv(temporary, index=False)
