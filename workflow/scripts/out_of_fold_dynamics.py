import pandas as pd

from cxrnoise.core import manifests, provenance
from cxrnoise.core.jobs import job

with job(snakemake):
    # A label has a row from each network that was trained on it.
    networks = pd.concat([manifests.read(file, "dynamics") for file in snakemake.input])
    means = networks.groupby(["image", "label"], sort=False, as_index=False).agg(
        margin=("margin", "mean"),
        probability=("probability", "mean"),
        forgotten=("forgotten", "mean"),
        epochs=("epochs", "mean"),
    )
    manifests.write(
        means,
        snakemake.output[0],
        "dynamics",
        provenance.describe(dict(snakemake.wildcards.items()), snakemake.params.code),
    )
