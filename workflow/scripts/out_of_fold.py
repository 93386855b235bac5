import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job

with job(snakemake):
    files = list(snakemake.input)
    folds = [manifests.read(file, "predictions") for file in files]
    manifests.write(
        pd.concat(folds, ignore_index=True),
        snakemake.output[0],
        "predictions",
        provenance.describe(dict(snakemake.wildcards.items()), snakemake.params.code),
        classes=manifests.classes(files[0]),
    )
